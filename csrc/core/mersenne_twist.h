// The state transition of MT19937. It has internal linkage, because kernels compile it once more
// for each instruction set.
#pragma once
#include <cstdint>

namespace fb {
namespace {

constexpr int kTwistWords = 624;
constexpr int kTwistShift = 397;

inline uint32_t twisted(uint32_t upper, uint32_t lower) {
  const uint32_t mixed = (upper & 0x80000000u) | (lower & 0x7fffffffu);
  return (mixed >> 1) ^ (-(lower & 1u) & 0x9908b0dfu);
}

inline void twist_words(uint32_t* w) {
  constexpr int kTail = kTwistWords - kTwistShift;
  for (int i = 0; i < kTail; ++i) w[i] = w[i + kTwistShift] ^ twisted(w[i], w[i + 1]);
  for (int i = kTail; i < kTwistWords - 1; ++i) w[i] = w[i - kTail] ^ twisted(w[i], w[i + 1]);
  w[kTwistWords - 1] = w[kTwistShift - 1] ^ twisted(w[kTwistWords - 1], w[0]);
}

}  // namespace
}  // namespace fb
