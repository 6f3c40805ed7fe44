// What matrix products ask of their arguments, in PyTorch's words.
#pragma once
#include "ops/op.h"

namespace fb {

// How C++ spells the types ("c10::Half"), which is how PyTorch's matrix products name them.
const char* type_spelling(DType t);
void check_matrices(const Tensor& a, const Tensor& b);
void check_batches(const Tensor& a, const Tensor& b);
void check_matrix_vector(const Tensor& a, const Tensor& v);
void check_vectors(const char* op, const Tensor& a, const Tensor& b);
// At least one has more than two dimensions.
void check_matmul(const Tensor& a, const Tensor& b);
void check_linear(const Tensor& x, const Tensor& weight, const Tensor& bias);
void check_batch_sizes(const Tensor& a, const Tensor& b);
// addmm and its like: the addend has the matrices' type and device.
void check_addend(const Tensor& addend, const Tensor& a, const Tensor& b);
void check_device(const Tensor& a, const Tensor& b);
// The dtypes that products are defined for.
void check_product_type(const char* kernel, DType t);
// "mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)"
void check_inner_size(Ints a, Ints b);

}  // namespace fb
