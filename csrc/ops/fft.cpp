// The three discrete Fourier transforms that all others are made of: complex to complex, real to
// complex (forward) and complex to real (inverse), along any dimensions.
#include "ops/fft.h"

#include <algorithm>
#include <cmath>

#include "core/interrupt.h"
#include "core/threads.h"
#include "ops/copy.h"
#include "ops/creation.h"
#include "ops/fft_kernels.h"
#include "ops/grad.h"
#include "ops/joining.h"
#include "ops/operators.h"
#include "ops/view.h"

namespace fb {
namespace {

// 0: the sum as it is; 1: divided by the root of the number of points; 2: by their number.
double factor(int64_t scale, Ints points, Ints dims) {
  double count = 1;
  for (int64_t d : dims) count *= static_cast<double>(points[static_cast<size_t>(d)]);
  return scale == 0 ? 1 : scale == 1 ? 1 / std::sqrt(count) : 1 / count;
}

template <class T>
void transform_as(const Tensor& out, const Tensor& input, FftCall call) {
  const Ints points = (call.kind == FftKind::ComplexToReal ? out : input).sizes();
  const int64_t n = points[static_cast<size_t>(call.dim)];
  const bool pairs = call.kind != FftKind::ComplexToComplex && n % 2 == 0;
  const int64_t length = pairs ? n / 2 : n;
  const bool tiles = length <= kFftLongestInTiles && out.numel() >= kFftFewestInTiles * n;
  const auto plan =
      find_fft_plan<T>(length, pairs, tiles ? kLargestFftRadixInTiles : kLargestFftRadix);
  call.plan = plan.get();
  kernels::fft(out, input, call);
}

void transform(const Tensor& out, const Tensor& input, FftKind kind, int64_t dim, bool forward,
               double scale) {
  const FftCall call{kind, dim, forward, scale, nullptr};
  real_dtype(out.dtype()) == DType::Float32 ? transform_as<float>(out, input, call)
                                            : transform_as<double>(out, input, call);
}

void check(const char* op, const Tensor& input, Ints dims, bool complex_input) {
  FB_CHECK(is_complex(input.dtype()) == complex_input && !is_integral(input.dtype()) &&
               !is_reduced(input.dtype()),
           op, "(): expected a ", complex_input ? "complex" : "float32 or float64", " tensor, got ",
           input.dtype());
  for (int64_t d : dims)
    FB_CHECK_INDEX(0 <= d && d < input.dim(), op, "(): dim ", d, " is out of range");
}

// Lines beside each other in memory become neighbours: first the other dimensions, then the
// transformed ones, both by falling strides of the input; what is transformed last, if it is the
// real side, is the innermost. (PyTorch's layout with MKL.)
Dims by_strides(Ints strides, Ints dims, bool last_is_innermost) {
  Dims order = dims;
  auto stride = [&](size_t i) { return strides[static_cast<size_t>(order[i])]; };
  for (size_t end = 1; end < dims.size() - (last_is_innermost ? 1 : 0); ++end)
    for (size_t i = end; i > 0 && stride(i - 1) < stride(i); --i) std::swap(order[i - 1], order[i]);
  return order;
}
Dims output_strides(Ints strides, Ints sizes, Ints dims) {
  Dims order;
  for (int64_t d = 0; d < static_cast<int64_t>(sizes.size()); ++d)
    if (std::find(dims.begin(), dims.end(), d) == dims.end()) order.push_back(d);
  order = by_strides(strides, order, false);
  for (int64_t d : dims) order.push_back(d);
  Dims made(sizes.size());
  int64_t stride = 1;
  for (size_t i = order.size(); i-- > 0;) {
    made[static_cast<size_t>(order[i])] = stride;
    stride *= std::max<int64_t>(sizes[static_cast<size_t>(order[i])], 1);
  }
  return made;
}

// Calls f(part of out, part of input) for parts along a dimension that is not transformed, small
// enough to stay in the cache from one transformed dimension to the next.
template <class F>
void in_parts(const Tensor& out, const Tensor& input, Ints dims, F&& f) {
  constexpr int64_t kBytes = 1 << 19;
  if (out.is_meta() || out.numel() == 0) return;
  int64_t along = -1;
  for (int64_t d = 0; d < out.dim(); ++d)
    if (std::find(dims.begin(), dims.end(), d) == dims.end() &&
        (along < 0 || out.stride(d) > out.stride(along)))
      along = d;
  if (dims.size() < 2 || along < 0) return f(out, input);
  const int64_t count = out.size(along);
  const int64_t each = std::max(out.numel() * out.item_size(), input.numel() * input.item_size());
  const int64_t step = std::max<int64_t>(1, kBytes / (each / count));
  if (step >= count) return f(out, input);
  auto part = [&](const Tensor& t, int64_t begin) {
    Dims sizes = t.sizes();
    sizes[static_cast<size_t>(along)] = std::min(step, count - begin);
    return t.alias(sizes, t.strides(), t.offset() + begin * t.stride(along));
  };
  const int64_t parts = (count + step - 1) / step;
  // Threads take parts of their own where there are enough, or else share each part.
  auto do_parts = [&](int64_t begin, int64_t end) {
    in_stretches(end - begin, 1, [&](int64_t i, int64_t) {
      const int64_t at = (begin + i) * step;
      f(part(out, at), part(input, at));
    });
  };
  parts < 4 * num_threads() ? do_parts(0, parts) : parallel_for(0, parts, 1, do_parts);
}

// Along each of `dims`, the last one first: its lines are nearest in memory.
void transform_all(const Tensor& out, const Tensor& input, Ints dims, FftKind first, bool forward,
                   double scale) {
  for (size_t i = dims.size(); i-- > 0;) {
    const bool begin = i + 1 == dims.size();
    transform(out, begin ? input : out, begin ? first : FftKind::ComplexToComplex, dims[i], forward,
              i == 0 ? scale : 1);
  }
}

Tensor c2c_forward(const Tensor& input, Ints dim, int64_t scale, bool forward) {
  check("_fft_c2c", input, dim, true);
  if (dim.empty()) return clone(input);
  const Dims order = by_strides(input.strides(), dim, false);
  Tensor result =
      empty_strided(input.sizes(), output_strides(input.strides(), input.sizes(), order),
                    input.dtype(), input.device());
  const double by = factor(scale, input.sizes(), dim);
  in_parts(result, input, dim, [&](const Tensor& out, const Tensor& in) {
    transform_all(out, in, order, FftKind::ComplexToComplex, forward, by);
  });
  return result;
}
void c2c_vjp(Grad& g) {
  g.set("input",
        _fft_c2c(g.dout(), g.arg<Ints>("dim"), g.arg<int64_t>("scale"), !g.arg<bool>("forward")));
}

OP(_fft_c2c) {
  .schema = "_fft_c2c(Tensor input, int[] dim, int scale, bool forward) -> Tensor",
  .names = "",
  .forward = boxed<c2c_forward>,
  .vjp = c2c_vjp,
  .samples = "(4,3):complex128 [0,1] 0 True | (5,):complex128 [0] 2 False",
  .doc = "``sum_j x_j exp(-+2 pi i j k / n)`` along each dimension; -: ``forward``.",
};

// 1 for what stands for one element of the whole spectrum of n points, `shared` for what stands for
// two; along `dim` of as many dimensions as `like`.
Tensor half_weights(const Tensor& like, int64_t dim, int64_t n, double shared) {
  const int64_t kept = n / 2 + 1, twice = (n - 1) / 2;
  const auto type = std::optional(real_dtype(like.dtype()));
  const auto device = std::optional(like.device());
  const Tensor parts[] = {ones(Dims{1}, type, device),
                          full(Dims{twice}, Scalar(shared), type, device),
                          ones(Dims{kept - 1 - twice}, type, device)};
  Dims shape(static_cast<size_t>(like.dim()), 1);
  shape[static_cast<size_t>(dim)] = kept;
  return reshape(cat(parts, 0), shape);
}

Tensor r2c_forward(const Tensor& input, Ints dim, int64_t scale) {
  check("_fft_r2c", input, dim, false);
  FB_CHECK(!dim.empty(), "_fft_r2c(): expected at least one dimension");
  Dims sizes = input.sizes();
  const auto last = static_cast<size_t>(dim[dim.size() - 1]);
  sizes[last] = sizes[last] / 2 + 1;
  const Dims order = by_strides(input.strides(), dim, true);
  Tensor result = empty_strided(sizes, output_strides(input.strides(), sizes, order),
                                complex_dtype(input.dtype()), input.device());
  const double by = factor(scale, input.sizes(), dim);
  in_parts(result, input, dim, [&](const Tensor& out, const Tensor& in) {
    transform_all(out, in, order, FftKind::RealToComplex, true, by);
  });
  return result;
}
// The real part of the inverse transform of dout and zeros. _fft_c2r takes each element but the
// ends for two.
void r2c_vjp(Grad& g) {
  const Ints dim = g.arg<Ints>("dim");
  const int64_t last = dim[dim.size() - 1], n = g.sizes("input")[static_cast<size_t>(last)];
  g.set("input",
        _fft_c2r(g.dout() * half_weights(g.dout(), last, n, 0.5), dim, g.arg<int64_t>("scale"), n));
}

OP(_fft_r2c) {
  .schema = "_fft_r2c(Tensor input, int[] dim, int scale) -> Tensor",
  .names = "",
  .forward = boxed<r2c_forward>,
  .vjp = r2c_vjp,
  .samples = "(4,3) [0,1] 0 | (4,) [0] 1",
  .doc = "``_fft_c2c`` of real numbers; of the last dimension the half that determines the rest.",
};

Tensor c2r_forward(const Tensor& input, Ints dim, int64_t scale, int64_t last_size) {
  check("_fft_c2r", input, dim, true);
  FB_CHECK(!dim.empty(), "_fft_c2r(): expected at least one dimension");
  const int64_t last = dim[dim.size() - 1];
  Dims sizes = input.sizes();
  FB_CHECK(last_size > 0 && sizes[static_cast<size_t>(last)] == last_size / 2 + 1,
           "_fft_c2r(): expected ", last_size / 2 + 1, " elements in dimension ", last, ", got ",
           sizes[static_cast<size_t>(last)]);
  sizes[static_cast<size_t>(last)] = last_size;
  const Dims others = by_strides(input.strides(), dim.first(dim.size() - 1), false);
  const Dims half_strides = output_strides(input.strides(), input.sizes(), others);
  Tensor result = empty_strided(sizes, output_strides(half_strides, sizes, Dims{last}),
                                real_dtype(input.dtype()), input.device());
  const double by = factor(scale, sizes, dim);
  in_parts(result, input, dim, [&](const Tensor& out, const Tensor& in) {
    Tensor half = in;
    if (!others.empty()) {
      half = empty_strided(in.sizes(), output_strides(in.strides(), in.sizes(), others), in.dtype(),
                           in.device());
      transform_all(half, in, others, FftKind::ComplexToComplex, false, 1);
    }
    transform(out, half, FftKind::ComplexToReal, last, false, by);
  });
  return result;
}
void c2r_vjp(Grad& g) {
  const Ints dim = g.arg<Ints>("dim");
  const Tensor half = _fft_r2c(g.dout(), dim, g.arg<int64_t>("scale"));
  g.set("input", half * half_weights(half, dim[dim.size() - 1], g.arg<int64_t>("last_size"), 2));
}

OP(_fft_c2r) {
  .schema = "_fft_c2r(Tensor input, int[] dim, int scale, int last_size) -> Tensor",
  .names = "",
  .forward = boxed<c2r_forward>,
  .vjp = c2r_vjp,
  .samples = "(4,3):complex128 [0,1] 0 5 | (3,):complex128 [0] 2 4",
  .doc = "The real inverse transform of half a spectrum of ``last_size`` points.",
};

}  // namespace
}  // namespace fb
