#include "ops/fft_kernels.h"

#include <cstring>
#include <utility>

#include "core/interrupt.h"
#include "cpu/fft_moves.h"
#include "cpu/fft_real.h"
#include "cpu/scratch.h"

namespace fb::inline FB_CPU_NAMESPACE::fft {
namespace {

constexpr int64_t kLongestDenseInTiles = 96;          // where lines could fill vectors of their own
constexpr int64_t kLongestLineOfOneThread = 1 << 17;  // bytes of each part
constexpr int64_t kWork = 1 << 12;                    // elements that a thread is worth waking for

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

// The passes from `first` on, in turn between x and y; returns where the result is.
template <class T>
Split<T> run_passes(const FftPlan<T>& plan, int64_t inner, Split<T> x, Split<T> y,
                    size_t first = 0) {
  for (size_t i = first; i < plan.passes.size(); ++i) {
    const FftPass& pass = plan.passes[i];
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

// One line, element j with its parts at re[j * step] and im[j * step].
template <class T>
struct Line {
  T* re;
  T* im;
  int64_t step;
};

// From x to y, which may be x.
template <class T>
void four_step(const FftPlan<T>& plan, bool forward, Line<const T> x, Line<T> y, T scale) {
  const int64_t count = plan.columns->length, length = plan.rows->length;
  const int64_t row_tiles = (count + kFftTile - 1) / kFftTile;
  const int64_t column_tiles = (length + kFftTile - 1) / kFftTile;
  SplitScratch<T> between(row_tiles * kFftTile * length);
  auto turned = [&](Split<T> z) { return forward ? z : swapped(z); };
  // Element j * length + i belongs to column i; its transform's element k to row k.
  auto do_columns = [&](int64_t begin, int64_t end) {
    SplitScratch<T> a(count * kFftTile), b(count * kFftTile);
    for (int64_t tile = begin; tile < end; ++tile) {
      Lines<const T> columns{x.re, x.im, length * x.step, 0, {}};
      columns.count = std::min(kFftTile, length - tile * kFftTile);
      for (int64_t c = 0; c < kFftTile; ++c)
        columns.offset[c] = (tile * kFftTile + std::min(c, columns.count - 1)) * x.step;
      load_tile<T>(columns, count, a);
      const Split<T> done = run_passes<T>(*plan.columns, kFftTile, turned(a), b);
      store_columns<T>(plan, tile, done, between);
    }
  };
  auto do_rows = [&](int64_t begin, int64_t end) {
    SplitScratch<T> a(length * kFftTile);
    for (int64_t tile = begin; tile < end; ++tile) {
      const Split<T> from = Split<T>(between) + tile * kFftTile * length;
      const Split<T> done = run_passes<T>(*plan.rows, kFftTile, from, a);
      Lines<T> rows{y.re, y.im, count * y.step, 0, {}};
      rows.count = std::min(kFftTile, count - tile * kFftTile);
      for (int64_t c = 0; c < kFftTile; ++c) rows.offset[c] = (tile * kFftTile + c) * y.step;
      store_tile<T>(rows, length, turned(done), scale);
    }
  };
  auto grain = [](int64_t n) { return std::max<int64_t>(1, kWork / (n * kFftTile)); };
  parallel_for(0, column_tiles, grain(count), do_columns);
  parallel_for(0, row_tiles, grain(length), do_rows);
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
      four_step<T>(plan, true, {x.re, x.im, 1}, {y.re, y.im, 1}, 1);
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

// Where `count` lines from `first` on begin; missing lines of a tile repeat the last one.
template <class T>
void place(const Job<T>& job, int64_t first, int64_t count, Lines<const T>& in, Lines<T>& out) {
  in.count = out.count = count;
  for (int64_t c = 0; c < count; ++c) {
    int64_t rest = first + c, from = 0, to = 0;
    for (size_t d = job.sizes.size(); d-- > 0;) {
      from += rest % job.sizes[d] * job.in_strides[d];
      to += rest % job.sizes[d] * job.out_strides[d];
      rest /= job.sizes[d];
    }
    in.offset[c] = from;
    out.offset[c] = to;
  }
  if (count > 1) std::fill(in.offset + count, in.offset + kFftTile, in.offset[count - 1]);
}

// One line of a tensor; a and b are memory for it.
template <class T>
void run_line(const Job<T>& job, const Lines<const T>& in, const Lines<T>& out, Split<T> a,
              Split<T> b) {
  const FftPlan<T>& plan = job.plan;
  const bool in_passes = plan.method == FftPlan<T>::Method::Passes;
  const bool four_steps = plan.method == FftPlan<T>::Method::FourStep;
  const bool to_spectrum = job.kind == FftKind::RealToComplex && job.pairs;
  const bool from_spectrum = job.kind == FftKind::ComplexToReal && job.pairs;
  const bool dense_in = in.pairs() && in.step == 2, dense_out = out.pairs() && out.step == 2;
  const int64_t from = in.offset[0], to = out.offset[0];
  Line<const T> source{a.re, a.im, 1};
  bool begun = false;  // the first pass is done, into b
  if (from_spectrum && dense_in) {
    pairs_from_spectrum(plan, Together<const T>{in.re + from, 1}, Apart<T>{a});
  } else if (four_steps && in.im && job.kind != FftKind::ComplexToReal) {
    source = {in.re + from, in.im + from, in.step};
  } else {
    if (in_passes && dense_in && job.kind != FftKind::ComplexToReal && !plan.passes.empty())
      begun = stockham_first_pass(plan, plan.passes[0], in.re + from, !job.forward, b);
    if (!begun) load_line<T>(in, job.in_count, a);
    if (from_spectrum) pairs_from_spectrum(plan, Apart<T>{a}, Apart<T>{a});
    if (job.kind == FftKind::ComplexToReal && !job.pairs) whole_spectrum(plan.length, 1, a);
  }
  if (four_steps && out.im && job.kind != FftKind::RealToComplex)
    return four_step<T>(plan, job.forward, source, {out.re + to, out.im + to, out.step}, job.scale);
  Split<T> done = b;
  if (four_steps) {
    four_step<T>(plan, job.forward, source, {b.re, b.im, 1}, 1);
  } else if (begun) {
    done = run_passes<T>(plan, 1, b, a, 1);
    if (!job.forward) done = swapped(done);
  } else if (job.forward) {
    done = transform_line(plan, a, b);
  } else {
    done = swapped(transform_line(plan, swapped(a), swapped(b)));
  }
  if (to_spectrum && dense_out)
    return spectrum_from_pairs(plan, Apart<T>{done}, Together<T>{out.re + to, job.scale});
  if (to_spectrum) spectrum_from_pairs(plan, Apart<T>{done}, Apart<T>{done});
  store_line<T>(out, job.out_count, done, job.scale);
}

// How lines are gathered into tiles: side by side in memory, no tile reaches into the next stretch
// of neighbours.
template <class T>
struct Tiling {
  explicit Tiling(const Job<T>& job) : stretch(job.lines) {
    const bool side_by_side = !job.sizes.empty() && job.in.step > 2 && job.in_strides.back() <= 2;
    if (side_by_side) stretch = job.sizes.back();
    per_stretch = (stretch + kFftTile - 1) / kFftTile;
    count = job.lines / stretch * per_stretch;
  }
  int64_t first(int64_t tile) const {
    return tile / per_stretch * stretch + tile % per_stretch * kFftTile;
  }
  int64_t lines(int64_t tile) const {
    return std::min(kFftTile, stretch - tile % per_stretch * kFftTile);
  }
  int64_t stretch, per_stretch, count;
};

template <class T>
void run_tile(const Job<T>& job, const Lines<const T>& in, const Lines<T>& out, Split<T> a,
              Split<T> b) {
  load_tile<T>(in, job.in_count, a);
  if (job.kind == FftKind::ComplexToReal)
    job.pairs ? tile_pairs_from_spectrum(job.plan, a)
              : whole_spectrum(job.plan.length, kFftTile, a);
  const Split<T> done = job.forward ? run_passes(job.plan, kFftTile, a, b)
                                    : swapped(run_passes(job.plan, kFftTile, swapped(a), b));
  if (job.kind == FftKind::RealToComplex && job.pairs) tile_spectrum_from_pairs(job.plan, done);
  store_tile<T>(out, job.out_count, done, job.scale);
}

template <class T>
void run_tiles(const Job<T>& job) {
  constexpr int64_t kFewLanes = 2;  // are quicker one by one
  const Tiling<T> tiling(job);
  const int64_t n = elements(job);
  int64_t work = n * kFftTile;
  for (const FftPass& pass : job.plan.passes) work = std::max(work, n * pass.radix);
  auto body = [&](int64_t begin, int64_t end) {
    SplitScratch<T> a(n * kFftTile), b(n * kFftTile);
    Lines<const T> in = job.in;
    Lines<T> out = job.out;
    for (int64_t tile = begin; tile < end; ++tile) {
      const int64_t first = tiling.first(tile), count = tiling.lines(tile);
      place(job, first, count, in, out);
      if (count > kFewLanes) {
        run_tile<T>(job, in, out, a, b);
        continue;
      }
      for (int64_t c = 0; c < count; ++c) {
        place(job, first + c, 1, in, out);
        run_line<T>(job, in, out, a, b);
      }
    }
  };
  parallel_for(0, tiling.count, std::max<int64_t>(1, kWork / work), body);
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
      run_line<T>(job, in, out, a, b);
    }
  };
  // Threads share the work of a line where two lines would not fit their caches.
  if (n * static_cast<int64_t>(sizeof(T)) > kLongestLineOfOneThread || job.lines == 1)
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
  // Lines side by side share their vectors whatever the length; dense ones fill vectors of their
  // own unless they are short, or the first pass leaves strides too short for vectors.
  const bool dense = job.in.step <= 2 && job.out.step <= 2 && plan.length % 8 == 0;
  const bool in_tiles = plan.method == FftPlan<T>::Method::Passes &&
                        job.lines >= kFftFewestInTiles &&
                        plan.length <= (dense ? kLongestDenseInTiles : kFftLongestInTiles);
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
