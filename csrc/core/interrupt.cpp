#include "core/interrupt.h"

#include <chrono>

namespace fb {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kInterval = std::chrono::milliseconds(50);

std::atomic<void (*)()> the_hook{nullptr};

struct ThreadState {
  Clock::time_point next{};  // when to call the hook; zero: not decided yet
  int held = 0;
  const std::atomic<bool>* cancelled = nullptr;
};
#if defined(__linux__)
[[gnu::tls_model("initial-exec")]]
#endif
constinit thread_local ThreadState thread;

}  // namespace

void set_interrupt_hook(void (*hook)()) { the_hook.store(hook); }

void restart_interrupt_clock() { thread.next = {}; }

bool interrupt_due() {
  if (the_hook.load(std::memory_order_relaxed) == nullptr || thread.held > 0) return false;
  const auto now = Clock::now();
  if (thread.next == Clock::time_point{}) thread.next = now + kInterval;
  return now >= thread.next;
}

void ask_interrupt() {
  auto* hook = the_hook.load(std::memory_order_relaxed);
  if (hook == nullptr || thread.held > 0) return;
  restart_interrupt_clock();
  hook();
}

void check_interrupt() {
  if (thread.cancelled != nullptr && thread.cancelled->load(std::memory_order_relaxed)) {
    throw Cancelled();
  }
  if (interrupt_due()) ask_interrupt();
}

HoldInterrupts::HoldInterrupts() { ++thread.held; }
HoldInterrupts::~HoldInterrupts() { --thread.held; }

CancelledBy::CancelledBy(const std::atomic<bool>* failed) : before_(thread.cancelled) {
  thread.cancelled = failed;
}
CancelledBy::~CancelledBy() { thread.cancelled = before_; }

}  // namespace fb
