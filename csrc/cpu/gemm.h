// Serial matrix products on plain memory, for kernels that cut their work into chunks themselves.
#pragma once
#include "core/dtype.h"
#include "cpu/scratch.h"

namespace fb::inline FB_CPU_NAMESPACE {

// Element (i, j) is data[i * row + j * col].
template <class T>
struct Matrix {
  T* data;
  int64_t row, col;
  Matrix at(int64_t i, int64_t j) const { return {data + i * row + j * col, row, col}; }
  Matrix transposed() const { return {data, col, row}; }
};

// c = alpha * a @ b + beta * c, where a is m x k and b is k x n; with beta = 0 the old c is not
// read. c.col must be 1. T: float, double, int32_t, int64_t.
template <class T>
void gemm(int64_t m, int64_t n, int64_t k, T alpha, Matrix<const T> a, Matrix<const T> b, T beta,
          Matrix<T> c);

// c = a @ b on machines where this is faster than in float32: ask first. a and b must be
// blas_layout().
bool native_bfloat16();
template <class C>  // float or BFloat16
void gemm_bfloat16(int64_t m, int64_t n, int64_t k, Matrix<const BFloat16> a,
                   Matrix<const BFloat16> b, Matrix<C> c);

// One stride is 1 and the other steps over whole rows or columns.
template <class T>
bool blas_layout(const Matrix<T>& x, int64_t rows, int64_t cols) {
  return (x.col == 1 && x.row >= cols) || (x.row == 1 && x.col >= rows);
}
// A stride that no element is reached by can be any number; this gives it a fitting one.
template <class T>
Matrix<T> with_sound_strides(Matrix<T> x, int64_t rows, int64_t cols) {
  if (rows == 1 && cols == 1) return {x.data, 1, 1};
  if (rows == 1) return x.col == 1 ? Matrix<T>{x.data, cols, 1} : Matrix<T>{x.data, 1, x.col};
  if (cols == 1) return x.row == 1 ? Matrix<T>{x.data, 1, rows} : Matrix<T>{x.data, x.row, 1};
  return x;
}

}  // namespace fb::inline FB_CPU_NAMESPACE
