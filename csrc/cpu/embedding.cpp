#include "ops/embedding_kernels.h"

#include <cmath>
#include <vector>

#include "core/error.h"
#include "cpu/cpu.h"

namespace fb {
namespace {

constexpr int64_t kGrain = 16384;  // elements
constexpr int64_t kColumns = 64;   // whole cache lines: what one thread adds up at a time

// Half types are computed in float32.
template <class T>
using Sum = std::conditional_t<std::is_same_v<T, double>, double, float>;

int64_t at_least_one(int64_t n) { return std::max<int64_t>(n, 1); }

// --- backward ------------------------------------------------------------------------------------

// Threads share the columns, so that each element of the table gets its terms in order.
template <class T>
void add_rows(const Tensor& table, const Tensor& grad, const Tensor& indices, int64_t padding,
              const int64_t* counts) {
  const int64_t width = table.sizes()[1], n = indices.numel(),
                blocks = (width + kColumns - 1) / kColumns;
  const auto* index = indices.data<int64_t>();
  auto* to = table.data<T>();
  const auto* from = grad.data<T>();
  parallel_for(0, blocks, at_least_one(kGrain / at_least_one(n * std::min(width, kColumns))),
               [&](int64_t begin, int64_t end) {
                 const int64_t first = begin * kColumns,
                               m = std::min(end * kColumns, width) - first;
                 for (int64_t k = 0; k < n; ++k) {
                   if (index[k] == padding) continue;
                   T* row = to + index[k] * width + first;
                   const T* term = from + k * width + first;
                   if (counts) {
                     const T scale = T(1) / static_cast<T>(counts[index[k]]);
#pragma GCC ivdep
                     for (int64_t j = 0; j < m; ++j) row[j] += scale * term[j];
                   } else {
#pragma GCC ivdep
                     for (int64_t j = 0; j < m; ++j) row[j] += term[j];
                   }
                 }
               });
}

void embedding_backward_cpu(const Tensor& table, const Tensor& grad, const Tensor& indices,
                            int64_t padding, const Tensor& counts) {
  if (grad.numel() == 0) return;
  FB_DISPATCH(table.dtype(), FB_FLOATS, "embedding_backward", {
    add_rows<scalar_t>(table, grad, indices, padding,
                       counts.defined() ? counts.data<int64_t>() : nullptr);
  });
}

void count_indices_cpu(const Tensor& counts, const Tensor& indices) {
  auto* to = counts.data<int64_t>();
  const auto* index = indices.data<int64_t>();
  for (int64_t k = 0; k < indices.numel(); ++k) ++to[index[k]];
}

// --- renorm --------------------------------------------------------------------------------------

template <class T>
double norm_of(const T* row, int64_t width, double p) {
  double sum = 0;
  for (int64_t j = 0; j < width; ++j) {
    const double v = std::abs(static_cast<double>(static_cast<Sum<T>>(row[j])));
    if (p == 2) {
      sum += v * v;
    } else if (p == 1) {
      sum += v;
    } else if (std::isinf(p)) {
      sum = std::max(sum, v);
    } else {
      sum += std::pow(v, p);
    }
  }
  if (p == 2) return std::sqrt(sum);
  return p == 1 || std::isinf(p) ? sum : std::pow(sum, 1 / p);
}

template <class T>
void renorm(const Tensor& table, const Tensor& indices, double max_norm, double p) {
  const int64_t width = table.sizes()[1], stride = table.strides()[0];
  const auto* index = indices.data<int64_t>();
  std::vector<bool> done(static_cast<size_t>(table.sizes()[0]));
  for (int64_t k = 0; k < indices.numel(); ++k) {
    if (done[static_cast<size_t>(index[k])]) continue;
    done[static_cast<size_t>(index[k])] = true;
    T* row = table.data<T>() + index[k] * stride;
    const double norm = norm_of(row, width, p);
    if (norm <= max_norm) continue;
    const double scale = max_norm / (norm + 1e-7);
    for (int64_t j = 0; j < width; ++j) {
      row[j] = T(static_cast<Sum<T>>(row[j]) * static_cast<Sum<T>>(scale));
    }
  }
}

void embedding_renorm_cpu(const Tensor& table, const Tensor& indices, double max_norm, double p) {
  FB_DISPATCH(table.dtype(), FB_FLOATS_HALVES, "embedding_renorm_",
              { renorm<scalar_t>(table, indices, max_norm, p); });
}

// --- bags ----------------------------------------------------------------------------------------

template <class T>
void bag_sum(const Tensor& out, const Tensor& table, const Tensor& indices, const Tensor& offsets,
             const T* weights, int64_t padding, bool mean) {
  constexpr int64_t kBlock = 256;
  const int64_t width = table.sizes()[1], stride = table.strides()[0], bags = out.sizes()[0];
  const auto *index = indices.data<int64_t>(), *offset = offsets.data<int64_t>();
  const T* from = table.data<T>();
  const int64_t per_bag = at_least_one((indices.numel() + bags) * width / at_least_one(bags));
  parallel_for(0, bags, at_least_one(kGrain / per_bag), [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      int64_t count = 0;
      for (int64_t k = offset[b]; k < offset[b + 1]; ++k) count += index[k] != padding;
      for (int64_t first = 0; first < width; first += kBlock) {
        const int64_t m = std::min(kBlock, width - first);
        Sum<T> sum[kBlock] = {};
        for (int64_t k = offset[b]; k < offset[b + 1]; ++k) {
          if (index[k] == padding) continue;
          const T* row = from + index[k] * stride + first;
          if (weights) {
            const auto weight = static_cast<Sum<T>>(weights[k]);
            for (int64_t j = 0; j < m; ++j) sum[j] += weight * static_cast<Sum<T>>(row[j]);
          } else {
            for (int64_t j = 0; j < m; ++j) sum[j] += static_cast<Sum<T>>(row[j]);
          }
        }
        const Sum<T> divisor = mean && count > 0 ? static_cast<Sum<T>>(count) : 1;
        T* to = out.data<T>() + b * width + first;
        for (int64_t j = 0; j < m; ++j) to[j] = T(sum[j] / divisor);
      }
    }
  });
}

void embedding_bag_sum_cpu(const Tensor& out, const Tensor& table, const Tensor& indices,
                           const Tensor& offsets, const Tensor& weights, int64_t padding,
                           bool mean) {
  if (out.numel() == 0) return;
  FB_DISPATCH(out.dtype(), FB_FLOATS_HALVES, "embedding_bag", {
    bag_sum<scalar_t>(out, table, indices, offsets,
                      weights.defined() ? weights.data<scalar_t>() : nullptr, padding, mean);
  });
}

template <class T>
void bag_max(const Tensor& out, const Tensor& rows, const Tensor& table, const Tensor& indices,
             const Tensor& offsets, int64_t padding) {
  const int64_t width = table.sizes()[1], stride = table.strides()[0], bags = out.sizes()[0];
  const auto *index = indices.data<int64_t>(), *offset = offsets.data<int64_t>();
  const int64_t per_bag = at_least_one((indices.numel() + bags) * width / at_least_one(bags));
  parallel_for(0, bags, at_least_one(kGrain / per_bag), [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      T* best = out.data<T>() + b * width;
      int64_t* row_of = rows.data<int64_t>() + b * width;
      std::fill_n(best, width, T(0));
      std::fill_n(row_of, width, -1);
      for (int64_t k = offset[b]; k < offset[b + 1]; ++k) {
        if (index[k] == padding) continue;
        const T* row = table.data<T>() + index[k] * stride;
        for (int64_t j = 0; j < width; ++j) {
          const bool greater = static_cast<Sum<T>>(row[j]) > static_cast<Sum<T>>(best[j]);
          if (row_of[j] >= 0 && !greater) continue;
          best[j] = row[j];
          row_of[j] = index[k];
        }
      }
    }
  });
}

void embedding_bag_max_cpu(const Tensor& out, const Tensor& rows, const Tensor& table,
                           const Tensor& indices, const Tensor& offsets, int64_t padding) {
  if (out.numel() == 0) return;
  FB_DISPATCH(out.dtype(), FB_FLOATS_HALVES, "embedding_bag",
              { bag_max<scalar_t>(out, rows, table, indices, offsets, padding); });
}

CPU_KERNEL(embedding_backward, embedding_backward_cpu)
CPU_KERNEL(count_indices, count_indices_cpu)
CPU_KERNEL(embedding_renorm, embedding_renorm_cpu)
CPU_KERNEL(embedding_bag_sum, embedding_bag_sum_cpu)
CPU_KERNEL(embedding_bag_max, embedding_bag_max_cpu)

}  // namespace
}  // namespace fb
