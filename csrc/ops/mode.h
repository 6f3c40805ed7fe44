// The mode stack: what may stand between a caller and an operator (capture, profiling, NaN traps,
// vmap).
#pragma once
#include <atomic>

#include "ops/op.h"

namespace fb {

class Mode {
 public:
  virtual ~Mode() = default;
  // Runs with this mode taken off the stack; calls execute or dispatch to go on.
  virtual void handle(Call& call) = 0;
  Mode* below = nullptr;
};

// What lies beneath the stacks of all threads; null if nothing does. It stays there while it
// handles a call, so it sees what is executed, also inside other operators: the profiler's place.
extern std::atomic<Mode*> ground_mode [[gnu::visibility("hidden")]];
// Runs a call that has left the mode stack: through the ground, if there is one.
void execute_watched(Call& call);

// Pushes for a scope.
class ModeGuard {
 public:
  explicit ModeGuard(Mode* mode) : before_(tls.mode) {
    mode->below = before_;
    tls.mode = mode;
  }
  ~ModeGuard() { tls.mode = before_; }
  ModeGuard(const ModeGuard&) = delete;
  ModeGuard& operator=(const ModeGuard&) = delete;

 private:
  Mode* before_;
};

}  // namespace fb
