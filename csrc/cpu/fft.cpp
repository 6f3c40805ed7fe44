#include "ops/fft_kernels.h"

#include <cstring>
#include <utility>

#include "core/interrupt.h"
#include "cpu/fft_moves.h"
#include "cpu/fft_real.h"
#include "cpu/scratch.h"

namespace fb::inline FB_CPU_NAMESPACE::fft {
namespace {

constexpr int64_t kLongestInTiles = 2048;  // several transforms at once stay in the cache
constexpr int64_t kFewestInTiles = 6;      // lines for which the lanes of a tile pay
constexpr int64_t kWork = 1 << 15;         // elements that a thread is worth waking for

template <class T>
Split<T> swapped(Split<T> x) {
  return {x.im, x.re};
}

// A pair of arrays of `count` numbers each, for the duration of a scope.
template <class T>
class SplitScratch {
 public:
  // The second array begins elsewhere in the cache's sets.
  explicit SplitScratch(int64_t count) : apart_(count + 80), memory_(2 * apart_) {}
  operator Split<T>() const { return {memory_.data(), memory_.data() + apart_}; }

 private:
  int64_t apart_;
  Scratch<T> memory_;
};

// --- transforms of split arrays ------------------------------------------------------------------

// In turn between x and y; returns where the result is.
template <class T>
Split<T> run_passes(const FftPlan<T>& plan, int64_t inner, Split<T> x, Split<T> y) {
  for (const FftPass& pass : plan.passes) {
    if (inner == 1 && pass.stride == 1)
      stockham_first_pass(plan, pass, x, y);
    else
      stockham_pass(plan, pass, inner, x, y);
    std::swap(x, y);
  }
  return x;
}

// x times the factors of the four-step method for a tile of columns, written as tiles of rows:
// to[k / 16][column][k % 16].
template <class T>
void store_columns(const FftPlan<T>& plan, int64_t tile, Split<const T> x, Split<T> to) {
  constexpr int L = kLanes<T>;
  using V = Vector<T>;
  const int64_t count = plan.columns->length, length = plan.rows->length;
  const int64_t first = tile * kFftTile, width = std::min(kFftTile, length - first);
  const T* lane_re = plan.at(plan.lane_factors);
  const T* lane_im = lane_re + count * kFftTile;
  const T* tiles = plan.at(plan.tile_factors) + 2 * tile * count;
  for (int64_t block = 0; block < count; block += kFftTile) {
    const Split<T> rows = to + (block * length + first * kFftTile);
    alignas(64) T re[kFftTile * kFftTile], im[kFftTile * kFftTile];
    const int64_t height = std::min(kFftTile, count - block);
    for (int64_t i = 0; i < height; ++i)
      for (int64_t c = 0; c < kFftTile; c += L) {
        const int64_t at = (block + i) * kFftTile + c;
        Point<V> v{load_lanes<V>(x.re + at), load_lanes<V>(x.im + at)};
        v = times(v, load_lanes<V>(lane_re + at), load_lanes<V>(lane_im + at));
        v = times(v, tiles[2 * (block + i)], tiles[2 * (block + i) + 1]);
        store_lanes(re + i * kFftTile + c, v.re);
        store_lanes(im + i * kFftTile + c, v.im);
      }
    auto turn = [&](const T* from, T* out) {
      for (int64_t c = 0; c < kFftTile; c += L)
        for (int64_t i = 0; i < kFftTile; i += L) {
          V block_rows[L];
#pragma GCC unroll 16
          for (int j = 0; j < L; ++j) block_rows[j] = load_lanes<V>(from + (i + j) * kFftTile + c);
          transpose<T, L>(block_rows);
          for (int j = 0; j < L && c + j < width; ++j)
            store_lanes(out + (c + j) * kFftTile + i, block_rows[j]);
        }
    };
    if (height < kFftTile) {
      std::memset(re + height * kFftTile, 0,
                  static_cast<size_t>(kFftTile - height) * kFftTile * sizeof(T));
      std::memset(im + height * kFftTile, 0,
                  static_cast<size_t>(kFftTile - height) * kFftTile * sizeof(T));
    }
    turn(re, rows.re);
    turn(im, rows.im);
  }
}

template <class T>
void four_step(const FftPlan<T>& plan, Split<const T> x, Split<T> y) {
  const int64_t count = plan.columns->length, length = plan.rows->length;
  const int64_t row_tiles = (count + kFftTile - 1) / kFftTile;
  const int64_t column_tiles = (length + kFftTile - 1) / kFftTile;
  SplitScratch<T> between(row_tiles * kFftTile * length);
  // Element j * length + i belongs to column i; its transform's element k to row k.
  parallel_for(0, column_tiles, std::max<int64_t>(1, kWork / (count * kFftTile)),
               [&](int64_t begin, int64_t end) {
                 SplitScratch<T> a(count * kFftTile), b(count * kFftTile);
                 for (int64_t tile = begin; tile < end; ++tile) {
                   Lines<const T> columns{x.re, x.im, length, 0, {}};
                   columns.count = std::min(kFftTile, length - tile * kFftTile);
                   for (int64_t c = 0; c < kFftTile; ++c)
                     columns.offset[c] = tile * kFftTile + std::min(c, columns.count - 1);
                   load_tile<T>(columns, count, a);
                   const Split<T> done = run_passes<T>(*plan.columns, kFftTile, a, b);
                   store_columns<T>(plan, tile, done, between);
                 }
               });
  parallel_for(0, row_tiles, std::max<int64_t>(1, kWork / (length * kFftTile)),
               [&](int64_t begin, int64_t end) {
                 SplitScratch<T> a(length * kFftTile);
                 for (int64_t tile = begin; tile < end; ++tile) {
                   const Split<T> from = Split<T>(between) + tile * kFftTile * length;
                   const Split<T> done = run_passes<T>(*plan.rows, kFftTile, from, a);
                   Lines<T> rows{y.re, y.im, count, 0, {}};
                   rows.count = std::min(kFftTile, count - tile * kFftTile);
                   for (int64_t c = 0; c < kFftTile; ++c) rows.offset[c] = tile * kFftTile + c;
                   store_tile<T>(rows, length, done, T(1));
                 }
               });
}

template <class T>
Split<T> transform_line(const FftPlan<T>& plan, Split<T> x, Split<T> y);

// z times the numbers of a table, real parts before imaginary ones.
template <class T>
void multiply(const T* factors, int64_t n, Split<const T> x, Split<T> y) {
  parallel_for(0, n, kWork, [&](int64_t begin, int64_t end) {
    for (int64_t j = begin; j < end; ++j) {
      const Point<T> v = times(Point<T>{x.re[j], x.im[j]}, factors[j], factors[n + j]);
      y.re[j] = v.re;
      y.im[j] = v.im;
    }
  });
}

template <class T>
void convolve(const FftPlan<T>& plan, Split<T> x) {
  const FftPlan<T>& inner = *plan.convolution;
  const int64_t n = plan.length, size = inner.length;
  SplitScratch<T> a(size), b(size);
  Split<T> from = a, to = b;
  multiply<T>(plan.at(plan.chirp), n, x, from);
  std::memset(from.re + n, 0, static_cast<size_t>(size - n) * sizeof(T));
  std::memset(from.im + n, 0, static_cast<size_t>(size - n) * sizeof(T));
  Split<T> done = transform_line(inner, from, to);
  Split<T> other = done.re == from.re ? to : from;
  multiply<T>(plan.at(plan.spectrum), size, done, done);
  done = transform_line(inner, swapped(done), swapped(other));
  multiply<T>(plan.at(plan.chirp), n, swapped(done), x);
}

// Either array may hold the result, which is returned.
template <class T>
Split<T> transform_line(const FftPlan<T>& plan, Split<T> x, Split<T> y) {
  switch (plan.method) {
    case FftPlan<T>::Method::Passes:
      return run_passes(plan, 1, x, y);
    case FftPlan<T>::Method::FourStep:
      four_step<T>(plan, x, y);
      return y;
    default:
      convolve(plan, x);
      return x;
  }
}

// --- lines of tensors ----------------------------------------------------------------------------

template <class T>
struct Job {
  const FftPlan<T>& plan;
  FftKind kind;
  bool forward, pairs;  // pairs: a real side of even length, seen as half as many complex numbers
  T scale;
  int64_t in_count, out_count;  // elements of a line as they are loaded and stored
  Lines<const T> in;            // without offsets
  Lines<T> out;
  int64_t lines;
  // Of the dimensions beside the transformed one.
  Dims sizes, in_strides, out_strides;
};

// Memory of one tile or line: elements as they are loaded, transformed, stored.
template <class T>
int64_t elements(const Job<T>& job) {
  return std::max({job.in_count, job.out_count, job.plan.length});
}

// From loaded elements in x to those to be stored, which are in the array returned.
template <class T>
Split<T> transform(const Job<T>& job, int64_t inner, Split<T> x, Split<T> y) {
  if (job.kind == FftKind::ComplexToReal)
    job.pairs ? pairs_from_spectrum(job.plan, inner, x) : whole_spectrum(job.plan.length, inner, x);
  if (!job.forward) {
    x = swapped(x);
    y = swapped(y);
  }
  Split<T> done = inner == 1 ? transform_line(job.plan, x, y) : run_passes(job.plan, inner, x, y);
  if (!job.forward) done = swapped(done);
  if (job.kind == FftKind::RealToComplex && job.pairs) spectrum_from_pairs(job.plan, inner, done);
  return done;
}

// Where `count` lines from `first` on begin.
template <class T>
void place(const Job<T>& job, int64_t first, int64_t count, Lines<const T>& in, Lines<T>& out) {
  in.count = out.count = count;
  for (int64_t c = 0; c < kFftTile; ++c) {
    int64_t rest = first + std::min(c, count - 1), from = 0, to = 0;
    if (c >= count) {
      in.offset[c] = in.offset[c - 1];
      out.offset[c] = out.offset[c - 1];
      continue;
    }
    for (size_t d = job.sizes.size(); d-- > 0;) {
      from += rest % job.sizes[d] * job.in_strides[d];
      to += rest % job.sizes[d] * job.out_strides[d];
      rest /= job.sizes[d];
    }
    in.offset[c] = from;
    out.offset[c] = to;
  }
}

template <class T>
void run_tiles(const Job<T>& job) {
  const int64_t tiles = (job.lines + kFftTile - 1) / kFftTile, n = elements(job);
  parallel_for(0, tiles, std::max<int64_t>(1, kWork / (n * kFftTile)),
               [&](int64_t begin, int64_t end) {
                 SplitScratch<T> a(n * kFftTile), b(n * kFftTile);
                 Lines<const T> in = job.in;
                 Lines<T> out = job.out;
                 for (int64_t tile = begin; tile < end; ++tile) {
                   const int64_t first = tile * kFftTile;
                   place(job, first, std::min(kFftTile, job.lines - first), in, out);
                   load_tile<T>(in, job.in_count, a);
                   const Split<T> done = transform<T>(job, kFftTile, a, b);
                   store_tile<T>(out, job.out_count, done, job.scale);
                 }
               });
}

template <class T>
void run_lines(const Job<T>& job) {
  const int64_t n = elements(job);
  auto body = [&](int64_t begin, int64_t end) {
    SplitScratch<T> a(n), b(n);
    Lines<const T> in = job.in;
    Lines<T> out = job.out;
    for (int64_t line = begin; line < end; ++line) {
      place(job, line, 1, in, out);
      load_line<T>(in, job.in_count, a);
      const Split<T> done = transform<T>(job, 1, a, b);
      store_line<T>(out, job.out_count, done, job.scale);
    }
  };
  // Few long lines share their own work among threads.
  if (n > 4 * kWork || job.lines == 1)
    body(0, job.lines);
  else
    parallel_for(0, job.lines, std::max<int64_t>(1, kWork / n), body);
}

// A tensor's lines: parts of its elements, and strides in numbers of T.
template <class T>
Lines<T> lines_of(const Tensor& t, int64_t dim, const Dims& others, bool as_pairs, Dims& strides) {
  const int64_t width = is_complex(t.dtype()) ? 2 : 1, step = t.strides()[dim] * width;
  T* data = static_cast<T*>(t.raw());
  for (int64_t d : others) strides.push_back(t.strides()[d] * width);
  if (as_pairs) return {data, data + step, 2 * step, 0, {}};
  return {data, width == 2 ? data + 1 : nullptr, step, 0, {}};
}

template <class T>
void run(const Tensor& out, const Tensor& input, const FftCall& call) {
  const auto& plan = static_cast<const FftPlan<T>&>(*call.plan);
  const int64_t dim = call.dim;
  const bool from_real = call.kind == FftKind::RealToComplex,
             to_real = call.kind == FftKind::ComplexToReal;
  const int64_t n = (to_real ? out : input).sizes()[dim];
  const bool pairs = call.kind != FftKind::ComplexToComplex && n % 2 == 0;
  Job<T> job{plan, call.kind, call.forward, pairs, static_cast<T>(call.scale), 0, 0, {}, {},
             1,    {},        {},           {}};
  job.in_count = to_real ? n / 2 + 1 : pairs ? n / 2 : n;
  job.out_count = from_real ? n / 2 + 1 : pairs ? n / 2 : n;
  // Lines that are neighbours in memory follow each other.
  Dims others;
  for (int64_t d = 0; d < out.dim(); ++d)
    if (d != dim) {
      size_t at = others.size();
      while (at > 0 && out.strides()[others[at - 1]] < out.strides()[d]) --at;
      others.insert(at, d);
    }
  job.in = lines_of<const T>(input, dim, others, from_real && pairs, job.in_strides);
  job.out = lines_of<T>(out, dim, others, to_real && pairs, job.out_strides);
  for (int64_t d : others) {
    job.sizes.push_back(out.sizes()[d]);
    job.lines *= out.sizes()[d];
  }
  const bool in_tiles = plan.method == FftPlan<T>::Method::Passes &&
                        plan.length <= kLongestInTiles && job.lines >= kFewestInTiles;
  in_tiles ? run_tiles(job) : run_lines(job);
}

void fft_cpu(const Tensor& out, const Tensor& input, const FftCall& call) {
  if (real_dtype(out.dtype()) == DType::Float32)
    run<float>(out, input, call);
  else
    run<double>(out, input, call);
}

}  // namespace

CPU_KERNEL(fft, fft_cpu)

}  // namespace fb::inline FB_CPU_NAMESPACE::fft
