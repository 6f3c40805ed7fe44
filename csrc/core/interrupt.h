// Ctrl-C during long work. Loops that may run for long ask now and then whether to go on; the hook,
// which the binding to Python sets, ends the work by an exception. What is asked often costs a look
// at the clock, and the hook is called no more than every 50 ms.
#pragma once
#include <algorithm>
#include <atomic>
#include <cstdint>

namespace fb {

// The hook throws to end the work of the calling thread. It may be called by any thread, and runs
// code that may use the library: hold no lock and no reference into a cache while asking.
void set_interrupt_hook(void (*hook)());

// The 50 ms begin anew with the first question after this: where a call begins.
void restart_interrupt_clock();

// Throws what the hook throws; and, in a chunk of a parallel loop that failed elsewhere, Cancelled.
void check_interrupt();

// The same in two steps, for those who have to put something in order before the hook runs.
bool interrupt_due();
void ask_interrupt();

// check_interrupt() for the steps of a loop: looks once in `kSteps` of them.
template <int kSteps>
class InterruptCheck {
 public:
  void step() {
    if (++steps_ % kSteps == 0) check_interrupt();
  }

 private:
  unsigned steps_ = 0;
};

// f(begin, end) over [0, n) in stretches, asking between them.
template <class F>
void in_stretches(int64_t n, int64_t stretch, F&& f) {
  for (int64_t begin = 0; begin < n; begin += stretch) {
    if (begin > 0) check_interrupt();
    f(begin, std::min(n, begin + stretch));
  }
}

// While one lives, its thread is not interrupted.
class HoldInterrupts {
 public:
  HoldInterrupts();
  ~HoldInterrupts();
  HoldInterrupts(const HoldInterrupts&) = delete;
};

// For the thread pool: who runs chunks names the flag that says whether the loop has failed.
struct Cancelled {};
class CancelledBy {
 public:
  explicit CancelledBy(const std::atomic<bool>* failed);
  ~CancelledBy();
  CancelledBy(const CancelledBy&) = delete;

 private:
  const std::atomic<bool>* before_;
};

}  // namespace fb
