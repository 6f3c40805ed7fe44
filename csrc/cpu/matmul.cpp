#include "ops/matmul_kernels.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <optional>

#include "core/interrupt.h"
#include "core/precision.h"
#include "cpu/gemm.h"
#include "cpu/gemv.h"

#define FB_MATRIX_TYPES(...) FB_REAL(__VA_ARGS__) FB_COMPLEX(__VA_ARGS__)

namespace fb::inline FB_CPU_NAMESPACE {
namespace {

// Matrices that lie in memory as a grid of `sizes`.
template <class T>
struct Batched {
  T* data = nullptr;
  int64_t row = 0, col = 0;
  const Dims* sizes = nullptr;
  Dims strides;
  Matrix<T> operator[](int64_t i) const {
    int64_t offset = 0;
    for (size_t d = strides.size(); d-- > 1; i /= (*sizes)[d])
      offset += i % (*sizes)[d] * strides[d];
    if (!strides.empty()) offset += i * strides[0];
    return {data + offset, row, col};
  }
  bool same_for_all() const {
    return std::all_of(strides.begin(), strides.end(), [](int64_t s) { return s == 0; });
  }
};

// c = alpha * a @ b + beta * add, of elements S.
template <class S>
struct Product {
  int64_t batch, m, n, k;
  Batched<const S> a, b, add;
  Batched<S> c;
  Scalar beta, alpha;
  bool exact = true;  // no operand may be rounded

  void transpose() {
    std::swap(m, n);
    std::swap(a, b);
    std::swap(a.row, a.col);
    std::swap(b.row, b.col);
    std::swap(add.row, add.col);
    std::swap(c.row, c.col);
  }
  // Rows of all matrices as rows of one, where b is the same for all.
  void fold_batch() {
    if (batch == 1 || c.strides.size() != 1 || !b.same_for_all()) return;
    bool folds = a.strides[0] == m * a.row && c.strides[0] == m * c.row &&
                 (!add.data || add.strides[0] == m * add.row);
    if (!folds) return;
    m *= batch;
    batch = 1;
  }
};

// What sums are kept in.
template <class S>
using Sum =
    std::conditional_t<std::is_same_v<S, Half> || std::is_same_v<S, BFloat16>, float,
                       std::conditional_t<std::is_integral_v<S> && sizeof(S) < 4, int32_t, S>>;

// Work is cut by the size of the problem alone, so that results don't depend on the number of
// threads.
constexpr int64_t kTaskWork = 500'000;  // multiplications that are worth a task
constexpr int64_t kManyColumns = 4096;
constexpr int64_t kCallWork = 4096;  // what a call costs besides, in multiplications

struct Tile {
  int64_t rows, columns;
};

constexpr int64_t round_up(int64_t n, int64_t step) { return (n + step - 1) / step * step; }
// Multiplications of `work` that make a task together.
int64_t worth(int64_t work) { return kTaskWork / std::max<int64_t>(1, work) + 1; }

// For oneDNN, as whose fast kernels want c dense: whole rows, if there are enough of them.
Tile tile_of_rows(int64_t m, int64_t n, int64_t k) {
  Tile tile{m, n};
  if (m * n * k < 2 * kTaskWork) return tile;
  if (n > kManyColumns) tile.columns = kManyColumns / 2;
  const int64_t many = m >= 1024 ? 256 : m >= 256 ? 128 : 64;
  const int64_t wanted = std::max(worth(tile.columns * k), many);
  int64_t down = (m + wanted - 1) / wanted;
  if (down > 1) {
    down = round_up(down, 2);
    tile.rows = std::min(m, round_up((m + down - 1) / down, 16));
  }
  // Few rows: parts of them.
  constexpr int64_t kWantedTiles = 4;
  down = (m + tile.rows - 1) / tile.rows;
  if (down * 2 <= kWantedTiles && tile.columns == n) {
    const int64_t least =
        std::max(worth(tile.rows * k), (n * down + kWantedTiles - 1) / kWantedTiles);
    tile.columns = std::min(n, round_up(least, 256));
  }
  return tile;
}

// Each tile copies its part of a and b, and does so fast where they lie as its kernels read them.
// Of the ways to cut c into a power of two of tiles this is the one with the least to copy.
Tile tile_of_least_copies(int64_t batch, int64_t m, int64_t n, int64_t k, bool plain_a,
                          bool plain_b) {
  constexpr int64_t kMostTiles = 16, kFewTiles = 4, kColumnStep = 16, kManyRows = 160;
  const int64_t tasks = m * n * k / kTaskWork;
  const int64_t most =
      std::min(kMostTiles / batch, std::max(std::min(kFewTiles, tasks), tasks / 8));
  Tile best{m, n};
  if (most < 2) return best;
  const int64_t tiles = static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(most)));
  int64_t least = std::numeric_limits<int64_t>::max();
  for (int64_t down = 1; down <= tiles; down *= 2) {
    const int64_t across = tiles / down;
    const Tile tile{(m + down - 1) / down,
                    std::min(n, round_up((n + across - 1) / across, kColumnStep))};
    // Tiles that would be empty.
    if ((down - 1) * tile.rows >= m || (across - 1) * tile.columns >= n) continue;
    const int64_t idle = (across * tile.columns - n) * m;
    const int64_t cost_a = plain_a ? 1 : 3, cost_b = !plain_b ? 3 : tile.rows > kManyRows ? 2 : 1;
    const int64_t cost = across * m * k * cost_a + down * n * k * cost_b + idle * k / 8;
    if (cost >= least) continue;
    least = cost;
    best = tile;
  }
  return best;
}

template <class T>
T number(const Scalar& s) {
  return s.to<T>();
}

// c = alpha * tile + beta * add, with the tile's rows packed.
template <class S, class T>
void finish_tile(int64_t m, int64_t n, const T* tile, T alpha, T beta, Matrix<const S> add,
                 Matrix<S> c) {
  for (int64_t i = 0; i < m; ++i, tile += n) {
    S* to = c.data + i * c.row;
    if (!add.data) {
      if (c.col == 1) {
        for (int64_t j = 0; j < n; ++j) to[j] = static_cast<S>(alpha * tile[j]);
      } else {
        for (int64_t j = 0; j < n; ++j) to[j * c.col] = static_cast<S>(alpha * tile[j]);
      }
      continue;
    }
    const S* from = add.data + i * add.row;
    if (c.col == 1 && add.col == 1) {
      for (int64_t j = 0; j < n; ++j)
        to[j] = static_cast<S>(alpha * tile[j] + beta * static_cast<T>(from[j]));
    } else {
      for (int64_t j = 0; j < n; ++j)
        to[j * c.col] = static_cast<S>(alpha * tile[j] + beta * static_cast<T>(from[j * add.col]));
    }
  }
}

template <class S, class U, class T>
void multiply_tile(int64_t m, int64_t n, int64_t k, Matrix<const U> a, Matrix<const U> b, T alpha,
                   T beta, Matrix<const S> add, Matrix<S> c) {
  if constexpr (std::is_same_v<U, BFloat16>) {
    if (!add.data && alpha == T(1) && c.col == 1) return gemm_bfloat16<S>(m, n, k, a, b, c);
    Scratch<float> tile(m * n);
    gemm_bfloat16<float>(m, n, k, a, b, {tile, n, 1});
    return finish_tile<S, T>(m, n, tile, alpha, beta, add, c);
  } else {
    if constexpr (std::is_same_v<S, T>) {
      if (c.col == 1) {
        if (!add.data) return gemm<T>(m, n, k, alpha, a, b, T(0), c);
        if (add.data == c.data && add.row == c.row && add.col == 1)
          return gemm<T>(m, n, k, alpha, a, b, beta, c);
        for (int64_t i = 0; i < m; ++i) {
          S* to = c.data + i * c.row;
          const S* from = add.data + i * add.row;
          if (add.col == 1 && beta == T(1)) {
            std::copy_n(from, n, to);
          } else {
            for (int64_t j = 0; j < n; ++j) to[j] = beta * from[j * add.col];
          }
        }
        return gemm<T>(m, n, k, alpha, a, b, T(1), c);
      }
    }
    Scratch<T> tile(m * n);
    gemm<T>(m, n, k, T(1), a, b, T(0), {tile, n, 1});
    finish_tile<S, T>(m, n, tile, alpha, beta, add, c);
  }
}

// Runs body(task) for all tasks, without the pool where there is but one.
template <class F>
void run_tasks(int64_t tasks, F&& body) {
  if (tasks == 1) return body(int64_t{0});
  parallel_chunks(tasks, body);
}

template <class S, class U, class T>
void multiply_tiles(const Product<S>& p, Batched<const U> a, Batched<const U> b) {
  T alpha = number<T>(p.alpha), beta = number<T>(p.beta);
  const Tile tile = std::is_same_v<U, BFloat16>
                        ? tile_of_rows(p.m, p.n, p.k)
                        : tile_of_least_copies(p.batch, p.m, p.n, p.k, a.col == 1, b.col == 1);
  int64_t down = (p.m + tile.rows - 1) / tile.rows,
          across = (p.n + tile.columns - 1) / tile.columns;
  int64_t tiles = p.batch * down * across, work = tile.rows * tile.columns * p.k + kCallWork;
  int64_t group = std::clamp<int64_t>(kTaskWork / work, 1, tiles);  // tiles per task
  run_tasks((tiles + group - 1) / group, [&](int64_t task) {
    for (int64_t t = task * group, end = std::min(t + group, tiles); t < end; ++t) {
      int64_t item = t / (down * across), i = t / across % down * tile.rows,
              j = t % across * tile.columns;
      int64_t m = std::min(tile.rows, p.m - i), n = std::min(tile.columns, p.n - j);
      Matrix<const S> add = p.add[item];
      multiply_tile<S, U, T>(m, n, p.k, a[item].at(i, 0), b[item].at(0, j), alpha, beta,
                             add.data ? add.at(i, j) : add, p.c[item].at(i, j));
    }
  });
}

// The operand with elements U and one stride of 1; copied into `room` unless it is like that.
template <class S, class U>
class Plain {
 public:
  Plain(Batched<const S> x, int64_t batch, int64_t rows, int64_t cols) {
    Matrix<const S> sound = with_sound_strides(x[0], rows, cols);
    if constexpr (std::is_same_v<S, U>) {
      if (blas_layout(sound, rows, cols)) {
        view = {x.data, sound.row, sound.col, x.sizes, x.strides};
        return;
      }
    }
    bool once = x.same_for_all();
    if (once) batch = 1;
    bool by_columns = sound.col != 1 && sound.row == 1;  // keeps the order of the source
    int64_t lines = by_columns ? cols : rows, length = by_columns ? rows : cols;
    room_.emplace(batch * lines * length);
    U* to = room_->data();
    int64_t line = by_columns ? x.col : x.row, step = by_columns ? x.row : x.col;
    view = {to, by_columns ? 1 : length, by_columns ? length : 1, x.sizes, x.strides};
    if (!once) {
      int64_t stride = lines * length;
      for (size_t d = x.strides.size(); d-- > 0; stride *= (*x.sizes)[d]) view.strides[d] = stride;
    }
    parallel_for(0, batch * lines, std::max<int64_t>(1, 32768 / std::max<int64_t>(length, 1)),
                 [&](int64_t from, int64_t end) {
                   for (int64_t i = from; i < end; ++i) {
                     const S* source = x[i / lines].data + i % lines * line;
                     U* target = to + i * length;
                     if (step == 1) {
                       for (int64_t j = 0; j < length; ++j) target[j] = static_cast<U>(source[j]);
                     } else {
                       for (int64_t j = 0; j < length; ++j)
                         target[j] = static_cast<U>(source[j * step]);
                     }
                   }
                 });
  }
  Batched<const U> view;

 private:
  std::optional<Scratch<U>> room_;
};

template <class S>
void multiply_vector(const Product<S>& p) {
  using T = Sum<S>;
  T alpha = number<T>(p.alpha), beta = number<T>(p.beta);
  constexpr int64_t kTaskBytes = 1 << 18;
  bool dots = p.b.row == 1;
  int64_t width = kTaskBytes / std::max<int64_t>(1, p.k * static_cast<int64_t>(sizeof(S)));
  width = std::min(p.n, std::max<int64_t>(dots ? 16 : 256, width));
  int64_t across = (p.n + width - 1) / width;
  int64_t group = std::max<int64_t>(
      1, kTaskBytes / std::max<int64_t>(1, p.k * width * static_cast<int64_t>(sizeof(S))));
  int64_t tiles = p.batch * across;
  group = std::min(group, tiles);
  run_tasks((tiles + group - 1) / group, [&](int64_t task) {
    bool in_place = std::is_same_v<S, T> && p.a.col == 1;
    Scratch<T> room(width + (in_place ? 0 : p.k));
    for (int64_t t = task * group, end = std::min(t + group, tiles); t < end; ++t) {
      int64_t item = t / across, j = t % across * width, n = std::min(width, p.n - j);
      Matrix<const S> a = p.a[item], add = p.add[item];
      const T* x = room + width;
      if (in_place) {
        x = reinterpret_cast<const T*>(a.data);
      } else {
        for (int64_t l = 0; l < p.k; ++l) room[width + l] = static_cast<T>(a.data[l * a.col]);
      }
      if (dots) {
        dot_products(p.k, n, x, p.b[item].at(0, j).data, p.b.col, static_cast<T*>(room));
      } else {
        sum_of_rows(p.k, n, x, p.b[item].at(0, j).data, p.b.row, static_cast<T*>(room));
      }
      finish_tile<S, T>(1, n, room, alpha, beta, add.data ? add.at(0, j) : add, p.c[item].at(0, j));
    }
  });
}

// Rounding the operands costs more than it saves where one side of the result is shorter.
constexpr int64_t kRoundedSide = 64;

template <class S>
void multiply(Product<S>& p) {
  using T = Sum<S>;
  p.fold_batch();
  if (p.n == 1 && p.m > 1) p.transpose();
  if constexpr (!std::is_integral_v<S>) {
    if (p.k == 1) p.b.row = 1;  // a stride that leads nowhere
    if (p.m == 1 && p.k > 0 && (p.b.row == 1 || p.b.col == 1)) return multiply_vector(p);
  }
  if constexpr (std::is_same_v<S, BFloat16>) {
    if (native_bfloat16() && p.k > 0 && p.m * p.n * p.k > 512) {
      Plain<S, S> a(p.a, p.batch, p.m, p.k), b(p.b, p.batch, p.k, p.n);
      return multiply_tiles<S, S, T>(p, a.view, b.view);
    }
  }
  if constexpr (std::is_same_v<S, float>) {
    if (!p.exact && p.k > 0 && std::min(p.m, p.n) >= kRoundedSide && native_bfloat16()) {
      Plain<S, BFloat16> a(p.a, p.batch, p.m, p.k), b(p.b, p.batch, p.k, p.n);
      return multiply_tiles<S, BFloat16, T>(p, a.view, b.view);
    }
  }
  if constexpr (std::is_same_v<S, T>) {
    multiply_tiles<S, T, T>(p, p.a, p.b);
  } else {
    Plain<S, T> a(p.a, p.batch, p.m, p.k), b(p.b, p.batch, p.k, p.n);
    multiply_tiles<S, T, T>(p, a.view, b.view);
  }
}

// (ar + i ai)(br + i bi) as one real product: each row of a becomes the rows (ar, -ai, ...) and
// (ai, ar, ...), each row of b the rows br and bi. Rows 2i and 2i+1 of the result are the real and
// the imaginary part.
template <class R>
void multiply(Product<std::complex<R>>& p) {
  using C = std::complex<R>;
  C alpha = number<C>(p.alpha), beta = number<C>(p.beta);
  Scratch<R> a(4 * p.m * p.k), b(2 * p.k * p.n), c(2 * p.m * p.n);
  InterruptCheck<64> interrupted;  // by rows
  for (int64_t item = 0; item < p.batch; ++item) {
    Matrix<const C> pa = p.a[item], pb = p.b[item], add = p.add[item];
    Matrix<C> pc = p.c[item];
    for (int64_t i = 0; i < p.m; ++i) {
      interrupted.step();
      R *re = a + 4 * i * p.k, *im = re + 2 * p.k;
      for (int64_t l = 0; l < p.k; ++l) {
        C v = pa.data[i * pa.row + l * pa.col];
        re[2 * l] = im[2 * l + 1] = v.real();
        re[2 * l + 1] = -v.imag();
        im[2 * l] = v.imag();
      }
    }
    for (int64_t l = 0; l < p.k; ++l) {
      interrupted.step();
      R *re = b + 2 * l * p.n, *im = re + p.n;
      for (int64_t j = 0; j < p.n; ++j) {
        C v = pb.data[l * pb.row + j * pb.col];
        re[j] = v.real();
        im[j] = v.imag();
      }
    }
    Product<R> real{1,
                    2 * p.m,
                    p.n,
                    2 * p.k,
                    {a, 2 * p.k, 1, nullptr, {}},
                    {b, p.n, 1, nullptr, {}},
                    {},
                    {c, p.n, 1, nullptr, {}},
                    0,
                    1};
    multiply(real);
    for (int64_t i = 0; i < p.m; ++i) {
      interrupted.step();
      const R *re = c + 2 * i * p.n, *im = re + p.n;
      for (int64_t j = 0; j < p.n; ++j) {
        C v = alpha * C(re[j], im[j]);
        if (add.data) v += beta * add.data[i * add.row + j * add.col];
        pc.data[i * pc.row + j * pc.col] = v;
      }
    }
  }
}

// The matrices of a tensor whose leading dimensions broadcast to `grid`.
template <class S>
Batched<S> matrices(const Tensor& t, const Dims& grid) {
  size_t d = t.sizes().size(), lead = grid.size() + 2 - d;
  Batched<S> x{t.data<std::remove_const_t<S>>(), t.strides()[d - 2], t.strides()[d - 1], &grid,
               Dims(grid.size())};
  for (size_t i = 0; i + 2 < d; ++i)
    if (t.sizes()[i] != 1) x.strides[lead + i] = t.strides()[i];
  return x;
}

// Joins dimensions of the grid that are one dimension for all operands.
template <class S>
void join_grid(Product<S>& p, Dims& grid) {
  for (size_t d = grid.size(); d-- > 1;) {
    auto joins = [&](const auto& x) {
      return !x.data || x.strides[d - 1] == grid[d] * x.strides[d];
    };
    if (!joins(p.a) || !joins(p.b) || !joins(p.add) || !joins(p.c)) continue;
    grid[d - 1] *= grid[d];
    grid.erase(d);
    auto join = [&](auto& x) {
      if (x.data) x.strides.erase(d - 1);
    };
    join(p.a);
    join(p.b);
    join(p.add);
    join(p.c);
  }
}

void matrix_product(const Tensor& out, const Tensor& a, const Tensor& b, const Tensor& addend,
                    const Scalar& beta, const Scalar& alpha) {
  if (out.numel() == 0) return;
  size_t d = out.sizes().size();
  Dims grid(out.sizes().first(d - 2));
  int64_t m = out.sizes()[d - 2], n = out.sizes()[d - 1], k = alpha.equal(0) ? 0 : a.sizes().back();
  FB_DISPATCH(out.dtype(), FB_MATRIX_TYPES, "addmm_impl_cpu_", {
    using S = scalar_t;
    Batched<const S> add;
    if (addend.defined() && !beta.equal(0)) add = matrices<const S>(addend, grid);
    Product<S> p{out.numel() / (m * n),
                 m,
                 n,
                 k,
                 matrices<const S>(a, grid),
                 matrices<const S>(b, grid),
                 add,
                 matrices<S>(out, grid),
                 beta,
                 alpha,
                 !bfloat16_products};
    if (grid.size() > 1) join_grid(p, grid);
    multiply(p);
  });
}

void linear(const Tensor& out, const Tensor& x, const Tensor& weight, const Tensor& bias) {
  if (out.numel() == 0) return;
  int64_t n = weight.sizes()[0], k = weight.sizes()[1], rows = out.numel() / n;
  bool matrix = x.dim() == 2;
  FB_DISPATCH(out.dtype(), FB_MATRIX_TYPES, "addmm_impl_cpu_", {
    using S = scalar_t;
    Product<S> p{1,
                 rows,
                 n,
                 k,
                 {x.data<S>(), matrix ? x.strides()[0] : k, x.strides().back(), nullptr, {}},
                 {weight.data<S>(), weight.strides()[1], weight.strides()[0], nullptr, {}},
                 {},
                 {out.data<S>(), n, 1, nullptr, {}},
                 1,
                 1,
                 !bfloat16_products};
    if (bias.defined())
      p.add = {bias.data<S>(), 0, bias.numel() == 1 ? 0 : bias.strides()[0], nullptr, {}};
    multiply(p);
  });
}

template <class S, class T>
T dot_range(const S* a, int64_t sa, const S* b, int64_t sb, int64_t n, bool conjugate) {
  if constexpr (!std::is_same_v<S, complex64> && !std::is_same_v<S, complex128> &&
                !std::is_integral_v<S> && !std::is_same_v<S, Half>) {
    if (sa == 1 && sb == 1 && std::is_same_v<S, T>) {
      T sum;
      dot_products<S, T>(n, 1, reinterpret_cast<const T*>(a), b, n, &sum);
      return sum;
    }
  }
  T sum = T(0);
  for (int64_t i = 0; i < n; ++i) {
    T x = static_cast<T>(a[i * sa]), y = static_cast<T>(b[i * sb]);
    if constexpr (std::is_same_v<S, complex64> || std::is_same_v<S, complex128>) {
      if (conjugate) x = std::conj(x);
    }
    sum += x * y;
  }
  return sum;
}

void dot(const Tensor& out, const Tensor& a, const Tensor& b, bool conjugate) {
  constexpr int64_t kPart = 32768;
  int64_t n = a.numel(), parts = std::max<int64_t>(1, (n + kPart - 1) / kPart);
  FB_DISPATCH(out.dtype(), FB_MATRIX_TYPES, "dot", {
    using T = Sum<scalar_t>;
    const auto *x = a.data<scalar_t>(), *y = b.data<scalar_t>();
    int64_t sx = a.strides()[0], sy = b.strides()[0];
    Scratch<T> sums(parts);
    run_tasks(parts, [&](int64_t i) {
      int64_t from = i * kPart;
      sums[i] = dot_range<scalar_t, T>(x + from * sx, sx, y + from * sy, sy,
                                       std::min(kPart, n - from), conjugate);
    });
    T total = sums[0];
    for (int64_t i = 1; i < parts; ++i) total += sums[i];
    *out.data<scalar_t>() = static_cast<scalar_t>(total);
  });
}

CPU_KERNEL(matrix_product, matrix_product)
CPU_KERNEL(linear, linear)
CPU_KERNEL(dot, dot)

}  // namespace
}  // namespace fb::inline FB_CPU_NAMESPACE
