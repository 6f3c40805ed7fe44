// What the current thread does with each call of an operator.
#pragma once
#include <cstdint>

namespace fb {

class Mode;  // ops/mode.h

struct ThreadState {
  bool grad = true;
  bool inference = false;
  bool autocast = false;  // cast arguments as the operators' records say (ops/autocast.h)
  bool anomaly = false;   // remember where each node was made
  bool anomaly_check_nan = true;
  Mode* mode = nullptr;  // top of the mode stack
};

// Initial-exec: one instruction instead of a call per access.
extern thread_local ThreadState tls __attribute__((tls_model("initial-exec")));

inline bool grad_enabled() { return tls.grad; }

class GradGuard {
 public:
  explicit GradGuard(bool enabled) : before_(tls.grad) { tls.grad = enabled; }
  ~GradGuard() { tls.grad = before_; }
  GradGuard(const GradGuard&) = delete;
  GradGuard& operator=(const GradGuard&) = delete;

 private:
  bool before_;
};
struct NoGrad : GradGuard {
  NoGrad() : GradGuard(false) {}
};

}  // namespace fb
