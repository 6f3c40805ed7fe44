#include "ops/reduce_kernels.h"

#include "cpu/fold.h"

namespace fb {
namespace {

// Type in which elements are added up: integers in int64, half types in float.
template <class T>
struct SumOf {
  using type = std::conditional_t<std::is_integral_v<T>, int64_t, Compute<T>>;
};

template <class T>
void sum(const Tensor& out, const void* in, DType dtype, const ReduceLayout& layout) {
  using A = typename SumOf<T>::type;
  // The result is of the input's type, or int64 for integers.
  if (out.dtype() == dtype) {
    fold_into<Total, A>(static_cast<T*>(out.raw()), static_cast<const T*>(in), layout);
  } else {
    fold_into<Total, A>(static_cast<A*>(out.raw()), static_cast<const T*>(in), layout);
  }
}

void sum_cpu(const Tensor& out, const Tensor& input) {
  if (out.numel() == 0) return;
  ReduceLayout layout(out, input);
  const DType dtype = input.dtype();
  switch (dtype) {
    case DType::Complex64:
      return sum<Complex<float>>(out, input.raw(), dtype, layout);
    case DType::Complex128:
      return sum<Complex<double>>(out, input.raw(), dtype, layout);
    default:
      break;
  }
  FB_DISPATCH(dtype, FB_REAL_BOOL, "sum", { sum<scalar_t>(out, input.raw(), dtype, layout); });
}
CPU_KERNEL(sum, sum_cpu)

}  // namespace
}  // namespace fb
