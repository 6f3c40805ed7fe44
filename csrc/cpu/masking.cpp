#include "ops/masking_kernels.h"

#include <bit>
#include <cstring>
#include <vector>

#include "cpu/cpu.h"

namespace fb {
namespace {

constexpr int64_t kChunk = 1 << 16;

int64_t count_in(const uint8_t* mask, int64_t n) {
  int64_t count = 0;
  for (int64_t i = 0; i < n; ++i) count += mask[i];
  return count;
}

// How many true elements lie before each chunk, and in all.
std::vector<int64_t> counts(const uint8_t* mask, int64_t n) {
  const int64_t chunks = (n + kChunk - 1) / kChunk;
  std::vector<int64_t> before(static_cast<size_t>(chunks) + 1, 0);
  parallel_for(0, chunks, 4, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      before[c + 1] = count_in(mask + c * kChunk, std::min(kChunk, n - c * kChunk));
    }
  });
  for (int64_t c = 0; c < chunks; ++c) before[c + 1] += before[c];
  return before;
}

void count_true_cpu(const Tensor& mask, int64_t& count) {
  count = counts(mask.data<uint8_t>(), mask.numel()).back();
}

// f(i) for each true element of [0, n), eight at a time.
template <class F>
void each_true(const uint8_t* mask, int64_t n, F&& f) {
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    uint64_t word;
    std::memcpy(&word, mask + i, 8);
    if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
    for (; word; word &= word - 1) f(i + (std::countr_zero(word) >> 3));
  }
  for (; i < n; ++i) {
    if (mask[i]) f(i);
  }
}

// write(k, row, column) for the k-th true element; rows are those of the last dimension.
template <class F>
void walk(const Tensor& mask, int64_t columns, F&& write) {
  const auto* data = mask.data<uint8_t>();
  const int64_t n = mask.numel();
  const auto before = counts(data, n);
  parallel_for(0, static_cast<int64_t>(before.size()) - 1, 1, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      int64_t k = before[c], i = c * kChunk;
      const int64_t stop = std::min(n, i + kChunk);
      while (i < stop) {
        const int64_t row = i / columns, first = i % columns,
                      m = std::min(columns - first, stop - i);
        write(row, data + i, first, m, k);
        i += m;
      }
    }
  });
}

void true_indices_cpu(const Tensor& out, const Tensor& mask) {
  const int64_t n = out.sizes()[1], dims = mask.dim();
  if (n == 0 || dims == 0) return;
  auto* to = out.data<int64_t>();
  Ints sizes = mask.sizes();
  walk(mask, sizes.back(),
       [&](int64_t row, const uint8_t* data, int64_t first, int64_t m, int64_t& k) {
         const int64_t start = k;
         auto* last = to + (dims - 1) * n;
         each_true(data, m, [&](int64_t j) { last[k++] = first + j; });
         for (int64_t d = dims - 1; d-- > 0;) {
           const int64_t index = row % sizes[d];
           row /= sizes[d];
           for (int64_t i = start; i < k; ++i) to[d * n + i] = index;
         }
       });
}

void true_offsets_cpu(const Tensor& offsets, const Tensor& mask, Ints strides) {
  if (offsets.numel() == 0) return;
  auto* to = offsets.data<int64_t>();
  Ints sizes = mask.sizes();
  const int64_t dims = mask.dim(), stride = dims ? strides[dims - 1] : 0;
  walk(mask, dims ? sizes.back() : 1,
       [&](int64_t row, const uint8_t* data, int64_t first, int64_t m, int64_t& k) {
         int64_t base = first * stride;
         for (int64_t d = dims - 1; d-- > 0;) {
           base += row % sizes[d] * strides[d];
           row /= sizes[d];
         }
         each_true(data, m, [&](int64_t j) { to[k++] = base + j * stride; });
       });
}

CPU_KERNEL(count_true, count_true_cpu)
CPU_KERNEL(true_indices, true_indices_cpu)
CPU_KERNEL(true_offsets, true_offsets_cpu)

}  // namespace
}  // namespace fb
