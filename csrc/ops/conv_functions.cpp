// conv1d to conv3d and their transposes: what users call, made of convolution().
#include "ops/conv_functions.h"

#include "ops/conv.h"
#include "ops/conv_checks.h"
#include "ops/copy.h"
#include "ops/operators.h"
#include "ops/view.h"

namespace fb {
namespace {

struct Steps {
  Ints stride, padding, dilation, output_padding;
  bool transposed;
  int64_t groups;
};

Tensor convolve(const Tensor& input, const Tensor& weight, const Tensor& bias, const Steps& s) {
  return convolution(input, weight, bias, s.stride, s.padding, s.dilation, s.transposed,
                     s.output_padding, s.groups);
}

// (a + ib)(c + id) by three products of real numbers.
Tensor convolve_complex(const Tensor& input, const Tensor& weight, const Tensor& bias,
                        const Steps& s) {
  Tensor a = real(input), b = imag(input), c = real(weight), d = imag(weight);
  Tensor ac = convolve(a, c, bias.defined() ? real(bias) : bias, s),
         bd = convolve(b, d, Tensor(), s);
  Tensor all = convolve(a + b, c + d, bias.defined() ? real(bias) + imag(bias) : bias, s);
  return ac - bd + (all - ac - bd) * Scalar(std::complex<double>(0, 1));
}

Tensor convolve_any(const char* op, int64_t spatial, const Tensor& input, const Tensor& weight,
                    const Tensor& bias, const Steps& s) {
  bool unbatched = lacks_batch(op, input, spatial);
  if (bias.defined()) check_bias_type(input, bias);
  Tensor x = unbatched ? unsqueeze(input, 0) : input;
  bool complex = is_complex(x.dtype()) && is_complex(weight.dtype());
  Tensor y = complex ? convolve_complex(x, weight, bias, s) : convolve(x, weight, bias, s);
  return unbatched ? squeeze(y, Dims{0}) : y;
}

// --- conv ----------------------------------------------------------------------------------------

template <int64_t spatial>
constexpr const char* kConv = spatial == 1   ? "conv1d"
                              : spatial == 2 ? "conv2d"
                                             : "conv3d";

template <int64_t spatial>
Tensor conv_forward(const Tensor& input, const Tensor& weight, const Tensor& bias, Ints stride,
                    Ints padding, Ints dilation, int64_t groups) {
  return convolve_any(kConv<spatial>, spatial, input, weight, bias,
                      {stride, padding, dilation, Dims(spatial, 0), false, groups});
}

// Output as large as the input: kernels that reach evenly to both sides pad evenly. Else the
// padding of the longer side is taken on both, and the first outputs are dropped.
Tensor conv_same(const char* op, int64_t spatial, const Tensor& input, const Tensor& weight,
                 const Tensor& bias, Ints stride, Ints dilation, int64_t groups) {
  FB_CHECK(weight.dim() == spatial + 2, "Expected ", spatial + 2, "-dimensional weight for ", op,
           ", but got ", weight.dim(), "-dimensional weight of size ", shape_text(weight.sizes()));
  for (int64_t s : stride)
    FB_CHECK(s == 1, "padding='same' is not supported for strided convolutions");
  Dims steps = one_per_dimension("dilation", dilation, spatial), padding;
  for (int64_t i = 0; i < spatial; ++i) {
    FB_CHECK(steps[i] > 0, "non-positive dilation is not supported");
    padding.push_back((steps[i] * (weight.size(i + 2) - 1) + 1) / 2);
  }
  Tensor y = convolve_any(op, spatial, input, weight, bias,
                          {stride, padding, steps, Dims(spatial, 0), false, groups});
  bool cut = false;
  for (int64_t i = 0; i < spatial; ++i) {
    int64_t dim = i - spatial, size = input.size(dim);
    if (y.size(dim) == size) continue;
    y = narrow(y, dim, 1, size);
    cut = true;
  }
  bool last = cut && is_channels_last(y.sizes(), y.strides());
  if (!cut) return y;
  return contiguous(y, !last          ? MemoryFormat::Contiguous
                       : spatial == 3 ? MemoryFormat::ChannelsLast3d
                                      : MemoryFormat::ChannelsLast);
}

template <int64_t spatial>
Tensor conv_padding_forward(const Tensor& input, const Tensor& weight, const Tensor& bias,
                            Ints stride, std::string_view padding, Ints dilation, int64_t groups) {
  FB_CHECK(padding == "same" || padding == "valid", "Invalid padding string: '", padding, "'");
  if (padding == "same")
    return conv_same(kConv<spatial>, spatial, input, weight, bias, stride, dilation, groups);
  return conv_forward<spatial>(input, weight, bias, stride, Dims(spatial, 0), dilation, groups);
}

#define FB_CONV_SCHEMA(n, overload, padding)                                      \
  "conv" n "d" overload "(Tensor input, Tensor weight, Tensor? bias=None, int[" n \
  "] stride=1, " padding ", int[" n "] dilation=1, int groups=1) -> Tensor"
#define FB_CONV_PARAGRAPHS(batched, unbatched)                                                  \
  "Args:\n"                                                                                     \
  "    input (Tensor): " batched " or " unbatched                                               \
  ".\n"                                                                                         \
  "    weight (Tensor): (C_out, C_in / groups, kernel sizes...).\n"                             \
  "    bias (Tensor, optional): (C_out).\n"                                                     \
  "    stride, dilation (int or tuple): steps between outputs, and between the kernel's "       \
  "elements.\n"                                                                                 \
  "    padding (int, tuple, 'same' or 'valid'): zeros on both sides; 'same' keeps the size at " \
  "stride 1.\n"                                                                                 \
  "    groups (int): the channels are split into so many groups that don't mix.\n"

OP(conv1d) {
  .schema = FB_CONV_SCHEMA("1", "", "int[1] padding=0"),
  .names = "conv1d, nn.functional.conv1d",
  .forward = boxed<conv_forward<1>>,
  .vjp = composite(),
  .autocast = Autocast::Lower,
  .samples =
      "(2,3,7) (4,3,3) (4,) | (3,7) (4,3,3) stride=2 padding=1 | (2,4,9) (4,1,3) dilation=2 "
      "groups=4 | (0,3,7) (4,3,3)",
  .errors =
      "(2,3) (4,4,3) -> RuntimeError: expected input[1, 2, 3] to have 4 channels"
      " | (2,2,3,5) (4,3,3) -> RuntimeError: Expected 2D (unbatched) or 3D (batched) input to "
      "conv1d",
  .doc = "Convolution over sequences.\n\n" FB_CONV_PARAGRAPHS("(N, C_in, L)", "(C_in, L)"),
};
OP(conv1d_padding) {
  .schema = FB_CONV_SCHEMA("1", ".padding", "str padding='valid'"),
  .names = "conv1d, nn.functional.conv1d",
  .forward = boxed<conv_padding_forward<1>>,
  .vjp = composite(),
  .autocast = Autocast::Lower,
  .samples = "(2,3,7) (4,3,4) padding='same' | (2,3,7) (4,3,3) padding='valid' stride=2",
  .errors = "(2,3,7) (4,3,3) padding='some' -> RuntimeError: Invalid padding string: 'some'",
};
OP(conv2d) {
  .schema = FB_CONV_SCHEMA("2", "", "int[2] padding=0"),
  .names = "conv2d, nn.functional.conv2d",
  .forward = boxed<conv_forward<2>>,
  .vjp = composite(),
  .autocast = Autocast::Lower,
  .samples =
      "(2,3,7,6) (4,3,3,2) (4,) | (3,7,6) (4,3,3,3) stride=2 padding=1 | (2,4,9,8) (4,1,3,3) "
      "dilation=2 groups=4"
      " | (0,3,7,7) (4,3,3,3)",
  .errors =
      "(2,3,5,5) (4,4,3,3) -> RuntimeError: expected input[2, 3, 5, 5] to have 4 channels, but "
      "got 3 channels instead"
      " | (2,3,5,5) (4,3,7,3) -> RuntimeError: Kernel size can't be greater than actual input "
      "size",
  .doc =
      "Convolution over images (a cross-correlation, as in all of deep "
      "learning).\n\n" FB_CONV_PARAGRAPHS("(N, C_in, H, W)", "(C_in, H, W)") R"(
Example::

    >>> torch.nn.functional.conv2d(torch.ones(1, 1, 3, 3), torch.ones(1, 1, 2, 2))
    tensor([[[[4., 4.],
              [4., 4.]]]])
)",
};
OP(conv2d_padding) {
  .schema = FB_CONV_SCHEMA("2", ".padding", "str padding='valid'"),
  .names = "conv2d, nn.functional.conv2d",
  .forward = boxed<conv_padding_forward<2>>,
  .vjp = composite(),
  .autocast = Autocast::Lower,
  .samples =
      "(2,3,7,6) (4,3,4,3) (4,) padding='same' | (2,3,7,6) (4,3,2,3) padding='same' dilation=2",
  .errors =
      "(2,3,7,7) (4,3,3,3) padding='same' stride=2 -> RuntimeError: padding='same' is not "
      "supported for strided convolutions",
};
OP(conv3d) {
  .schema = FB_CONV_SCHEMA("3", "", "int[3] padding=0"),
  .names = "conv3d, nn.functional.conv3d",
  .forward = boxed<conv_forward<3>>,
  .vjp = composite(),
  .autocast = Autocast::Lower,
  .samples =
      "(2,3,5,6,4) (4,3,3,2,2) (4,) | (3,5,6,4) (4,3,3,3,3) stride=2 padding=1 | (0,3,7,7,7) "
      "(4,3,3,3,3)",
  .errors =
      "(3,7,7) (4,3,3,3,3) -> RuntimeError: Expected 4D (unbatched) or 5D (batched) input to "
      "conv3d",
  .doc =
      "Convolution over volumes.\n\n" FB_CONV_PARAGRAPHS("(N, C_in, D, H, W)", "(C_in, D, H, W)"),
};
OP(conv3d_padding) {
  .schema = FB_CONV_SCHEMA("3", ".padding", "str padding='valid'"),
  .names = "conv3d, nn.functional.conv3d",
  .forward = boxed<conv_padding_forward<3>>,
  .vjp = composite(),
  .autocast = Autocast::Lower,
  .samples = "(2,3,5,6,4) (4,3,2,3,2) padding='same'",
};

// --- conv_transpose ------------------------------------------------------------------------------

template <int64_t spatial>
Tensor conv_transpose_forward(const Tensor& input, const Tensor& weight, const Tensor& bias,
                              Ints stride, Ints padding, Ints output_padding, int64_t groups,
                              Ints dilation) {
  constexpr const char* kName = spatial == 1   ? "conv_transpose1d"
                                : spatial == 2 ? "conv_transpose2d"
                                               : "conv_transpose3d";
  return convolve_any(kName, spatial, input, weight, bias,
                      {stride, padding, dilation, output_padding, true, groups});
}

#define FB_TRANSPOSE_SCHEMA(n)                                                          \
  "conv_transpose" n "d(Tensor input, Tensor weight, Tensor? bias=None, int[" n         \
  "] stride=1, int[" n "] padding=0, int[" n "] output_padding=0, int groups=1, int[" n \
  "] dilation=1) -> Tensor"
#define FB_TRANSPOSE_PARAGRAPHS(batched, unbatched)                                            \
  "Sizes come out as ``(size - 1) * stride - 2 * padding + dilation * (kernel - 1) + "         \
  "output_padding + 1``.\n\n"                                                                  \
  "Args:\n"                                                                                    \
  "    input (Tensor): " batched " or " unbatched                                              \
  ".\n"                                                                                        \
  "    weight (Tensor): (C_in, C_out / groups, kernel sizes...).\n"                            \
  "    bias (Tensor, optional): (C_out).\n"                                                    \
  "    stride, padding, dilation (int or tuple): of the convolution whose gradient this is.\n" \
  "    output_padding (int or tuple): added to the size on one side.\n"                        \
  "    groups (int): the channels are split into so many groups that don't mix.\n"

OP(conv_transpose1d) {
  .schema = FB_TRANSPOSE_SCHEMA("1"),
  .names = "conv_transpose1d, nn.functional.conv_transpose1d",
  .forward = boxed<conv_transpose_forward<1>>,
  .vjp = composite(),
  .autocast = Autocast::Lower,
  .samples =
      "(2,3,7) (3,4,3) (4,) | (3,7) (3,4,3) stride=2 padding=1 output_padding=1 | (2,4,5) "
      "(4,1,3) groups=2 dilation=2",
  .errors =
      "(2,3,5) (4,4,3) -> RuntimeError: Given transposed=1, weight of size [4, 4, 3], expected "
      "input[2, 3, 5] to have 4",
  .doc =
      "Transposed convolution over sequences: the gradient of :func:`conv1d` as a "
      "function.\n\n" FB_TRANSPOSE_PARAGRAPHS("(N, C_in, L)", "(C_in, L)"),
};
OP(conv_transpose2d) {
  .schema = FB_TRANSPOSE_SCHEMA("2"),
  .names = "conv_transpose2d, nn.functional.conv_transpose2d",
  .forward = boxed<conv_transpose_forward<2>>,
  .vjp = composite(),
  .autocast = Autocast::Lower,
  .samples =
      "(2,3,4,5) (3,4,3,2) (4,) | (3,4,5) (3,4,3,3) stride=2 padding=1 output_padding=1 | "
      "(2,4,5,3) (4,1,3,3) groups=2 dilation=2",
  .errors =
      "(2,3,5,5) (3,4,3,3) output_padding=1 -> RuntimeError: output padding must be smaller than "
      "either stride or dilation",
  .doc =
      "Transposed convolution over images: the gradient of :func:`conv2d` as a "
      "function.\n\n" FB_TRANSPOSE_PARAGRAPHS("(N, C_in, H, W)", "(C_in, H, W)") R"(
Example::

    >>> torch.nn.functional.conv_transpose2d(torch.ones(1, 1, 2, 2), torch.ones(1, 1, 2, 2))
    tensor([[[[1., 2., 1.],
              [2., 4., 2.],
              [1., 2., 1.]]]])
)",
};
OP(conv_transpose3d) {
  .schema = FB_TRANSPOSE_SCHEMA("3"),
  .names = "conv_transpose3d, nn.functional.conv_transpose3d",
  .forward = boxed<conv_transpose_forward<3>>,
  .vjp = composite(),
  .autocast = Autocast::Lower,
  .samples = "(2,3,4,5,2) (3,4,3,2,2) (4,) | (3,2,4,5) (3,4,3,3,3) stride=2 padding=1",
  .doc =
      "Transposed convolution over volumes: the gradient of :func:`conv3d` as a "
      "function.\n\n" FB_TRANSPOSE_PARAGRAPHS("(N, C_in, D, H, W)", "(C_in, D, H, W)"),
};

}  // namespace
}  // namespace fb
