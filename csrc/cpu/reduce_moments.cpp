#include "ops/reduce_moments_kernels.h"

#include "cpu/fold.h"
#include "cpu/math.h"

namespace fb {
namespace {

// --- variance ------------------------------------------------------------------------------------

struct SquaredDistance : Adding {
  template <class C>
  static C step(C acc, C x, C mean) {
    C d = x - mean;
    return acc + d * d;
  }
};

void variance_cpu(const Tensor& out, const Tensor& mean, const Tensor& input, double correction,
                  bool root) {
  ReduceLayout l(out, input);
  FB_DISPATCH(input.dtype(), FB_FLOATS, "std_cpu", {
    using C = Compute<scalar_t>;
    const auto count = static_cast<C>(l.reduced);
    const auto divisor = static_cast<C>(std::max(static_cast<double>(l.reduced) - correction, 0.0));
    const scalar_t* in = input.data<scalar_t>();
    scalar_t* to = out.data<scalar_t>();
    scalar_t* mean_to = mean.defined() ? mean.data<scalar_t>() : nullptr;
    Scratch<C> means(l.kept);
    fold<Total, C>(in, l, [&](int64_t i, C total) {
      means[i] = total / count;
      if (mean_to) mean_to[i] = static_cast<scalar_t>(means[i]);
    });
    fold<SquaredDistance, C>(in, l, means.data(), [&](int64_t i, C total) {
      C v = total / divisor;
      to[i] = static_cast<scalar_t>(root ? math::sqrt(v) : v);
    });
  });
}
CPU_KERNEL(variance, variance_cpu)

// --- log of the sum of exponentials --------------------------------------------------------------

struct SumOfExp : Adding {
  template <class C>
  FB_MATH static C step(C acc, C x, C shift) {
    return acc + math::exp(x - shift);
  }
};

void logsumexp_cpu(const Tensor& out, const Tensor& input) {
  ReduceLayout l(out, input);
  FB_DISPATCH(input.dtype(), FB_FLOATS, "logsumexp", {
    using C = Compute<scalar_t>;
    const scalar_t* in = input.data<scalar_t>();
    scalar_t* to = out.data<scalar_t>();
    Scratch<C> shifts(l.kept);
    fold<Extreme<true>, C>(in, l, [&](int64_t i, C largest) {
      // Infinite sums stay what they are.
      shifts[i] = math::abs(largest) == std::numeric_limits<C>::infinity() ? C(0) : largest;
    });
    fold<SumOfExp, C>(in, l, shifts.data(), [&](int64_t i, C total) {
      to[i] = static_cast<scalar_t>(math::log(total) + shifts[i]);
    });
  });
}
CPU_KERNEL(logsumexp, logsumexp_cpu)

}  // namespace
}  // namespace fb
