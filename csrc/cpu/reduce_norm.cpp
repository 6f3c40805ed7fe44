#include "ops/reduce_norm_kernels.h"

#include "cpu/fold.h"
#include "cpu/math.h"

namespace fb {
namespace {

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
  FB_MATH static C step(C acc, C x, C p) {
    return acc + math::pow(math::abs(x), p);
  }
};
struct LargestMagnitude : Extreme<true> {
  template <class C>
  static C start() {
    return 0;
  }
  template <class C>
  static C step(C acc, C x, NoParam) {
    return Extreme<true>::step(acc, math::abs(x), NoParam());
  }
};
struct SmallestMagnitude : Extreme<false> {
  template <class C>
  static C step(C acc, C x, NoParam) {
    return Extreme<false>::step(acc, math::abs(x), NoParam());
  }
};

template <class T>
void vector_norm(T* out, const T* in, const ReduceLayout& l, double p) {
  using C = Compute<T>;
  constexpr double kInf = std::numeric_limits<double>::infinity();
  auto store = [&](int64_t i, C v) { out[i] = static_cast<T>(v); };
  if (p == 2) return fold<SumOfSquares, C>(in, l, [&](int64_t i, C v) { store(i, math::sqrt(v)); });
  if (p == 1) return fold<SumOfMagnitudes, C>(in, l, store);
  if (p == 0) return fold<CountOfNonzero, C>(in, l, store);
  if (p == kInf) return fold<LargestMagnitude, C>(in, l, store);
  if (p == -kInf) return fold<SmallestMagnitude, C>(in, l, store);
  auto root = [&](int64_t i, C v) { store(i, math::pow(v, static_cast<C>(1 / p))); };
  if (p == 3) return fold<SumOfCubes, C>(in, l, root);
  Scratch<C> powers(l.kept);
  std::fill(powers.data(), powers.data() + l.kept, static_cast<C>(p));
  fold<SumOfPowers, C>(in, l, powers.data(), root);
}

void vector_norm_cpu(const Tensor& out, const Tensor& input, double p) {
  ReduceLayout layout(out, input);
  FB_DISPATCH(input.dtype(), FB_FLOATS, "linalg_vector_norm_cpu",
              { vector_norm(out.data<scalar_t>(), input.data<scalar_t>(), layout, p); });
}
CPU_KERNEL(vector_norm, vector_norm_cpu)

}  // namespace
}  // namespace fb
