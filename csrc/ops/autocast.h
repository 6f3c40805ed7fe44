// Mixed precision: while a thread's autocast is on, arguments are cast as operators' records say.
#pragma once
#include "ops/op.h"

namespace fb {

struct AutocastState {
  DType dtype = DType::BFloat16;  // what Autocast::Lower casts to
  bool cache = true;              // keep the casts of parameters until the outermost region ends
  int nesting = 0;                // of regions
};
AutocastState& autocast_state();  // of this thread; whether it is on is tls.autocast

// Runs a call while autocast is on. What a recorded operator does inside is not cast again; the
// parts of a composite that has no rule of its own are.
void execute_autocast(Call& call);

void clear_autocast_cache();

}  // namespace fb
