// The order in which random numbers go into tensors: that of memory, as in PyTorch, not that of
// the indices. A transposed tensor therefore gets the numbers of its contiguous transpose.
#pragma once
#include "core/random_streams.h"
#include "cpu/cpu.h"
#include "ops/elementwise.h"

namespace fb {
namespace {

// Runs row(offsets, strides, n) over the innermost rows; offsets and strides of K tensors, the
// first of which is the output.
template <int K, class Row>
void walk_rows(const Geometry& geometry, const Row& row) {
  const int64_t n = geometry.sizes[0];
  int64_t offsets[K] = {}, strides[K];
  for (int k = 0; k < K; ++k) strides[k] = geometry.strides[k][0];
  SmallVector<int64_t, 6> index(geometry.sizes.size());
  for (;;) {
    row(offsets, strides, n);
    size_t d = 1;
    for (; d < geometry.sizes.size(); ++d) {
      for (int k = 0; k < K; ++k) offsets[k] += geometry.strides[k][d];
      if (++index[d] < geometry.sizes[d]) break;
      for (int k = 0; k < K; ++k) offsets[k] -= geometry.strides[k][d] * geometry.sizes[d];
      index[d] = 0;
    }
    if (d >= geometry.sizes.size()) return;
  }
}

inline bool is_dense(const Tensor& t) { return fb::is_dense(t.sizes(), t.strides()); }

// Fills a tensor with what the sampler draws.
template <class T, class Sampler>
void fill_by_sampler(const Tensor& out, Generator& generator, const Sampler& sampler) {
  T* data = out.data<T>();
  if (is_dense(out)) return streams::fill(generator, data, out.numel(), sampler);
  walk_rows<1>(Geometry(out, {}), [&](const int64_t* at, const int64_t* stride, int64_t n) {
    for (int64_t i = 0; i < n; ++i) data[at[0] + i * stride[0]] = sampler(generator);
  });
}

}  // namespace
}  // namespace fb
