// How basic indexing is written down: four numbers for each entry of the key.
#pragma once
#include <cstdint>

namespace fb {

enum class KeyKind : int64_t {
  Integer,  // {index}: the dimension goes
  Slice,    // {start, end, step}: negative ones count from the end, others are clamped; step > 0
  NewAxis,  // {}: a dimension of size 1
  Keep,     // {count}: dimensions that stay as they are
};

}  // namespace fb
