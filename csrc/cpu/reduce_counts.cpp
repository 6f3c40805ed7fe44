#include "ops/reduce_counts_kernels.h"

#include "cpu/fold.h"

namespace fb {
namespace {

template <class C>
struct Adding {
  template <class> static C start() { return C(0); }
  template <class> static C merge(C a, C b) { return a + b; }
};

// --- elements that are not zero ---

// An element by its bits; the mask leaves out the sign of a floating zero.
template <class Bits, Bits kMask>
struct Flag {
  Bits bits;
  template <class C>
  explicit operator C() const {
    return static_cast<C>((bits & kMask) != 0);
  }
};
template <class C>
struct Count : Adding<C> {
  template <class> static C step(C acc, C nonzero, NoParam) { return acc + nonzero; }
};
using Done = FunctionRef<void(int64_t, int64_t)>;

template <class Bits, Bits kMask, class C>
void count_as(const Tensor& input, const ReduceLayout& l, Done done) {
  Folder<Count<C>, Flag<Bits, kMask>, C, NoParam>::run(
      static_cast<const Flag<Bits, kMask>*>(input.raw()), l, nullptr,
      [&](int64_t first, int64_t n, const C* counts) {
        for (int64_t i = 0; i < n; ++i) done(first + i, static_cast<int64_t>(counts[i]));
      });
}
template <class Bits, Bits kMask>
void count(const Tensor& input, const ReduceLayout& l, Done done) {
  if (sizeof(Bits) == 8 || l.reduced > UINT32_MAX) {
    count_as<Bits, kMask, int64_t>(input, l, done);
  } else {
    count_as<Bits, kMask, uint32_t>(input, l, done);
  }
}

void count_elements(const Tensor& out, const Tensor& input,
                    FunctionRef<void(int64_t, int64_t, int64_t)> store) {
  ReduceLayout l(out, input);
  auto done = [&](int64_t i, int64_t n) { store(i, n, l.reduced); };
  switch (input.item_size()) {
    case 1:
      return count<uint8_t, 0xff>(input, l, done);
    case 2:
      if (is_floating(input.dtype())) return count<uint16_t, 0x7fff>(input, l, done);
      return count<uint16_t, 0xffff>(input, l, done);
    case 4:
      if (is_floating(input.dtype())) return count<uint32_t, 0x7fffffff>(input, l, done);
      return count<uint32_t, 0xffffffff>(input, l, done);
    default:
      if (is_floating(input.dtype())) return count<uint64_t, (~uint64_t{0} >> 1)>(input, l, done);
      return count<uint64_t, ~uint64_t{0}>(input, l, done);
  }
}

void any_nonzero_cpu(const Tensor& out, const Tensor& input) {
  auto* to = static_cast<uint8_t*>(out.raw());
  count_elements(out, input, [&](int64_t i, int64_t n, int64_t) { to[i] = n != 0; });
}
CPU_KERNEL(any_nonzero, any_nonzero_cpu)

void every_nonzero_cpu(const Tensor& out, const Tensor& input) {
  auto* to = static_cast<uint8_t*>(out.raw());
  count_elements(out, input, [&](int64_t i, int64_t n, int64_t all) { to[i] = n == all; });
}
CPU_KERNEL(every_nonzero, every_nonzero_cpu)

void count_nonzero_cpu(const Tensor& out, const Tensor& input) {
  auto* to = out.data<int64_t>();
  count_elements(out, input, [&](int64_t i, int64_t n, int64_t) { to[i] = n; });
}
CPU_KERNEL(count_nonzero, count_nonzero_cpu)

// --- sums without NaN, products ---

template <class C>
struct SumOfNumbers : Adding<C> {
  template <class> static C step(C acc, C x, NoParam) { return acc + (x == x ? x : C(0)); }
};
template <class C>
struct Product {
  template <class> static C start() { return C(1); }
  template <class> static C step(C acc, C x, NoParam) { return acc * x; }
  template <class> static C merge(C a, C b) { return a * b; }
};

template <template <class> class Fold, class T>
void fold_same(const Tensor& out, const Tensor& input) {
  ReduceLayout layout(out, input);
  fold_into<Fold<T>, T>(static_cast<T*>(out.raw()), static_cast<const T*>(input.raw()), layout);
}

void nansum_cpu(const Tensor& out, const Tensor& input) {
  FB_DISPATCH(input.dtype(), FB_FLOATS, "nansum_cpu",
              { fold_same<SumOfNumbers, scalar_t>(out, input); });
}
CPU_KERNEL(nansum, nansum_cpu)

void prod_cpu(const Tensor& out, const Tensor& input) {
  switch (input.dtype()) {
    case DType::Int64:
      return fold_same<Product, int64_t>(out, input);
    case DType::Float32:
      return fold_same<Product, float>(out, input);
    case DType::Float64:
      return fold_same<Product, double>(out, input);
    case DType::Complex64:
      return fold_same<Product, Complex<float>>(out, input);
    case DType::Complex128:
      return fold_same<Product, Complex<double>>(out, input);
    default:
      raise_unsupported_dtype("prod_cpu", input.dtype());
  }
}
CPU_KERNEL(prod, prod_cpu)

}  // namespace
}  // namespace fb
