#include <cstring>

#include "cpu/convert.h"
#include "cpu/elementwise.h"
#include "ops/copy_kernels.h"
#include "ops/joining_kernels.h"

namespace fb {
namespace {

constexpr int64_t kGrain = 128 << 10;  // bytes

// `rows` pieces of `piece` bytes each, one after the other in `src`, to places `step` bytes apart.
template <class T>
void scatter_elements(char* dst, int64_t step, const char* src, int64_t rows) {
  for (int64_t r = 0; r < rows; ++r)
    std::memcpy(dst + r * step, src + r * static_cast<int64_t>(sizeof(T)), sizeof(T));
}
void scatter_pieces(char* dst, int64_t step, const char* src, int64_t piece, int64_t rows,
                    bool stream) {
  switch (piece) {
    case 1:
      return scatter_elements<uint8_t>(dst, step, src, rows);
    case 2:
      return scatter_elements<uint16_t>(dst, step, src, rows);
    case 4:
      return scatter_elements<uint32_t>(dst, step, src, rows);
    case 8:
      return scatter_elements<uint64_t>(dst, step, src, rows);
    default:
      break;
  }
  for (int64_t r = 0; r < rows; ++r) {
    if (stream) {
      stream_copy(dst + r * step, src + r * piece, piece);
    } else {
      std::memcpy(dst + r * step, src + r * piece, static_cast<size_t>(piece));
    }
  }
}

void join_cpu(const Tensor& out, std::span<const Tensor> tensors, int64_t dim) {
  if (out.numel() == 0) return;
  const auto d = static_cast<size_t>(dim);
  int64_t rows = 1, inner = out.item_size();
  for (size_t k = 0; k < d; ++k) rows *= out.sizes()[k];
  for (size_t k = d + 1; k < out.sizes().size(); ++k) inner *= out.sizes()[k];
  const int64_t step = out.sizes()[d] * inner;  // bytes of a row of the result
  auto* data = static_cast<char*>(out.raw());
  if (rows == 1) {
    Dims sizes(out.sizes());
    int64_t at = out.offset();
    for (const Tensor& t : tensors) {
      if (t.numel() == 0) continue;
      if (t.numel() * t.item_size() <= kGrain) {
        std::memcpy(data, t.raw(), static_cast<size_t>(t.numel() * t.item_size()));
      } else {
        sizes[d] = t.sizes()[d];
        kernels::copy(out.alias(sizes, out.strides(), at), t);
      }
      data += t.numel() * t.item_size();
      at += t.numel();
    }
    return;
  }
  bool stream = can_stream(data, out.numel() * out.item_size());
  for (const Tensor& t : tensors) stream &= t.sizes()[d] * inner % 64 == 0;
  // A band of rows is filled from all tensors while it is in the cache.
  const int64_t band = std::max<int64_t>(1, (16 << 10) / step);
  const int64_t bands = (rows + band - 1) / band;
  parallel_for(0, bands, std::max<int64_t>(1, kGrain / (band * step)),
               [&](int64_t begin, int64_t end) {
                 for (int64_t b = begin; b < end; ++b) {
                   const int64_t first = b * band, n = std::min(band, rows - first);
                   char* at = data + first * step;
                   for (const Tensor& t : tensors) {
                     const int64_t piece = t.sizes()[d] * inner;
                     if (piece == 0) continue;
                     scatter_pieces(at, step, static_cast<const char*>(t.raw()) + first * piece,
                                    piece, n, stream);
                     at += piece;
                   }
                 }
                 if (stream) stream_fence();
               });
}

CPU_KERNEL(join, join_cpu)

}  // namespace
}  // namespace fb
