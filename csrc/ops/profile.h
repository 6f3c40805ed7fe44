// Records every operator that is executed, on all threads, into core/trace.
#pragma once
#include "core/trace.h"

namespace fb {

// `wanted`: bits of trace::Option.
void start_profile(uint32_t wanted);
std::vector<std::unique_ptr<trace::Log>> stop_profile();

}  // namespace fb
