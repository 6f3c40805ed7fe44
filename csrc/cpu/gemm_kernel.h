// The innermost loops of matrix products, and the copies of their operands that these read fastest.
#pragma once
#include <algorithm>
#include <cstring>
#include <utility>

#include "cpu/vector.h"

namespace fb::inline FB_CPU_NAMESPACE {

#if defined(__AVX512F__)
constexpr int kBlockRows = 12;
#elif defined(__AVX2__)
constexpr int kBlockRows = 6;
#else
constexpr int kBlockRows = 4;
#endif
template <class T>
constexpr int kBlockColumns = 2 * kLanes<T>;

// c = alpha * a @ b + beta * c for a few rows of a and whole vectors of columns, with c in
// registers. Element (i, l) of a is a[i * a_row + l * a_col], (l, j) of b is b[l * b_row + j].
template <class T>
struct Block {
  int64_t depth;
  const T* a;
  int64_t a_row, a_col;
  const T* b;
  int64_t b_row;
  int64_t ahead;  // from a number of b to what will be read next
  T* c;
  int64_t c_row;
  T alpha, beta;
};

// So few rows wait for memory, where prefetching pays.
constexpr int kWaitingRows = 8;
// Of so few rows c has room for twice the columns.
constexpr int kWideRows = kBlockRows / 3;

template <class T, int rows, int vectors>
void multiply_block(const Block<T>& block) {
  Vector<T> sum[rows][vectors] = {};
  const int64_t a_row = block.a_row, a_col = block.a_col, b_row = block.b_row;
  [[maybe_unused]] const int64_t ahead = block.ahead;
  // One address for three rows: an instruction adds once or twice the step by itself.
  constexpr int kBases = (rows + 2) / 3;
  const T* a[kBases];
  for (int i = 0; i < kBases; ++i) a[i] = block.a + 3 * i * a_row;
  const T* b = block.b;
  T* c = block.c;
  for (int i = 0; i < rows; ++i)
    for (int j = 0; j < vectors; ++j) __builtin_prefetch(c + i * block.c_row + j * kLanes<T>, 1);
  for (int64_t l = 0; l < block.depth; ++l) {
    Vector<T> of_b[vectors];
#pragma GCC unroll 4
    for (int j = 0; j < vectors; ++j) {
      of_b[j] = load(b + j * kLanes<T>);
      if constexpr (rows <= kWaitingRows) __builtin_prefetch(b + ahead + j * kLanes<T>);
    }
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i) {
      const Vector<T> x = a[i / 3][i % 3 * a_row] - Vector<T>{};  // in all lanes
#pragma GCC unroll 4
      for (int j = 0; j < vectors; ++j) sum[i][j] += x * of_b[j];
    }
#pragma GCC unroll 16
    for (int i = 0; i < kBases; ++i) a[i] += a_col;
    b += b_row;
  }
#pragma GCC unroll 16
  for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < vectors; ++j) {
      T* to = c + i * block.c_row + j * kLanes<T>;
      Vector<T> v = block.alpha * sum[i][j];
      if (block.beta != T(0)) v += block.beta * load(to);
      store(to, v);
    }
  }
}

// The kernel for a number of rows known at run time.
template <class T, int vectors, int... I>
void multiply_rows(int rows, const Block<T>& block, std::integer_sequence<int, I...>) {
  using Kernel = void (*)(const Block<T>&);
  static constexpr Kernel kernels[] = {multiply_block<T, I + 1, vectors>...};
  kernels[rows - 1](block);
}
template <class T>
void multiply_rows(int rows, int vectors, const Block<T>& block) {
  constexpr auto all = std::make_integer_sequence<int, kBlockRows>();
  if (vectors == 4) {
    multiply_rows<T, 4>(rows, block, std::make_integer_sequence<int, kWideRows>());
  } else if (vectors == 2) {
    multiply_rows<T, 2>(rows, block, all);
  } else {
    multiply_rows<T, 1>(rows, block, all);
  }
}

// to[l * width + j] = from[j * step + l] for all j and l below kLanes.
template <class T>
inline void transpose_square(T* to, int64_t width, const T* from, int64_t step) {
  Vector<T> lines[kLanes<T>];
#pragma GCC unroll 16
  for (int j = 0; j < kLanes<T>; ++j) lines[j] = load(from + j * step);
  transpose<T>(lines);
#pragma GCC unroll 16
  for (int l = 0; l < kLanes<T>; ++l) store(to + l * width, lines[l]);
}

// A part of b, in strips of kBlockColumns columns, the last one perhaps of half as many: the
// numbers of a strip's rows lie one after the other, with zeros for the columns that are missing.
template <class T>
struct Strips {
  static constexpr int64_t kWidth = kBlockColumns<T>;
  T* data;
  int64_t depth, columns;
  int64_t width(int64_t j) const { return columns - j <= kLanes<T> ? kLanes<T> : kWidth; }
  // A row apart, lest all strips compete for the same places in the first-level cache.
  T* at(int64_t j) const { return data + j * (depth + 1); }
};

template <class T>
void pack_columns(const Strips<T>& to, const T* from, int64_t row, int64_t col) {
  constexpr int64_t lanes = kLanes<T>, width = to.kWidth;
  const int64_t whole = to.columns / width * width;
  int64_t j = 0;
  if (col == 1) {  // by rows, as they lie in memory
    for (int64_t l = 0; l < to.depth; ++l)
      for (j = 0; j < whole; j += width)
        for (int64_t i = 0; i < width; i += lanes)
          store(to.at(j) + l * width + i, load(from + l * row + j + i));
    j = whole;
  } else if (row == 1) {
    for (; j + lanes <= to.columns; j += lanes) {
      const int64_t strip = j / width * width, step = to.width(strip);
      T* out = to.at(strip) + (j - strip);
      int64_t l = 0;
      for (; l + lanes <= to.depth; l += lanes)
        transpose_square(out + l * step, step, from + j * col + l, col);
      for (; l < to.depth; ++l)
        for (int64_t i = 0; i < lanes; ++i) out[l * step + i] = from[(j + i) * col + l];
    }
  }
  // Whatever is left, and other layouts: up to the end of the last strip.
  while (j < to.columns) {
    const int64_t strip = j / width * width, step = to.width(strip), end = strip + step;
    const int64_t given = std::min(end, to.columns);
    for (int64_t l = 0; l < to.depth; ++l) {
      T* out = to.at(strip) + l * step - strip;
      for (int64_t i = j; i < given; ++i) out[i] = from[l * row + i * col];
      for (int64_t i = given; i < end; ++i) out[i] = T(0);
    }
    j = end;
  }
}

// m rows in parts of at most kBlockRows that differ by one row at most.
struct Slices {
  explicit Slices(int64_t m)
      : count((m + kBlockRows - 1) / kBlockRows), least(m / count), longer(m % count) {}
  int64_t begin(int64_t i) const { return i * least + std::min(i, longer); }
  int rows(int64_t i) const { return static_cast<int>(least + (i < longer ? 1 : 0)); }
  int64_t count, least, longer;
};

// Copies a slice of a whose columns lie in one piece each: to[l * rows + i] = from[l * col + i].
// Memory behind the slice is read and written where `room` says there is enough of it.
template <class T>
void pack_slice(T* to, const T* from, int64_t col, int rows, int64_t depth, bool room) {
  if (room && rows <= kLanes<T>) {
    for (int64_t l = 0; l < depth; ++l) store(to + l * rows, load(from + l * col));
    return;
  }
  for (int64_t l = 0; l < depth; ++l)
    for (int i = 0; i < rows; ++i) to[l * rows + i] = from[l * col + i];
}

// As many sums as a vector has lanes.
template <class T>
constexpr int kDotColumns = std::min(4, kLanes<T>);
template <class T>
constexpr int kDotRows = kLanes<T> / kDotColumns<T>;

// Lane i of the result is the sum of the lanes of x[i].
template <class T>
[[gnu::always_inline]] inline Vector<T> sums_of_lanes(Vector<T>* x) {
  constexpr int n = kLanes<T>;
  using All = std::make_index_sequence<n>;
  for (int half = n / 2; half > 0; half /= 2) {
#pragma GCC unroll 8
    for (int i = 0; i < half; ++i) {
      const Vector<T> a = x[i], b = x[i + half];
      x[i] = zipped<0>(a, b, All()) + zipped<n / 2>(a, b, All());
    }
  }
  return x[0];
}

// sums[i * kDotColumns<T> + j] = the sum over l of a[i][l] * b[j][l].
template <class T>
void dot_block(int64_t depth, const T* const* a, const T* const* b, T* sums) {
  constexpr int rows = kDotRows<T>, columns = kDotColumns<T>, lanes = kLanes<T>;
  Vector<T> sum[rows * columns] = {};
  const auto add = [&](const Vector<T>* x, const Vector<T>* y) {
#pragma GCC unroll 4
    for (int i = 0; i < rows; ++i)
#pragma GCC unroll 4
      for (int j = 0; j < columns; ++j) sum[i * columns + j] += x[i] * y[j];
  };
  Vector<T> x[rows], y[columns];
  int64_t l = 0;
  for (; l + lanes <= depth; l += lanes) {
#pragma GCC unroll 4
    for (int i = 0; i < rows; ++i) x[i] = load(a[i] + l);
#pragma GCC unroll 4
    for (int j = 0; j < columns; ++j) y[j] = load(b[j] + l);
    add(x, y);
  }
  if (const size_t left = (depth - l) * sizeof(T)) {
    for (int i = 0; i < rows; ++i) x[i] = Vector<T>{}, std::memcpy(&x[i], a[i] + l, left);
    for (int j = 0; j < columns; ++j) y[j] = Vector<T>{}, std::memcpy(&y[j], b[j] + l, left);
    add(x, y);
  }
  store(sums, sums_of_lanes<T>(sum));
}

}  // namespace fb::inline FB_CPU_NAMESPACE
