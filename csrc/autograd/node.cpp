#include "autograd/node.h"

#include "autograd/mode.h"

namespace fb {

thread_local ThreadState tls __attribute__((tls_model("initial-exec")));

namespace {

std::atomic<uint64_t> g_sequence{1};

// The size goes before the object, because nodes carry a tail of varying length.
constexpr size_t kHeader = 16;

thread_local std::vector<Node*>* dying __attribute__((tls_model("initial-exec"))) = nullptr;

}  // namespace

Node::Node() : sequence_(g_sequence.fetch_add(1, std::memory_order_relaxed)) {}

void Node::renumber() { sequence_ = g_sequence.fetch_add(1, std::memory_order_relaxed); }

bool Node::drop() const { return static_cast<const Counted*>(this)->drop_atomically(); }

void Node::destroy(Node* node) {
  if (dying) {
    dying->push_back(node);
    return;
  }
  std::vector<Node*> queue;
  dying = &queue;
  delete node;
  while (!queue.empty()) {
    Node* next = queue.back();
    queue.pop_back();
    delete next;
  }
  dying = nullptr;
}

void* Node::operator new(size_t n, size_t extra) {
  size_t total = n + extra + kHeader;
  auto* block = static_cast<char*>(cpu_allocate(total));
  *reinterpret_cast<size_t*>(block) = total;
  return block + kHeader;
}

void Node::operator delete(void* p) {
  auto* block = static_cast<char*>(p) - kHeader;
  cpu_release(block, *reinterpret_cast<size_t*>(block));
}

}  // namespace fb
