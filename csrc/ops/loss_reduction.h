// What becomes of the elementwise losses.
#pragma once
#include <string_view>

#include "core/error.h"

namespace fb {

enum class LossReduction : uint8_t { None, Mean, Sum };

inline LossReduction loss_reduction(std::string_view text) {
  if (text == "mean" || text == "elementwise_mean") return LossReduction::Mean;
  if (text == "sum") return LossReduction::Sum;
  FB_CHECK_VALUE(text == "none", text, " is not a valid value for reduction");
  return LossReduction::None;
}

}  // namespace fb
