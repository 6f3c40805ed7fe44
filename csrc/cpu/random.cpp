#include "core/mersenne_twist.h"
#include "cpu/random_walk.h"
#include "ops/random_kernels.h"

namespace fb {
namespace {

using Lock = std::lock_guard<std::mutex>;

void fill_uniform_cpu(const Tensor& out, Generator& generator, double from, double to) {
  Lock lock(generator.mutex());
  FB_DISPATCH(out.dtype(), FB_FLOATS_HALVES, "uniform_kernel_cpu", {
    if (is_dense(out)) {
      streams::uniform(generator, out.data<scalar_t>(), out.numel(), from, to);
    } else {
      fill_by_sampler<scalar_t>(out, generator, streams::Uniform<scalar_t>(from, to));
    }
  });
}

// float and double: the drawing is serial, the transform, which takes most of the time, is not.
template <class M>
void normal_in_parallel(Generator& generator, M* out, int64_t n, M mean, M std) {
  constexpr int64_t kStretch = 1 << 17;
  constexpr int64_t kGrain = sizeof(M) == 8 ? 128 : 1024;  // blocks of 16, some 20 us
  for (int64_t at = 0; at < n; at += kStretch) {
    M* stretch = out + at;
    const int64_t count = std::min(kStretch, n - at);
    streams::each_unit<M>(generator, count, [=](int64_t i, int64_t m, const M* units) {
      std::copy(units, units + m, stretch + i);
    });
    parallel_for(0, count / 16, kGrain, [=](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b) streams::box_muller(stretch + 16 * b, mean, std);
    });
  }
  if (n % 16 != 0) streams::normal_tail(generator, out + n - 16, mean, std);
}

template <class T>
void normal_contiguous(Generator& generator, T* out, int64_t n, double mean, double std) {
  if constexpr (std::is_floating_point_v<T>) {
    if (n >= 4096) {
      return normal_in_parallel(generator, out, n, static_cast<T>(mean), static_cast<T>(std));
    }
  }
  streams::normal(generator, out, n, mean, std);
}

void fill_normal_cpu(const Tensor& out, Generator& generator, double mean, double std) {
  Lock lock(generator.mutex());
  FB_DISPATCH(out.dtype(), FB_FLOATS_HALVES, "normal_kernel_cpu", {
    if (out.is_contiguous()) {
      normal_contiguous(generator, out.data<scalar_t>(), out.numel(), mean, std);
    } else {
      fill_by_sampler<scalar_t>(out, generator, streams::Normal<scalar_t>{mean, std});
    }
  });
}

void fill_log_normal_cpu(const Tensor& out, Generator& generator, double mean, double std) {
  Lock lock(generator.mutex());
  FB_DISPATCH(out.dtype(), FB_FLOATS_HALVES, "log_normal_cpu",
              fill_by_sampler<scalar_t>(out, generator, streams::LogNormal<scalar_t>{mean, std}));
}

// For samplers that make one number of one uniform double: draws serially, transforms in parallel.
template <class T, class Sampler>
void fill_by_transform(const Tensor& out, Generator& generator, const Sampler& sampler) {
  constexpr int64_t kStretch = 1 << 14, kGrain = 1 << 10;
  const int64_t n = out.numel();
  if (!is_dense(out)) return fill_by_sampler<T>(out, generator, sampler);
  PoolVector<double> units(static_cast<size_t>(std::min(n, kStretch)));
  for (int64_t at = 0; at < n; at += kStretch) {
    const int64_t count = std::min(kStretch, n - at);
    streams::each_unit<double>(generator, count, [&](int64_t i, int64_t m, const double* drawn) {
      std::copy(drawn, drawn + m, units.begin() + i);
    });
    T* stretch = out.data<T>() + at;
    parallel_for(0, count, kGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) stretch[i] = sampler.transform(units[i]);
    });
  }
}

void fill_cauchy_cpu(const Tensor& out, Generator& generator, double median, double sigma) {
  Lock lock(generator.mutex());
  FB_DISPATCH(
      out.dtype(), FB_FLOATS_HALVES, "cauchy_cpu",
      fill_by_transform<scalar_t>(out, generator, streams::Cauchy<scalar_t>{median, sigma}));
}

void fill_exponential_cpu(const Tensor& out, Generator& generator, double lambda) {
  Lock lock(generator.mutex());
  FB_DISPATCH(out.dtype(), FB_FLOATS_HALVES, "exponential_cpu",
              fill_by_transform<scalar_t>(out, generator, streams::Exponential<scalar_t>{lambda}));
}

void fill_geometric_cpu(const Tensor& out, Generator& generator, double p) {
  Lock lock(generator.mutex());
  FB_DISPATCH(out.dtype(), FB_REAL, "geometric_cpu",
              fill_by_transform<scalar_t>(out, generator, streams::Geometric<scalar_t>{p}));
}

void fill_permutation_cpu(const Tensor& out, Generator& generator) {
  Lock lock(generator.mutex());
  const int64_t stride = out.numel() > 1 ? out.stride(0) : 1;
  FB_DISPATCH(out.dtype(), FB_REAL, "randperm",
              streams::permutation(generator, out.data<scalar_t>(), out.numel(), stride));
}

void fill_integers_cpu(const Tensor& out, Generator& generator, uint64_t range, int64_t base) {
  Lock lock(generator.mutex());
  FB_DISPATCH(
      out.dtype(), FB_REAL_BOOL, "random_from_to_kernel_cpu",
      fill_by_sampler<scalar_t>(out, generator, streams::IntegerRange<scalar_t>{range, base}));
}

void fill_integers_full_cpu(const Tensor& out, Generator& generator) {
  const DType t = out.dtype();
  FB_CHECK(t == DType::Int64 || t == DType::Float64 || t == DType::Float32 || t == DType::BFloat16,
           "random_full_64_bits_range_kernel_cpu handles only int64, double, float and bfloat16");
  Lock lock(generator.mutex());
  FB_DISPATCH(t, FB_REAL, "random_full_64_bits_range_kernel_cpu",
              fill_by_sampler<scalar_t>(out, generator, streams::IntegerFull<scalar_t>{}));
}

void fill_integers_of_type_cpu(const Tensor& out, Generator& generator) {
  Lock lock(generator.mutex());
  FB_DISPATCH(out.dtype(), FB_REAL_BOOL, "random_kernel_cpu",
              fill_by_sampler<scalar_t>(out, generator, streams::IntegerOfType<scalar_t>{}));
}

void fill_bernoulli_cpu(const Tensor& out, Generator& generator, double p) {
  Lock lock(generator.mutex());
  FB_DISPATCH(out.dtype(), FB_REAL_BOOL, "bernoulli_scalar_cpu_", {
    if (is_dense(out)) {
      streams::bernoulli(generator, out.data<scalar_t>(), out.numel(), p);
    } else {
      fill_by_sampler<scalar_t>(out, generator, streams::Bernoulli<scalar_t, double>{p});
    }
  });
}

template <class P>
void draw_flags(Generator& generator, const P* p, int64_t stride, int64_t n, bool* flags) {
  using M = streams::Maths<P>;
  for (int64_t i = 0; i < n; ++i) {
    const M probability = static_cast<M>(p[i * stride]);
    FB_CHECK(probability >= 0 && probability <= 1,
             "Expected p_in >= 0 && p_in <= 1 to be true, but got false: bernoulli takes "
             "probabilities in [0, 1], and found ",
             probability);
    flags[i] = streams::Bernoulli<bool, M>{probability}(generator);
  }
}

void fill_bernoulli_tensor_cpu(const Tensor& out, const Tensor& p, Generator& generator) {
  constexpr int64_t kFlags = 512;
  bool flags[kFlags];
  Lock lock(generator.mutex());
  const Tensor* inputs[] = {&p};
  walk_rows<2>(Geometry(out, inputs), [&](const int64_t* at, const int64_t* stride, int64_t n) {
    for (int64_t from = 0; from < n; from += kFlags) {
      const int64_t count = std::min(kFlags, n - from);
      FB_DISPATCH(p.dtype(), FB_FLOATS_HALVES, "bernoulli_tensor_cpu_p_",
                  draw_flags(generator, p.data<scalar_t>() + at[1] + from * stride[1], stride[1],
                             count, flags));
      FB_DISPATCH(out.dtype(), FB_REAL_BOOL, "bernoulli_tensor_cpu_self_", {
        scalar_t* to = out.data<scalar_t>() + at[0] + from * stride[0];
        for (int64_t i = 0; i < count; ++i)
          to[i * stride[0]] = streams::convert<scalar_t>(flags[i] ? 1 : 0);
      });
    }
  });
}

[[maybe_unused]] const bool twist_installed =
    cpu_runs(FB_CPU_RANK) && (install_twist(twist_words, FB_CPU_RANK), true);
CPU_KERNEL(fill_uniform, fill_uniform_cpu)
CPU_KERNEL(fill_normal, fill_normal_cpu)
CPU_KERNEL(fill_log_normal, fill_log_normal_cpu)
CPU_KERNEL(fill_cauchy, fill_cauchy_cpu)
CPU_KERNEL(fill_exponential, fill_exponential_cpu)
CPU_KERNEL(fill_geometric, fill_geometric_cpu)
CPU_KERNEL(fill_permutation, fill_permutation_cpu)
CPU_KERNEL(fill_integers, fill_integers_cpu)
CPU_KERNEL(fill_integers_full, fill_integers_full_cpu)
CPU_KERNEL(fill_integers_of_type, fill_integers_of_type_cpu)
CPU_KERNEL(fill_bernoulli, fill_bernoulli_cpu)
CPU_KERNEL(fill_bernoulli_tensor, fill_bernoulli_tensor_cpu)

}  // namespace
}  // namespace fb
