// The mode stack: what may stand between a caller and an operator (capture, profiling, NaN traps,
// vmap).
#pragma once
#include "ops/op.h"

namespace fb {

class Mode {
 public:
  virtual ~Mode() = default;
  // Runs with this mode taken off the stack; calls execute or dispatch to go on.
  virtual void handle(Call& call) = 0;
  Mode* below = nullptr;
};

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
