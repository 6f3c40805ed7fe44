#include <vector>

#include "core/random_discrete.h"
#include "cpu/random_walk.h"
#include "ops/sampling_kernels.h"

namespace fb {
namespace {

using Lock = std::lock_guard<std::mutex>;

// A matrix seen by rows; one row where it has one dimension.
struct Rows {
  explicit Rows(const Tensor& t)
      : rows(t.dim() > 1 ? t.size(0) : 1),
        columns(t.size(-1)),
        row_stride(t.dim() > 1 ? t.stride(0) : 0),
        stride(t.stride(-1)) {}
  int64_t rows, columns, row_stride, stride;
};

template <class T>
void check_rows(const Tensor& weights) {
  using M = streams::Maths<T>;
  const Rows shape(weights);
  bool empty_row = false;
  for (int64_t i = 0; i < shape.rows; ++i) {
    const T* row = weights.data<T>() + i * shape.row_stride;
    bool all_zero = true;
    for (int64_t j = 0; j < shape.columns; ++j) {
      const M weight = static_cast<M>(row[j * shape.stride]);
      FB_CHECK(weight >= 0 && weight < std::numeric_limits<M>::infinity(),
               "probability tensor contains either `inf`, `nan` or element < 0");
      all_zero &= weight == 0;
    }
    empty_row |= all_zero;
  }
  FB_CHECK(!empty_row, "invalid multinomial distribution (sum of probabilities <= 0)");
}

void check_weights_cpu(const Tensor& weights) {
  FB_DISPATCH(weights.dtype(), FB_FLOATS_HALVES, "multinomial", check_rows<scalar_t>(weights));
}

template <class T>
void check_not_negative(const Tensor& std) {
  walk_rows<1>(Geometry(std, {}), [&](const int64_t* at, const int64_t* stride, int64_t n) {
    for (int64_t i = 0; i < n; ++i) {
      FB_CHECK(static_cast<double>(
                   static_cast<streams::Maths<T>>(std.data<T>()[at[0] + i * stride[0]])) >= 0,
               "normal expects all elements of std >= 0.0");
    }
  });
}

void check_std_cpu(const Tensor& std) {
  if (std.dtype() == DType::Bool) return;
  FB_DISPATCH(std.dtype(), FB_REAL, "normal", check_not_negative<scalar_t>(std));
}

template <class T>
void draw_with_replacement(const Tensor& out, const Tensor& weights, Generator& generator) {
  const Rows from(weights), to(out);
  std::vector<streams::Maths<T>> cumulative(static_cast<size_t>(from.columns));
  for (int64_t i = 0; i < from.rows; ++i) {
    streams::categories_with_replacement(
        generator, weights.data<T>() + i * from.row_stride, from.stride, from.columns,
        out.data<int64_t>() + i * to.row_stride, to.stride, to.columns, cumulative.data());
  }
}

void sample_with_replacement_cpu(const Tensor& out, const Tensor& weights, Generator& generator) {
  Lock lock(generator.mutex());
  FB_DISPATCH(weights.dtype(), FB_FLOATS_HALVES, "multinomial",
              draw_with_replacement<scalar_t>(out, weights, generator));
}

template <class M>
struct Candidate {
  M score;
  int64_t category;
};

// The best `count` candidates to the front, best first. Where scores are equal (weights of zero),
// which one comes first is up to the algorithm: this is PyTorch's choice of algorithms.
template <class M>
void best_first(std::vector<Candidate<M>>& candidates, int64_t count) {
  const auto better = [](const Candidate<M>& a, const Candidate<M>& b) {
    return (std::isnan(a.score) && !std::isnan(b.score)) || a.score > b.score;
  };
  const auto begin = candidates.begin();
  if (count == 1) {
    std::iter_swap(begin, std::min_element(begin, candidates.end(), better));
  } else if (count * 64 <= static_cast<int64_t>(candidates.size())) {
    std::partial_sort(begin, begin + count, candidates.end(), better);
  } else {
    std::nth_element(begin, begin + count - 1, candidates.end(), better);
    std::sort(begin, begin + count - 1, better);
  }
}

template <class T>
void draw_without_replacement(const Tensor& out, const Tensor& weights, const Tensor& noise) {
  using M = streams::Maths<T>;
  const Rows from(weights), by(noise), to(out);
  std::vector<Candidate<M>> candidates(static_cast<size_t>(from.columns));
  for (int64_t i = 0; i < from.rows; ++i) {
    const T* weight = weights.data<T>() + i * from.row_stride;
    const T* divisor = noise.data<T>() + i * by.row_stride;
    for (int64_t j = 0; j < from.columns; ++j) {
      const M ratio =
          static_cast<M>(weight[j * from.stride]) / static_cast<M>(divisor[j * by.stride]);
      candidates[j] = {static_cast<M>(streams::convert<T>(ratio)), j};
    }
    best_first(candidates, to.columns);
    int64_t* drawn = out.data<int64_t>() + i * to.row_stride;
    for (int64_t j = 0; j < to.columns; ++j) drawn[j * to.stride] = candidates[j].category;
  }
}

void sample_without_replacement_cpu(const Tensor& out, const Tensor& weights, const Tensor& noise) {
  FB_DISPATCH(weights.dtype(), FB_FLOATS_HALVES, "multinomial",
              draw_without_replacement<scalar_t>(out, weights, noise));
}

template <class T>
void draw_poisson(const Tensor& out, const Tensor& rates, Generator& generator) {
  T* to = out.data<T>();
  const T* from = rates.data<T>();
  const Tensor* inputs[] = {&rates};
  walk_rows<2>(Geometry(out, inputs), [&](const int64_t* at, const int64_t* stride, int64_t n) {
    for (int64_t i = 0; i < n; ++i) {
      const double rate = static_cast<streams::Maths<T>>(from[at[1] + i * stride[1]]);
      FB_CHECK(rate >= 0, "invalid Poisson rate, expected rate to be non-negative");
      to[at[0] + i * stride[0]] = streams::convert<T>(streams::poisson(generator, rate));
    }
  });
}

void sample_poisson_cpu(const Tensor& out, const Tensor& rates, Generator& generator) {
  Lock lock(generator.mutex());
  FB_DISPATCH(rates.dtype(), FB_FLOATS_HALVES, "poisson_cpu",
              draw_poisson<scalar_t>(out, rates, generator));
}

template <class T>
void draw_binomial(const Tensor& out, const Tensor& counts, const Tensor& p, Generator& generator) {
  const Tensor* inputs[] = {&counts, &p};
  walk_rows<3>(Geometry(out, inputs), [&](const int64_t* at, const int64_t* stride, int64_t n) {
    for (int64_t i = 0; i < n; ++i) {
      out.data<T>()[at[0] + i * stride[0]] = streams::binomial(
          generator, counts.data<T>()[at[1] + i * stride[1]], p.data<T>()[at[2] + i * stride[2]]);
    }
  });
}

void sample_binomial_cpu(const Tensor& out, const Tensor& counts, const Tensor& p,
                         Generator& generator) {
  Lock lock(generator.mutex());
  FB_DISPATCH(out.dtype(), FB_FLOATS, "binomial_cpu",
              draw_binomial<scalar_t>(out, counts, p, generator));
}

CPU_KERNEL(check_weights, check_weights_cpu)
CPU_KERNEL(check_std, check_std_cpu)
CPU_KERNEL(sample_with_replacement, sample_with_replacement_cpu)
CPU_KERNEL(sample_without_replacement, sample_without_replacement_cpu)
CPU_KERNEL(sample_poisson, sample_poisson_cpu)
CPU_KERNEL(sample_binomial, sample_binomial_cpu)

}  // namespace
}  // namespace fb
