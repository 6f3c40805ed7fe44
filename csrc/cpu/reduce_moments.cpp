#include "ops/reduce_moments_kernels.h"

#include <limits>

#include "cpu/fold.h"
#include "cpu/math.h"

namespace fb {
namespace {

struct Adding {
  template <class C>
  static C start() {
    return 0;
  }
  template <class C>
  static C merge(C a, C b) {
    return a + b;
  }
};
struct Total : Adding {
  template <class C>
  static C step(C acc, C x, NoParam) {
    return acc + x;
  }
};
struct Largest {
  template <class C>
  static C start() {
    return -std::numeric_limits<C>::infinity();
  }
  template <class C>
  static C step(C acc, C x, NoParam) {
    return (x > acc) | (x != x) ? x : acc;
  }
  template <class C>
  static C merge(C a, C b) {
    return step(a, b, NoParam());
  }
};

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
    Folder<Total, scalar_t, C, NoParam>::run(in, l, nullptr, [&](int64_t i, C total) {
      means[i] = total / count;
      if (mean_to) mean_to[i] = static_cast<scalar_t>(means[i]);
    });
    Folder<SquaredDistance, scalar_t, C, C>::run(in, l, means.data(), [&](int64_t i, C total) {
      C v = total / divisor;
      to[i] = static_cast<scalar_t>(root ? math::sqrt(v) : v);
    });
  });
}
CPU_KERNEL(variance, variance_cpu)

// --- log of the sum of exponentials --------------------------------------------------------------

struct SumOfExp : Adding {
  template <class C>
  static C step(C acc, C x, C shift) {
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
    Folder<Largest, scalar_t, C, NoParam>::run(in, l, nullptr, [&](int64_t i, C largest) {
      // Infinite sums stay what they are.
      shifts[i] = math::abs(largest) == std::numeric_limits<C>::infinity() ? C(0) : largest;
    });
    Folder<SumOfExp, scalar_t, C, C>::run(in, l, shifts.data(), [&](int64_t i, C total) {
      to[i] = static_cast<scalar_t>(math::log(total) + shifts[i]);
    });
  });
}
CPU_KERNEL(logsumexp, logsumexp_cpu)

// --- norms ---------------------------------------------------------------------------------------

struct SumOfSquares : Adding {
  template <class C>
  static C step(C acc, C x, NoParam) {
    return acc + x * x;
  }
};
struct SumOfMagnitudes : Adding {
  template <class C>
  static C step(C acc, C x, NoParam) {
    return acc + math::abs(x);
  }
};
struct CountOfNonzero : Adding {
  template <class C>
  static C step(C acc, C x, NoParam) {
    return acc + (x != C(0) ? C(1) : C(0));
  }
};
struct SumOfCubes : Adding {
  template <class C>
  static C step(C acc, C x, NoParam) {
    return acc + x * x * math::abs(x);
  }
};
struct SumOfPowers : Adding {
  template <class C>
  static C step(C acc, C x, C p) {
    return acc + math::pow(math::abs(x), p);
  }
};
struct LargestMagnitude : Largest {
  template <class C>
  static C start() {
    return 0;
  }
  template <class C>
  static C step(C acc, C x, NoParam) {
    return Largest::step(acc, math::abs(x), NoParam());
  }
};
struct SmallestMagnitude {
  template <class C>
  static C start() {
    return std::numeric_limits<C>::infinity();
  }
  template <class C>
  static C step(C acc, C x, NoParam) {
    C m = math::abs(x);
    return (m < acc) | (m != m) ? m : acc;
  }
  template <class C>
  static C merge(C a, C b) {
    return step(a, b, NoParam());
  }
};

template <class T>
void vector_norm(T* out, const T* in, const ReduceLayout& l, double p) {
  using C = Compute<T>;
  constexpr double kInf = std::numeric_limits<double>::infinity();
  auto store = [&](int64_t i, C v) { out[i] = static_cast<T>(v); };
  if (p == 2)
    return Folder<SumOfSquares, T, C, NoParam>::run(
        in, l, nullptr, [&](int64_t i, C v) { store(i, math::sqrt(v)); });
  if (p == 1) return Folder<SumOfMagnitudes, T, C, NoParam>::run(in, l, nullptr, store);
  if (p == 0) return Folder<CountOfNonzero, T, C, NoParam>::run(in, l, nullptr, store);
  if (p == kInf) return Folder<LargestMagnitude, T, C, NoParam>::run(in, l, nullptr, store);
  if (p == -kInf) return Folder<SmallestMagnitude, T, C, NoParam>::run(in, l, nullptr, store);
  auto root = [&](int64_t i, C v) { store(i, math::pow(v, static_cast<C>(1 / p))); };
  if (p == 3) return Folder<SumOfCubes, T, C, NoParam>::run(in, l, nullptr, root);
  Scratch<C> powers(l.kept);
  std::fill(powers.data(), powers.data() + l.kept, static_cast<C>(p));
  Folder<SumOfPowers, T, C, C>::run(in, l, powers.data(), root);
}

void vector_norm_cpu(const Tensor& out, const Tensor& input, double p) {
  ReduceLayout layout(out, input);
  FB_DISPATCH(input.dtype(), FB_FLOATS, "linalg_vector_norm_cpu",
              { vector_norm(out.data<scalar_t>(), input.data<scalar_t>(), layout, p); });
}
CPU_KERNEL(vector_norm, vector_norm_cpu)

}  // namespace
}  // namespace fb
