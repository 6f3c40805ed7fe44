// What factorizations and systems of equations are made of, on matrices whose rows are dense in
// memory. T: float, double and Complex of these.
#pragma once
#include "core/interrupt.h"
#include "core/tensor.h"
#include "cpu/complex.h"
#include "cpu/gemm.h"

namespace fb::inline FB_CPU_NAMESPACE {

// Element (i, j) is data[i * row + j].
template <class T>
struct Rows {
  T* data;
  int64_t row;
  T* operator[](int64_t i) const { return data + i * row; }
  Rows at(int64_t i, int64_t j) const { return {data + i * row + j, row}; }
  operator Rows<const T>() const { return {data, row}; }
};

template <class T> struct RealOf {
  using Type = T;
};
template <class R> struct RealOf<Complex<R>> {
  using Type = R;
};
template <class T> using Real = typename RealOf<T>::Type;

template <class T> T conj_of(T a) {
  if constexpr (is_complex_type<T>) return conj(a);
  return a;
}

// Working memory that is on the stack where it is small.
template <class T, int64_t most>
class SmallScratch {
 public:
  explicit SmallScratch(int64_t n) : large_(n > most ? n : 0) {
    data_ = n > most ? large_.data() : small_;
  }
  operator T*() const { return data_; }

 private:
  alignas(64) T small_[most];
  Scratch<T> large_;
  T* data_;
};

// c -= a @ b, where a is m x k and b is k x n: on the pool, cut by the size alone.
template <class T>
void subtract_product(int64_t m, int64_t n, int64_t k, Rows<const T> a, Rows<const T> b, Rows<T> c);

enum class Triangle : uint8_t { Lower, UnitLower, Upper, UnitUpper };
constexpr bool is_upper(Triangle t) { return t == Triangle::Upper || t == Triangle::UnitUpper; }
constexpr bool is_unit(Triangle t) { return t == Triangle::UnitLower || t == Triangle::UnitUpper; }
constexpr Triangle triangle_of(bool upper, bool unit) {
  return upper ? (unit ? Triangle::UnitUpper : Triangle::Upper)
               : (unit ? Triangle::UnitLower : Triangle::Lower);
}

// x = a^-1 @ x with a triangle of a, which is n x n; x has k columns.
template <class T>
void solve_triangle(int64_t n, int64_t k, Rows<const T> a, Triangle triangle, Rows<T> x);

// x = a^-1 with a lower triangle of a; above its diagonal x is not written.
template <class T>
void invert_lower(int64_t n, Rows<const T> a, Triangle triangle, Rows<T> x);

// to = from^H; `to` is rows x columns.
template <class T>
void write_adjoint(int64_t rows, int64_t columns, Rows<const T> from, Rows<T> to);

// The matrices of a tensor, as kernels read them: with dense rows, copied where they have not.
enum class Turn : uint8_t { None, Adjoint };
template <class T>
class DenseRows {
 public:
  DenseRows(const Tensor& t, int64_t index, Turn turn = Turn::None);
  Rows<const T> rows() const { return {data_, row_}; }

 private:
  SmallScratch<T, 256> room_;
  const T* data_;
  int64_t row_;
};

// The first element of a matrix of a batch, with any strides.
template <class T>
T* matrix_at(const Tensor& t, int64_t index) {
  T* data = t.data<T>();
  for (int64_t d = t.dim() - 3; d >= 0; --d) {
    data += index % t.size(d) * t.stride(d);
    index /= t.size(d);
  }
  return data;
}
inline int64_t matrices_of(const Tensor& t) {
  int64_t count = 1;
  for (int64_t d = 0; d < t.dim() - 2; ++d) count *= t.size(d);
  return count;
}

// Runs body(i) for all matrices, each `work` multiplications: many at once on the threads, of few
// each after the other, as there the steps of a matrix are parallel.
template <class F>
void for_matrices(int64_t count, int64_t work, F&& body) {
  constexpr int64_t kGrain = 1 << 15, kCost = 256, kBig = 1 << 21;  // kCost: of any matrix
  if (count < 2 * num_threads() && work >= kBig) {
    for (int64_t i = 0; i < count; ++i) body(i);
    return;
  }
  parallel_for(0, count, std::max<int64_t>(1, kGrain / (work + kCost)),
               [&](int64_t begin, int64_t end) {
                 InterruptCheck<64> interrupted;
                 for (int64_t i = begin; i < end; ++i) {
                   interrupted.step();
                   body(i);
                 }
               });
}

}  // namespace fb::inline FB_CPU_NAMESPACE

// Runs body with `T` bound to the number type of the kernels.
#define FB_DECOMPOSED(dtype, name, ...)                                                  \
  switch (dtype) {                                                                       \
    FB_DECOMPOSED_CASE(Float32, float, __VA_ARGS__)                                      \
    FB_DECOMPOSED_CASE(Float64, double, __VA_ARGS__)                                     \
    FB_DECOMPOSED_CASE(Complex64, ::fb::FB_CPU_NAMESPACE::Complex<float>, __VA_ARGS__)   \
    FB_DECOMPOSED_CASE(Complex128, ::fb::FB_CPU_NAMESPACE::Complex<double>, __VA_ARGS__) \
    default:                                                                             \
      ::fb::raise_unsupported_dtype(name, dtype);                                        \
  }
#define FB_DECOMPOSED_CASE(enumerator, type, ...) \
  case ::fb::DType::enumerator: {                 \
    using T = type;                               \
    __VA_ARGS__;                                  \
    break;                                        \
  }
