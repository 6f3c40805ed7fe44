// torch.fft: sizes, dimensions and norms, then the transforms of fft.cpp.
#include "ops/fft_functions.h"

#include "ops/copy.h"
#include "ops/fft.h"
#include "ops/operators.h"
#include "ops/padding.h"
#include "ops/view.h"

namespace fb {
namespace {

using Norm = std::optional<std::string_view>;
using List = std::optional<Ints>;

// --- arguments -----------------------------------------------------------------------------------

int64_t scale_of(Norm norm, bool forward) {
  if (!norm || *norm == "backward") return forward ? 0 : 2;
  if (*norm == "forward") return forward ? 2 : 0;
  FB_CHECK(*norm == "ortho", "Invalid normalization mode: \"", *norm, "\"");
  return 1;
}

int64_t checked_points(int64_t n) {
  FB_CHECK(n >= 1, "Invalid number of data points (", n, ") specified");
  return n;
}

// Single or double precision; integers become the default type.
Tensor as_floating(const Tensor& x) {
  FB_CHECK(!is_reduced(x.dtype()), "Unsupported dtype ", dtype_class_name(x.dtype()));
  return is_integral(x.dtype()) ? _to_copy(x, default_dtype()) : x;
}
Tensor as_complex(const Tensor& x) {
  Tensor made = as_floating(x);
  return is_complex(made.dtype()) ? made : _to_copy(made, complex_dtype(made.dtype()));
}
Tensor as_real(const char* name, const Tensor& x) {
  FB_CHECK(!is_complex(x.dtype()), name, " expects a real input tensor, but got ",
           dtype_class_name(x.dtype()));
  return as_floating(x);
}

// Cut off, or filled up with zeros, at the end of each dimension.
Tensor resized(Tensor x, Ints dims, Ints sizes) {
  Dims pad;
  for (size_t i = 0; i < dims.size(); ++i) {
    const int64_t d = dims[i], have = x.sizes()[static_cast<size_t>(d)];
    if (sizes[i] < have) x = narrow(x, d, 0, sizes[i]);
    if (sizes[i] > have) {
      if (pad.empty()) pad.resize(2 * static_cast<size_t>(x.dim()), 0);
      pad[2 * static_cast<size_t>(x.dim() - 1 - d) + 1] = sizes[i] - have;
    }
  }
  return pad.empty() ? x : constant_pad_nd(x, pad);
}

// --- one dimension -------------------------------------------------------------------------------

int64_t one_dim(const Tensor& x, int64_t dim) {
  FB_CHECK_INDEX(x.dim() > 0, "Dimension specified as ", dim, " but tensor has no dimensions");
  return wrap_dim(dim, x.dim());
}

// With n points along d.
Tensor with_points(const Tensor& x, int64_t d, std::optional<int64_t> n) {
  const int64_t have = x.sizes()[static_cast<size_t>(d)], points = checked_points(n.value_or(have));
  return points == have ? x : resized(x, Dims{d}, Dims{points});
}

template <bool forward>
Tensor fft(const Tensor& input, std::optional<int64_t> n, int64_t dim, Norm norm) {
  const int64_t d = one_dim(input, dim), scale = scale_of(norm, forward);
  return _fft_c2c(with_points(as_complex(input), d, n), Dims{d}, scale, forward);
}

Tensor rfft(const Tensor& input, std::optional<int64_t> n, int64_t dim, Norm norm) {
  const Tensor x = as_real("rfft", input);
  const int64_t d = one_dim(x, dim);
  return _fft_r2c(with_points(x, d, n), Dims{d}, scale_of(norm, true));
}

Tensor ihfft(const Tensor& input, std::optional<int64_t> n, int64_t dim, Norm norm) {
  const Tensor x = as_real("ihfft", input);
  const int64_t d = one_dim(x, dim);
  return conjugate(_fft_r2c(with_points(x, d, n), Dims{d}, scale_of(norm, false)));
}

// Real results from half a spectrum; hfft is the forward transform: that of the conjugate.
template <bool forward>
Tensor from_half(const Tensor& input, std::optional<int64_t> n, int64_t dim, Norm norm) {
  Tensor x = as_complex(input);
  const int64_t d = one_dim(x, dim);
  const int64_t points = checked_points(n.value_or(2 * (x.sizes()[static_cast<size_t>(d)] - 1)));
  x = with_points(x, d, points / 2 + 1);
  return _fft_c2r(forward ? conjugate(x) : x, Dims{d}, scale_of(norm, forward), points);
}

// --- several dimensions --------------------------------------------------------------------------

struct Places {
  Dims dims, sizes;
};

Places places(const Tensor& x, List s, List dim) {
  Places made;
  const int64_t ndim = x.dim();
  if (dim) {
    for (int64_t d : *dim) made.dims.push_back(wrap_dim(d, ndim));
    for (size_t i = 0; i < made.dims.size(); ++i)
      for (size_t j = 0; j < i; ++j)
        FB_CHECK(made.dims[i] != made.dims[j], "FFT dims must be unique");
    FB_CHECK(!s || s->size() == dim->size(),
             "When given, dim and shape arguments must have the same length");
  } else {
    const auto count = s ? static_cast<int64_t>(s->size()) : ndim;
    FB_CHECK(count <= ndim, "Got shape with ", count, " values but input tensor only has ", ndim,
             " dimensions.");
    for (int64_t d = ndim - count; d < ndim; ++d) made.dims.push_back(d);
  }
  for (size_t i = 0; i < made.dims.size(); ++i) {
    FB_CHECK_INDEX(ndim > 0, "Dimension specified as ", made.dims[i],
                   " but tensor has no dimensions");
    const int64_t have = x.sizes()[static_cast<size_t>(made.dims[i])];
    made.sizes.push_back(checked_points(s && (*s)[i] != -1 ? (*s)[i] : have));
  }
  return made;
}

void check_some(const char* name, const Places& at) {
  FB_CHECK(!at.dims.empty(), name, " must transform at least one axis");
}

template <bool forward>
Tensor fftn(const Tensor& input, List s, List dim, Norm norm) {
  const Tensor x = as_complex(input);
  const Places at = places(x, s, dim);
  return _fft_c2c(resized(x, at.dims, at.sizes), at.dims, scale_of(norm, forward), forward);
}

Tensor rfftn(const Tensor& input, List s, List dim, Norm norm) {
  const Tensor x = as_real("rfftn", input);
  const Places at = places(x, s, dim);
  check_some("rfftn", at);
  return _fft_r2c(resized(x, at.dims, at.sizes), at.dims, scale_of(norm, true));
}

// All dimensions but the last.
Dims others(const Dims& dims) { return Dims(dims.span().first(dims.size() - 1)); }
Dims last(const Dims& dims) { return Dims(dims.span().last(1)); }

Tensor ihfftn(const Tensor& input, List s, List dim, Norm norm) {
  const Tensor x = as_real("ihfftn", input);
  const Places at = places(x, s, dim);
  check_some("ihfftn", at);
  const int64_t scale = scale_of(norm, false);
  Tensor half = conjugate(_fft_r2c(resized(x, at.dims, at.sizes), last(at.dims), scale));
  return at.dims.size() == 1 ? half : _fft_c2c(half, others(at.dims), scale, false);
}

// Half a spectrum in several dimensions; sets the number of points of the last.
Tensor half_spectrum(const char* name, const Tensor& x, List s, Places& at, int64_t& points) {
  check_some(name, at);
  points = at.sizes.back();
  if (!s || (*s)[s->size() - 1] == -1)
    points = 2 * (x.sizes()[static_cast<size_t>(at.dims.back())] - 1);
  at.sizes.back() = checked_points(points) / 2 + 1;
  return resized(x, at.dims, at.sizes);
}

Tensor irfftn(const Tensor& input, List s, List dim, Norm norm) {
  Tensor x = as_complex(input);
  Places at = places(x, s, dim);
  int64_t points = 0;
  x = half_spectrum("irfftn", x, s, at, points);
  return _fft_c2r(x, at.dims, scale_of(norm, false), points);
}

Tensor hfftn(const Tensor& input, List s, List dim, Norm norm) {
  Tensor x = as_complex(input);
  Places at = places(x, s, dim);
  int64_t points = 0;
  x = half_spectrum("hfftn", x, s, at, points);
  const int64_t scale = scale_of(norm, true);
  if (at.dims.size() > 1) x = _fft_c2c(x, others(at.dims), scale, true);
  return _fft_c2r(conjugate(x), last(at.dims), scale, points);
}

// In two dimensions `dim` has a default.
template <Tensor (*function)(const Tensor&, List, List, Norm)>
Tensor in_two(const Tensor& input, List s, Ints dim, Norm norm) {
  return function(input, s, dim, norm);
}

// --- records -------------------------------------------------------------------------------------

#define FB_FFT(op, function, cast, more_samples, error, text)                                   \
  OP(fft_##op){                                                                                 \
      .schema = "fft_" #op "(Tensor input, int? n=None, int dim=-1, str? norm=None) -> Tensor", \
      .names = "fft." #op,                                                                      \
      .forward = boxed<function>,                                                               \
      .vjp = composite(),                                                                       \
      .autocast = cast,                                                                         \
      .samples = "(4,) | (3,5) 4 0 'ortho'" more_samples,                                       \
      .errors = error,                                                                          \
      .doc = text,                                                                              \
  };
#define FB_FFT_N(op, function, cast, text)                                                       \
  OP(fft_##op##n){                                                                               \
      .schema = "fft_" #op                                                                       \
                "n(Tensor input, int[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor",   \
      .names = "fft." #op "n",                                                                   \
      .forward = boxed<function>,                                                                \
      .vjp = composite(),                                                                        \
      .autocast = cast,                                                                          \
      .samples = "(3,4) | (2,3,4) [3,5] [0,2] 'ortho' | (2,3,4) s=[4,4] norm='forward'",         \
      .errors = "(3,4) dim=[0,0] -> RuntimeError: FFT dims must be unique",                      \
      .doc = text,                                                                               \
  };                                                                                             \
  OP(fft_##op##2){                                                                               \
      .schema = "fft_" #op                                                                       \
                "2(Tensor input, int[1]? s=None, int[1] dim=[-2,-1], str? norm=None) -> Tensor", \
      .names = "fft." #op "2",                                                                   \
      .forward = boxed<in_two<function>>,                                                        \
      .vjp = composite(),                                                                        \
      .autocast = cast,                                                                          \
      .samples = "(3,4) | (2,3,4) [3,5] [0,2] 'ortho'",                                          \
      .errors = "(3,4) dim=[0,0] -> RuntimeError: FFT dims must be unique",                      \
      .doc = "``" #op "n`` along two dimensions.",                                               \
  };

constexpr Autocast kFloat32 = Autocast::Float32;

FB_FFT(fft, fft<true>, kFloat32, " | (2,3) n=5 norm='forward'",
       "(4,) 0 -> RuntimeError: Invalid number of data points (0) specified"
       " | (4,) dim=1 -> IndexError: Dimension out of range",
       R"(The discrete Fourier transform ``X_k = sum_j x_j exp(-2 pi i j k / n)``.

Args:
    input: real or complex.
    n: number of points: the input is cut off or filled up with zeros.
    dim: along which dimension.
    norm: 'backward' (default): the inverse is divided by n; 'forward': this is; 'ortho': both
        by the root of n.

Returns:
    A complex tensor.

Example::

    >>> torch.fft.fft(torch.tensor([1.0, 0.0, 0.0, 0.0]))
    tensor([1.+0.j, 1.+0.j, 1.+0.j, 1.+0.j])
)")
FB_FFT(ifft, fft<false>, kFloat32, "",
       "(4,) 0 -> RuntimeError: Invalid number of data points (0) specified",
       R"(The inverse of ``fft``.

Example::

    >>> torch.fft.ifft(torch.tensor([4.0, 0.0, 0.0, 0.0]))
    tensor([1.+0.j, 1.+0.j, 1.+0.j, 1.+0.j])
)")
FB_FFT(rfft, rfft, kFloat32, " | (2,3) n=5",
       "(4,):complex64 -> RuntimeError: rfft expects a real input tensor",
       R"(The first ``n // 2 + 1`` elements of ``fft`` of a real input, which determine the rest.

Example::

    >>> torch.fft.rfft(torch.tensor([1.0, 0.0, 0.0, 0.0]))
    tensor([1.+0.j, 1.+0.j, 1.+0.j])
)")
FB_FFT(irfft, from_half<false>, kFloat32, " | (2,3) n=5",
       "(1,) -> RuntimeError: Invalid number of data points (0) specified",
       R"(The inverse of ``rfft``: a real signal of n points, ``2 (m - 1)`` by default.

Example::

    >>> torch.fft.irfft(torch.tensor([4.0, 0.0, 0.0]))
    tensor([1., 1., 1., 1.])
)")
FB_FFT(hfft, from_half<true>, kFloat32, " | (2,3) n=5",
       "(1,) -> RuntimeError: Invalid number of data points (0) specified",
       R"(The real ``fft`` of a Hermitian signal, of which the first half is given.

Example::

    >>> torch.fft.hfft(torch.tensor([1.0, 0.0, 0.0]))
    tensor([1., 1., 1., 1.])
)")
FB_FFT(ihfft, ihfft, kFloat32, " | (2,3) n=5",
       "(4,):complex64 -> RuntimeError: ihfft expects a real input tensor",
       R"(The inverse of ``hfft``: half the inverse transform of a real input.

Example::

    >>> torch.fft.ihfft(torch.tensor([4.0, 0.0, 0.0, 0.0])).real
    tensor([1., 1., 1.])
)")

FB_FFT_N(fft, fftn<true>, kFloat32, R"(``fft`` along several dimensions.

Args:
    input: real or complex.
    s: number of points in each; -1: as many as there are.
    dim: the dimensions; default: the last ``len(s)``, or all.
    norm: as in ``fft``.

Example::

    >>> torch.fft.fftn(torch.ones(2, 2)).real
    tensor([[4., 0.],
            [0., 0.]])
)")
FB_FFT_N(ifft, fftn<false>, kFloat32, "The inverse of ``fftn``.")
FB_FFT_N(rfft, rfftn, kFloat32,
         "``fftn`` of a real input; of the last dimension only the first half.")
FB_FFT_N(irfft, irfftn, kFloat32, "The inverse of ``rfftn``.")
FB_FFT_N(hfft, hfftn, Autocast::None,
         "``fftn`` of a signal that is Hermitian in its last dimension: ``hfft`` there.")
FB_FFT_N(ihfft, ihfftn, Autocast::None, "The inverse of ``hfftn``.")

#undef FB_FFT
#undef FB_FFT_N

}  // namespace
}  // namespace fb
