#include "ops/matmul_checks.h"

namespace fb {
const char* type_spelling(DType t) {
  switch (t) {
    case DType::UInt8:
      return "unsigned char";
    case DType::Int8:
      return "signed char";
    case DType::Int16:
      return "short int";
    case DType::Int32:
      return "int";
    case DType::Int64:
      return "long int";
    case DType::Float16:
      return "c10::Half";
    case DType::BFloat16:
      return "c10::BFloat16";
    case DType::Float32:
      return "float";
    case DType::Float64:
      return "double";
    case DType::Complex64:
      return "c10::complex<float>";
    case DType::Complex128:
      return "c10::complex<double>";
    case DType::Bool:
      return "bool";
    default:
      return "undefined";
  }
}

namespace {

Dims rows_shape(const Tensor& x) {
  int64_t last = x.sizes().back(), rows = 1;
  for (int64_t s : x.sizes().first(x.sizes().size() - 1)) rows *= s;
  return {rows, last};
}

void check_same_type(const Tensor& a, const Tensor& b) {
  FB_CHECK(a.dtype() == b.dtype(),
           "expected m1 and m2 to have the same dtype, but got: ", type_spelling(a.dtype()),
           " != ", type_spelling(b.dtype()));
}

void check_vector_size(int64_t rows, int64_t k, int64_t n) {
  FB_CHECK(k == n, "size mismatch, got input (", rows, "), mat (", rows, "x", k, "), vec (", n,
           ")");
}

}  // namespace

void check_device(const Tensor& a, const Tensor& b) {
  FB_CHECK(a.device() == b.device(),
           "Expected all tensors to be on the same device, but found at least two devices, ",
           a.device(), " and ", b.device(), "!");
}

void check_product_type(const char* kernel, DType t) {
  if (t == DType::Bool) raise_unsupported_dtype(kernel, t);
}

void check_inner_size(Ints a, Ints b) {
  FB_CHECK(a[1] == b[0], "mat1 and mat2 shapes cannot be multiplied (", a[0], "x", a[1], " and ",
           b[0], "x", b[1], ")");
}

void check_matrices(const Tensor& a, const Tensor& b) {
  FB_CHECK(a.dim() == 2, "self must be a matrix");
  FB_CHECK(b.dim() == 2, "mat2 must be a matrix");
  check_inner_size(a.sizes(), b.sizes());
  check_same_type(a, b);
  check_device(a, b);
  check_product_type("addmm_impl_cpu_", a.dtype());
}

void check_batch_sizes(const Tensor& a, const Tensor& b) {
  FB_CHECK(a.dim() == 3, "batch1 must be a 3D tensor");
  FB_CHECK(b.dim() == 3, "batch2 must be a 3D tensor");
  FB_CHECK(a.sizes()[0] == b.sizes()[0] && a.sizes()[2] == b.sizes()[1],
           "Expected size for first two dimensions of batch2 tensor to be: [", a.sizes()[0], ", ",
           a.sizes()[2], "] but got: [", b.sizes()[0], ", ", b.sizes()[1], "].");
  check_device(a, b);
}

void check_batches(const Tensor& a, const Tensor& b) {
  check_batch_sizes(a, b);
  FB_CHECK(a.dtype() == b.dtype(), "expected scalar type ", dtype_class_name(a.dtype()),
           " but found ", dtype_class_name(b.dtype()));
  check_product_type("bmm", a.dtype());
}

void check_matrix_vector(const Tensor& a, const Tensor& v) {
  FB_CHECK(a.dim() == 2 && v.dim() == 1, "vector + matrix @ vector expected, got 1, ", a.dim(),
           ", ", v.dim());
  check_vector_size(a.sizes()[0], a.sizes()[1], v.sizes()[0]);
  FB_CHECK(a.dtype() == v.dtype(), "addmv input tensors must have the same dtype, but got ",
           dtype_class_name(v.dtype()), ", ", dtype_class_name(a.dtype()), ", and ",
           dtype_class_name(v.dtype()));
  check_device(a, v);
  check_product_type("addmv_impl_cpu", a.dtype());
}

void check_vectors(const char* op, const Tensor& a, const Tensor& b) {
  FB_CHECK(a.dim() == 1 && b.dim() == 1, "1D tensors expected, but got ", a.dim(), "D and ",
           b.dim(), "D tensors");
  FB_CHECK(a.dtype() == b.dtype(), op, " : expected both vectors to have same dtype, but found ",
           dtype_class_name(a.dtype()), " and ", dtype_class_name(b.dtype()));
  FB_CHECK(a.numel() == b.numel(), "inconsistent tensor size, expected tensor [", a.numel(),
           "] and src [", b.numel(), "] to have the same number of elements, but got ", a.numel(),
           " and ", b.numel(), " elements respectively");
  check_device(a, b);
  check_product_type(op, a.dtype());
}

void check_matmul(const Tensor& a, const Tensor& b) {
  int64_t da = a.dim(), db = b.dim();
  int64_t k = a.sizes().back(), inner = b.sizes()[db == 1 ? 0 : db - 2];
  if (db == 1) {
    check_vector_size(rows_shape(a)[0], k, inner);
  } else if (db == 2) {
    check_inner_size(rows_shape(a), b.sizes());
  } else if (k != inner) {
    Dims batch =
        broadcast_shapes(da > 2 ? a.sizes().first(da - 2) : Ints(), b.sizes().first(db - 2));
    int64_t count = count_elements(batch);
    raise(ErrorKind::Runtime, "Expected size for first two dimensions of batch2 tensor to be: [",
          count, ", ", k, "] but got: [", count, ", ", inner, "]. matmul was called with shapes ",
          shape_text(a.sizes()), " and ", shape_text(b.sizes()));
  }
  check_same_type(a, b);
  check_device(a, b);
  check_product_type(db == 1 ? "addmv_impl_cpu" : db == 2 ? "addmm_impl_cpu_" : "bmm", a.dtype());
}

void check_linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  FB_CHECK(x.dim() > 0 && weight.dim() > 0,
           "both arguments to linear need to be at least 1D, but they are ", x.dim(), "D and ",
           weight.dim(), "D");
  FB_CHECK(weight.dim() == 2,
           "linear: expected a weight of 2 dimensions (out_features, in_features), but got ",
           weight.dim(), ": t() expects a tensor with <= 2 dimensions, but self is ", weight.dim(),
           "D");
  Ints w = weight.sizes();
  if (x.sizes().back() != w[1]) check_inner_size(rows_shape(x), Dims{w[1], w[0]});
  if (x.dtype() != weight.dtype() || (bias.defined() && bias.dtype() != weight.dtype())) {
    FB_CHECK(x.dtype() == weight.dtype(), "mat1 and mat2 must have the same dtype, but got ",
             dtype_class_name(x.dtype()), " and ", dtype_class_name(weight.dtype()));
    raise(ErrorKind::Runtime, "self and mat2 must have the same dtype, but got ",
          dtype_class_name(bias.dtype()), " and ", dtype_class_name(weight.dtype()));
  }
  check_device(x, weight);
  check_product_type("addmm_impl_cpu_", x.dtype());
  if (!bias.defined()) return;
  check_device(x, bias);
  if (bias.dim() > 1) return;
  int64_t n = bias.numel();
  FB_CHECK(n == w[0] || n == 1, "The expanded size of the tensor (", w[0],
           ") must match the existing size (", n, ") at non-singleton dimension 1.  Target sizes: ",
           shape_text(Dims{rows_shape(x)[0], w[0]}), ".  Tensor sizes: ", shape_text(bias.sizes()));
}

void check_addend(const Tensor& addend, const Tensor& a, const Tensor& b) {
  FB_CHECK(a.dtype() == b.dtype(), "mat1 and mat2 must have the same dtype, but got ",
           dtype_class_name(a.dtype()), " and ", dtype_class_name(b.dtype()));
  FB_CHECK(addend.dtype() == b.dtype(), "self and mat2 must have the same dtype, but got ",
           dtype_class_name(addend.dtype()), " and ", dtype_class_name(b.dtype()));
  check_device(a, b);
  check_device(addend, a);
}

}  // namespace fb
