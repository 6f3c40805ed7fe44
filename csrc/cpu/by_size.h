// What only moves elements needs to know their size, not their dtype.
#pragma once
#include "core/dtype.h"
#include "cpu/cpu.h"

namespace fb::inline FB_CPU_NAMESPACE {

// Calls f with a value of a type of `size` bytes: 1, 2, 4, 8 or 16.
template <class F>
void by_size(int64_t size, F f) {
  switch (size) {
    case 1:
      return f(uint8_t());
    case 2:
      return f(uint16_t());
    case 4:
      return f(uint32_t());
    case 8:
      return f(uint64_t());
    default:
      return f(complex128());
  }
}

}  // namespace fb::inline FB_CPU_NAMESPACE
