// Conversion between element types, contiguous and strided.
#pragma once
#include "cpu/complex.h"

namespace fb::inline FB_CPU_NAMESPACE {

// n elements from `from` to `to`, both contiguous, in PyTorch's ways: complex to real drops the
// imaginary part, floating to integer truncates, anything but zero is true.
void convert(void* dst, DType to, const void* src, DType from, int64_t n);

// dst[i] = src[i * stride] and dst[i * stride] = src[i] for elements of `size` bytes (1, 2, 4, 8 or
// 16).
void gather(void* dst, const void* src, int64_t stride, int64_t size, int64_t n);
void scatter(void* dst, int64_t stride, const void* src, int64_t size, int64_t n);

// One element repeated n times.
void fill_block(void* dst, const void* element, int64_t size, int64_t n);

// What reads and writes this many bytes writes its result past the caches.
constexpr int64_t kStreamBytes = int64_t{24} << 20;
// Whether that is so of `nbytes`, and `dst` may be written in pieces of `piece` by stream_copy.
inline bool can_stream(const void* dst, int64_t nbytes, int64_t piece = 64) {
  return nbytes >= kStreamBytes && piece % 64 == 0 && reinterpret_cast<uintptr_t>(dst) % 64 == 0;
}

// memcpy past the caches: for results that are larger than they are. `dst` must lie on a multiple
// of 64 bytes.
void stream_copy(void* dst, const void* src, int64_t nbytes);
// Orders streamed stores before what follows; once after the last of them.
void stream_fence();

}  // namespace fb::inline FB_CPU_NAMESPACE
