// Reductions by folding. A fold states how an element joins an accumulator and how two accumulators
// join:
//
//   struct SumOfSquares {
//     template <class C> static C start() { return 0; }
//     template <class C> static C step(C acc, C x, NoParam) { return acc + x * x; }
//     template <class C> static C merge(C a, C b) { return a + b; }
//   };
//
// C is the type computed in. Elements are folded side by side in lanes and blocks are merged
// pairwise, in an order that depends on the sizes alone.
#pragma once
#include <cstddef>
#include <limits>

#include "core/allocator.h"
#include "core/function_ref.h"
#include "cpu/complex.h"
#include "cpu/convert.h"
#include "cpu/reduction.h"

namespace fb::inline FB_CPU_NAMESPACE {

struct NoParam {};

// Memory of the caching allocator for the length of a scope; of plain types.
template <class T>
class Scratch {
 public:
  explicit Scratch(int64_t n)
      : bytes_(static_cast<size_t>(n) * sizeof(T)), data_(static_cast<T*>(cpu_allocate(bytes_))) {}
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() { cpu_release(data_, bytes_); }
  T* data() const { return data_; }
  T& operator[](int64_t i) const { return data_[i]; }

 private:
  size_t bytes_;
  T* data_;
};

// The type that elements are computed in.
template <class T>
struct ComputeOf {
  using type = T;
};
template <>
struct ComputeOf<bool> {
  using type = uint8_t;
};
template <>
struct ComputeOf<Half> {
  using type = float;
};
template <>
struct ComputeOf<BFloat16> {
  using type = float;
};
template <class T>
using Compute = typename ComputeOf<T>::type;

template <class Fold, class T, class C, class P>
class Folder {
 public:
  // One run of elements.
  static C fold_run(const T* p, int64_t n, int64_t stride, P q) {
    if (n <= kBlock) return fold_block(p, n, stride, q);
    int64_t half = (n / 2 + kBlock - 1) / kBlock * kBlock;
    const C left = fold_run(p, half, stride, q);  // in the order of memory
    return merge(left, fold_run(p + half * stride, n - half, stride, q));
  }
  // Takes the accumulators of results first, first + 1, ..., first + n - 1.
  using Done = FunctionRef<void(int64_t first, int64_t n, const C* accumulators)>;
  // `params` holds one number per result, or is null.
  static void run(const T* in, const ReduceLayout& l, const P* params, Done done) {
    if (l.kept == 0) return;
    if (l.reduced == 0) {
      const C empty = start();
      for (int64_t i = 0; i < l.kept; ++i) done(i, 1, &empty);
      return;
    }
    bool columns = !l.kept_sizes.empty() && l.kept_strides[0] == 1 &&
                   (l.reduced_sizes.empty() || l.reduced_strides[0] != 1);
    columns ? by_columns(in, l, params, done) : by_rows(in, l, params, done);
  }

 private:
  static constexpr int64_t kBlock = 2048;                // elements folded straight on
  static constexpr int64_t kColumns = 8192 / sizeof(C);  // columns folded side by side
  static constexpr int64_t kRows = 256;                  // rows folded straight on
  static constexpr int64_t kPart =
      1 << 16;  // elements of a part, where a few results are made of many elements
  static constexpr int64_t kGrain = 32768;  // elements of a piece of work for one thread
  static constexpr int64_t kFewResults = 32;
  static constexpr int kLanes = sizeof(C) >= 16 ? 8 : sizeof(C) >= 8 ? 32 : 64;

  static C start() { return Fold::template start<C>(); }
  template <class E>
  [[gnu::always_inline]] static C step(C acc, E x, P p) {
    return Fold::template step<C>(acc, static_cast<C>(x), p);
  }
  static C merge(C a, C b) { return Fold::template merge<C>(a, b); }
  static P param(const P* params, int64_t i) { return params ? params[i] : P(); }

  // --- rows ---

  // float16 is converted in blocks: compilers do not vectorise that by themselves.
  static constexpr bool kConverts = std::is_same_v<T, Half>;
  static void widen(float* to, const T* from, int64_t n) {
    convert(to, DType::Float32, from, DType::Float16, n);
  }

  // Of a known number, so that they stay in registers.
  template <int kWidth>
  static C merge_lanes(const C* lanes) {
    if constexpr (kWidth == 1) {
      return lanes[0];
    } else {
      C half[kWidth / 2];
      for (int k = 0; k < kWidth / 2; ++k) half[k] = merge(lanes[k], lanes[k + kWidth / 2]);
      return merge_lanes<kWidth / 2>(half);
    }
  }
  template <int kWidth, class E>
  static C fold_lanes(const E* p, int64_t n, int64_t stride, P q) {
    C lanes[kWidth];
    for (int k = 0; k < kWidth; ++k) lanes[k] = start();
    int64_t i = 0;
    if (stride == 1) {
      for (; i + kWidth <= n; i += kWidth)
        for (int k = 0; k < kWidth; ++k) lanes[k] = step(lanes[k], p[i + k], q);
    } else {
      for (; i + kWidth <= n; i += kWidth)
        for (int k = 0; k < kWidth; ++k) lanes[k] = step(lanes[k], p[(i + k) * stride], q);
    }
    for (int k = 0; i < n; ++i, ++k) lanes[k] = step(lanes[k], p[i * stride], q);
    return merge_lanes<kWidth>(lanes);
  }
  [[gnu::noinline]] static C fold_block(const T* p, int64_t n, int64_t stride, P q) {
    if constexpr (kConverts) {
      if (n >= 16) {
        alignas(T) std::byte room[kBlock * sizeof(T)];  // not a T[], which zeroes itself
        float wide[kBlock];
        if (stride != 1) {
          T* dense = reinterpret_cast<T*>(room);
          for (int64_t i = 0; i < n; ++i) dense[i] = p[i * stride];
          p = dense;
        }
        widen(wide, p, n);
        return n >= 2 * kLanes ? fold_lanes<kLanes>(wide, n, 1, q) : fold_lanes<8>(wide, n, 1, q);
      }
    } else {
      if (n >= 2 * kLanes) return fold_lanes<kLanes>(p, n, stride, q);
      if (n >= 16) return fold_lanes<8>(p, n, stride, q);
    }
    C acc = start();
    for (int64_t i = 0; i < n; ++i) acc = step(acc, p[i * stride], q);
    return acc;
  }
  [[gnu::noinline]] static C fold_runs(const T* p, const ReduceLayout& l, int64_t first,
                                       int64_t count, P q) {
    if (count == 1) {
      if (l.reduced_sizes.empty()) return step(start(), *p, q);
      int64_t at = 0, i = first;
      for (size_t d = 1; d < l.reduced_sizes.size(); ++d) {
        at += i % l.reduced_sizes[d] * l.reduced_strides[d];
        i /= l.reduced_sizes[d];
      }
      return fold_run(p + at, l.reduced_sizes[0], l.reduced_strides[0], q);
    }
    int64_t half = count / 2;
    const C left = fold_runs(p, l, first, half, q);
    return merge(left, fold_runs(p, l, first + half, count - half, q));
  }

  static void by_rows(const T* in, const ReduceLayout& l, const P* params, Done done) {
    const int64_t length = l.reduced_sizes.empty() ? 1 : l.reduced_sizes[0],
                  runs = l.reduced / length;
    auto row = [&](int64_t i) {
      return in + ReduceLayout::offset(l.kept_sizes, l.kept_strides, i);
    };
    if (l.kept >= kFewResults || l.reduced <= 2 * kPart) {
      parallel_for(
          0, l.kept, std::max<int64_t>(1, kGrain / l.reduced), [&](int64_t from, int64_t to) {
            constexpr int64_t kResults = 64;  // handed on together
            C results[kResults];
            for (int64_t first = from; first < to; first += kResults) {
              const int64_t n = std::min(kResults, to - first);
              for (int64_t i = 0; i < n; ++i)
                results[i] = fold_runs(row(first + i), l, 0, runs, param(params, first + i));
              done(first, n, results);
            }
          });
      return;
    }
    // Parts of a fixed size, merged in order.
    const bool split_run = length >= kPart;
    const int64_t runs_per_part = std::max<int64_t>(1, kPart / length);
    const int64_t parts_per_run = split_run ? (length + kPart - 1) / kPart : 1;
    const int64_t parts =
        split_run ? runs * parts_per_run : (runs + runs_per_part - 1) / runs_per_part;
    Scratch<C> partial(l.kept * parts);
    parallel_for(0, l.kept * parts, 1, [&](int64_t from, int64_t to) {
      for (int64_t k = from; k < to; ++k) {
        const int64_t i = k / parts, part = k % parts;
        const T* p = row(i);
        P q = param(params, i);
        if (split_run) {
          const int64_t start_at = part % parts_per_run * kPart, stride = l.reduced_strides[0];
          int64_t at = 0, r = part / parts_per_run;
          for (size_t d = 1; d < l.reduced_sizes.size(); ++d) {
            at += r % l.reduced_sizes[d] * l.reduced_strides[d];
            r /= l.reduced_sizes[d];
          }
          partial[k] =
              fold_run(p + at + start_at * stride, std::min(kPart, length - start_at), stride, q);
        } else {
          const int64_t first = part * runs_per_part;
          partial[k] = fold_runs(p, l, first, std::min(runs_per_part, runs - first), q);
        }
      }
    });
    for (int64_t i = 0; i < l.kept; ++i) {
      const C merged = merge_all(partial.data() + i * parts, parts);
      done(i, 1, &merged);
    }
  }
  static C merge_all(const C* p, int64_t n) {
    if (n == 1) return *p;
    const C left = merge_all(p, n / 2);
    return merge(left, merge_all(p + n / 2, n - n / 2));
  }

  // --- columns ---

  // Rows first, first + 1, ... of those that `sizes` and `strides` count.
  [[gnu::noinline]] static void fold_rows(const T* p, const Dims& sizes, const Dims& strides,
                                          int64_t first, int64_t count, int64_t width, const P* q,
                                          C* acc) {
    if (count > kRows) {
      int64_t half = (count / 2 + kRows - 1) / kRows * kRows;
      C right[kColumns];
      fold_rows(p, sizes, strides, first, half, width, q, acc);
      fold_rows(p, sizes, strides, first + half, count - half, width, q, right);
      for (int64_t c = 0; c < width; ++c) acc[c] = merge(acc[c], right[c]);
      return;
    }
    for (int64_t c = 0; c < width; ++c) acc[c] = start();
    int64_t r = first;
    auto row = [&](int64_t i) { return p + ReduceLayout::offset(sizes, strides, i); };
    for (; r + 4 <= first + count; r += 4)
      step_rows(row(r), row(r + 1), row(r + 2), row(r + 3), width, q, acc);
    for (; r < first + count; ++r) step_row(row(r), width, q, acc);
  }
  static void step_row(const T* row, int64_t width, const P* q, C* acc) {
    if constexpr (kConverts) {
      float wide[kColumns];
      widen(wide, row, width);
      add_row(wide, width, q, acc);
    } else {
      add_row(row, width, q, acc);
    }
  }
  template <class E>
  static void add_row(const E* row, int64_t width, const P* q, C* acc) {
#pragma GCC ivdep
    for (int64_t c = 0; c < width; ++c) acc[c] = step(acc[c], row[c], q[c]);
  }
  // Four rows in turn while their accumulators are at hand.
  template <class E>
  static void add_rows(const E* a, const E* b, const E* d, const E* e, int64_t width, const P* q,
                       C* acc) {
#pragma GCC ivdep
    for (int64_t c = 0; c < width; ++c)
      acc[c] = step(step(step(step(acc[c], a[c], q[c]), b[c], q[c]), d[c], q[c]), e[c], q[c]);
  }
  static void step_rows(const T* a, const T* b, const T* d, const T* e, int64_t width, const P* q,
                        C* acc) {
    if constexpr (kConverts) {
      constexpr int64_t kWide = 512;
      float wide[4][kWide];
      for (int64_t c = 0; c < width; c += kWide) {
        const int64_t n = std::min(kWide, width - c);
        const T* rows[] = {a + c, b + c, d + c, e + c};
        for (int k = 0; k < 4; ++k) widen(wide[k], rows[k], n);
        add_rows(wide[0], wide[1], wide[2], wide[3], n, q + c, acc + c);
      }
    } else {
      add_rows(a, b, d, e, width, q, acc);
    }
  }
  // Short rows that lie side by side are folded several at a time.
  [[gnu::noinline]] static void fold_short_rows(const T* p, int64_t count, int64_t width,
                                                const P* q, C* acc) {
    const int64_t group = kColumns / width, wide = group * width, groups = count / group;
    if (groups == 0) {
      for (int64_t c = 0; c < width; ++c) acc[c] = start();
    } else {
      P wide_q[kColumns];
      for (int64_t c = 0; c < wide; ++c) wide_q[c] = q[c % width];
      C lanes[kColumns];
      fold_rows(p, Dims{groups}, Dims{wide}, 0, groups, wide, wide_q, lanes);
      for (int64_t c = 0; c < width; ++c) acc[c] = lanes[c];
      for (int64_t c = width; c < wide; ++c) acc[c % width] = merge(acc[c % width], lanes[c]);
    }
    for (int64_t r = groups * group; r < count; ++r)
      for (int64_t c = 0; c < width; ++c) acc[c] = step(acc[c], p[r * width + c], q[c]);
  }
  // Results lie in strips of up to kColumns columns; `unit` numbers the strips.
  struct Strips {
    explicit Strips(const ReduceLayout& l)
        : width(l.kept_sizes[0]), per_row((width + kColumns - 1) / kColumns) {}
    int64_t row(int64_t unit) const { return unit / per_row * width; }
    int64_t column(int64_t unit) const { return unit % per_row * kColumns; }
    int64_t columns(int64_t unit) const { return std::min(kColumns, width - column(unit)); }
    int64_t first_result(int64_t unit) const { return row(unit) + column(unit); }
    int64_t width, per_row;
  };
  [[gnu::noinline]] static void fold_strip(const T* in, const ReduceLayout& l, const P* params,
                                           int64_t unit, int64_t first, int64_t count, C* acc) {
    const Strips strips(l);
    const int64_t width = strips.width, n = strips.columns(unit);
    const T* p = in + ReduceLayout::offset(l.kept_sizes, l.kept_strides, strips.row(unit)) +
                 strips.column(unit);
    P q[kColumns];
    for (int64_t c = 0; c < n; ++c) q[c] = param(params, strips.first_result(unit) + c);
    const bool side_by_side =
        l.reduced_sizes.size() == 1 && l.reduced_strides[0] == width && 2 * width <= kColumns;
    if (side_by_side) {
      fold_short_rows(p + first * width, count, width, q, acc);
    } else {
      fold_rows(p, l.reduced_sizes, l.reduced_strides, first, count, n, q, acc);
    }
  }

  static void by_columns(const T* in, const ReduceLayout& l, const P* params, Done done) {
    const Strips strips(l);
    const int64_t width = strips.width, units = l.kept / width * strips.per_row;
    const int64_t rows_per_part = std::max(kRows, kPart / std::min(width, kColumns));
    const int64_t parts = units < kFewResults ? (l.reduced + rows_per_part - 1) / rows_per_part : 1;
    if (parts == 1) {
      const int64_t work = std::min(width, kColumns) * l.reduced;
      parallel_for(0, units, std::max<int64_t>(1, kGrain / work), [&](int64_t from, int64_t to) {
        C acc[kColumns];
        for (int64_t unit = from; unit < to; ++unit) {
          fold_strip(in, l, params, unit, 0, l.reduced, acc);
          done(strips.first_result(unit), strips.columns(unit), acc);
        }
      });
      return;
    }
    Scratch<C> partial(units * parts * kColumns);
    parallel_for(0, units * parts, 1, [&](int64_t from, int64_t to) {
      for (int64_t k = from; k < to; ++k) {
        const int64_t first = k % parts * rows_per_part;
        fold_strip(in, l, params, k / parts, first, std::min(rows_per_part, l.reduced - first),
                   partial.data() + k * kColumns);
      }
    });
    for (int64_t unit = 0; unit < units; ++unit) {
      C* acc = partial.data() + unit * parts * kColumns;
      const int64_t n = strips.columns(unit);
      for (int64_t stride = 1; stride < parts; stride *= 2)
        for (int64_t part = 0; part + stride < parts; part += 2 * stride)
          for (int64_t c = 0; c < n; ++c)
            acc[part * kColumns + c] =
                merge(acc[part * kColumns + c], acc[(part + stride) * kColumns + c]);
      done(strips.first_result(unit), n, acc);
    }
  }
};

// Folds `in` along the layout's reduced dimensions; the results are converted to R.
template <class Fold, class C, class T, class R>
void fold_into(R* out, const T* in, const ReduceLayout& l) {
  Folder<Fold, T, C, NoParam>::run(in, l, nullptr, [&](int64_t first, int64_t n, const C* acc) {
    for (int64_t i = 0; i < n; ++i) out[first + i] = static_cast<R>(acc[i]);
  });
}

// The same, with store(i, accumulator) taking the results one by one.
template <class Fold, class C, class T, class Store>
void fold(const T* in, const ReduceLayout& l, Store store) {
  Folder<Fold, T, C, NoParam>::run(in, l, nullptr, [&](int64_t first, int64_t n, const C* acc) {
    for (int64_t i = 0; i < n; ++i) store(first + i, acc[i]);
  });
}
// With one number per result, which step() is given.
template <class Fold, class C, class T, class Store>
void fold(const T* in, const ReduceLayout& l, const C* params, Store store) {
  Folder<Fold, T, C, C>::run(in, l, params, [&](int64_t first, int64_t n, const C* acc) {
    for (int64_t i = 0; i < n; ++i) store(first + i, acc[i]);
  });
}

// --- folds that several rooms use ----------------------------------------------------------------

// Sums state only what is added: step().
struct Adding {
  template <class C>
  static C start() {
    return C(0);
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

template <class C>
constexpr C lowest() {
  if constexpr (std::is_floating_point_v<C>) return -std::numeric_limits<C>::infinity();
  return std::numeric_limits<C>::lowest();
}
template <class C>
constexpr C highest() {
  if constexpr (std::is_floating_point_v<C>) return std::numeric_limits<C>::infinity();
  return std::numeric_limits<C>::max();
}
// NaN outranks every number.
template <bool kLargest>
struct Extreme {
  template <class C>
  static C start() {
    return kLargest ? lowest<C>() : highest<C>();
  }
  template <class C>
  static C step(C acc, C x, NoParam) {
    bool better = kLargest ? x > acc : x < acc;
    if constexpr (std::is_floating_point_v<C>) better |= x != x;
    return better ? x : acc;
  }
  template <class C>
  static C merge(C a, C b) {
    return step(a, b, NoParam());
  }
};

}  // namespace fb::inline FB_CPU_NAMESPACE
