// How exact products of float32 are.
#pragma once
#include <atomic>

namespace fb {

// Whether large ones may round their operands to bfloat16: set_float32_matmul_precision("medium").
inline std::atomic<bool> bfloat16_products{false};

}  // namespace fb
