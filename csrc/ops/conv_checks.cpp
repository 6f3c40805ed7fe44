#include "ops/conv_checks.h"

#include <algorithm>

#include "ops/matmul_checks.h"

namespace fb {
namespace {

bool any_below(Ints values, int64_t least) {
  return std::any_of(values.begin(), values.end(), [least](int64_t v) { return v < least; });
}

std::string by_size(Ints sizes) {
  std::string text;
  for (int64_t s : sizes) text += (text.empty() ? "" : " x ") + std::to_string(s);
  return text;
}

std::string tensor_type_name(DType t) { return concat("torch.", dtype_class_name(t), "Tensor"); }

void check_kernel_fits(Ints input, Ints weight, const ConvArguments& a) {
  Dims padded, kernel;
  bool fits = true;
  for (size_t i = 0; i + 2 < input.size(); ++i) {
    padded.push_back(input[i + 2] + 2 * a.padding[i]);
    kernel.push_back(a.dilation[i] * (weight[i + 2] - 1) + 1);
    fits &= kernel[i] <= padded[i];
  }
  FB_CHECK(fits, "Calculated padded input size per channel: (", by_size(padded),
           "). Kernel size: (", by_size(kernel),
           "). Kernel size can't be greater than actual input size");
}

void check_shapes(Ints input, Ints weight, const Tensor& bias, const ConvArguments& a) {
  FB_CHECK(weight.size() == input.size(), "Expected ", weight.size(), "-dimensional input for ",
           weight.size(), "-dimensional weight ", shape_text(weight), ", but got ", input.size(),
           "-dimensional input of size ", shape_text(input), " instead");
  FB_CHECK(weight[0] >= a.groups, "Given groups=", a.groups, ", expected weight to be at least ",
           a.groups, " at dimension 0, but got weight of size ", shape_text(weight), " instead");
  FB_CHECK(weight[0] % a.groups == 0, "Given groups=", a.groups,
           ", expected weight to be divisible by ", a.groups,
           " at dimension 0, but got weight of size [", shape_text(weight), "] instead");
  int64_t channels = a.transposed ? weight[0] : weight[1] * a.groups;
  int64_t made = a.transposed ? weight[1] * a.groups : weight[0];
  std::string given =
      a.transposed ? concat("Given transposed=1, ") : concat("Given groups=", a.groups, ", ");
  FB_CHECK(input[1] == channels, given, "weight of size ", shape_text(weight), ", expected input",
           shape_text(input), " to have ", channels, " channels, but got ", input[1],
           " channels instead");
  FB_CHECK(!bias.defined() || (bias.dim() == 1 && bias.sizes()[0] == made),
           a.transposed ? given : "Given ", "weight of size ", shape_text(weight),
           ", expected bias to be 1-dimensional with ", made, " elements, but got bias of size ",
           shape_text(bias.sizes()), " instead");
  for (size_t i = 2; i < weight.size(); ++i) {
    FB_CHECK(weight[i] > 0, "convolution: the kernel must have elements, but weight has size ",
             shape_text(weight));
  }
  if (!a.transposed) check_kernel_fits(input, weight, a);
  FB_CHECK(
      std::find(input.begin() + 2, input.end(), 0) == input.end() || input[0] == 0 || input[1] == 0,
      "Only zero batch or zero channel inputs are supported, but got input shape: ",
      shape_text(input));
}

void check_output_padding(const ConvArguments& a) {
  bool smaller = true;
  std::string values[3];
  size_t n = a.stride.size();
  constexpr const char* kNames[] = {"depth", "height", "width"};
  for (size_t i = 0; i < n; ++i) {
    smaller &= a.output_padding[i] < a.stride[i] || a.output_padding[i] < a.dilation[i];
    const char* name = kNames[3 - n + i];
    values[0] += concat(" output_padding_", name, ": ", a.output_padding[i]);
    values[1] += concat(" stride_", name, ": ", a.stride[i]);
    values[2] += concat(" dilation_", name, ": ", a.dilation[i]);
  }
  FB_CHECK(smaller, "output padding must be smaller than either stride or dilation, but got",
           values[0], values[1], values[2]);
}

}  // namespace

Dims one_per_dimension(const char* name, Ints values, int64_t spatial) {
  auto wanted = static_cast<size_t>(spatial);
  if (values.size() == 1) return Dims(wanted, values[0]);
  FB_CHECK(values.size() == wanted, "expected ", name,
           " to be a single integer value or a list of ", wanted,
           " values to match the convolution dimensions, but got ", name, "=", shape_text(values));
  return values;
}

ConvArguments check_convolution(const Tensor& input, const Tensor& weight, const Tensor& bias,
                                Ints stride, Ints padding, Ints dilation, bool transposed,
                                Ints output_padding, int64_t groups) {
  int64_t spatial = weight.dim() - 2;
  FB_CHECK(spatial > 0, "weight should have at least three dimensions");
  FB_CHECK(spatial <= 3,
           "convolution: up to three spatial dimensions expected, got weight of size ",
           shape_text(weight.sizes()));
  ConvArguments a{one_per_dimension("stride", stride, spatial),
                  one_per_dimension("padding", padding, spatial),
                  one_per_dimension("dilation", dilation, spatial),
                  one_per_dimension("output_padding", output_padding, spatial),
                  transposed,
                  groups};
  FB_CHECK(!any_below(a.padding, 0), "negative padding is not supported");
  FB_CHECK(!any_below(a.output_padding, 0), "negative output_padding is not supported");
  FB_CHECK(!any_below(a.stride, 1), "non-positive stride is not supported");
  FB_CHECK(!any_below(a.dilation, 1), "non-positive dilation is not supported");
  FB_CHECK(groups > 0, "non-positive groups is not supported");
  check_shapes(input.sizes(), weight.sizes(), bias, a);
  if (transposed) check_output_padding(a);
  FB_CHECK(input.dtype() == weight.dtype(), "Input type (", tensor_type_name(input.dtype()),
           ") and weight type (", tensor_type_name(weight.dtype()), ") should be the same");
  if (bias.defined()) check_bias_type(input, bias);
  check_device(input, weight);
  if (bias.defined()) check_device(input, bias);
  return a;
}

Dims convolution_sizes(Ints input, Ints weight, const ConvArguments& a) {
  // Without input channels PyTorch's result has none either.
  int64_t channels = input[1] == 0 ? 0 : a.transposed ? weight[1] * a.groups : weight[0];
  Dims sizes{input[0], channels};
  for (size_t i = 0; i + 2 < input.size(); ++i) {
    int64_t kernel = a.dilation[i] * (weight[i + 2] - 1) + 1, in = input[i + 2];
    int64_t size = a.transposed
                       ? (in - 1) * a.stride[i] - 2 * a.padding[i] + kernel + a.output_padding[i]
                       : (in + 2 * a.padding[i] - kernel) / a.stride[i] + 1;
    FB_CHECK(size >= 0, "convolution: the output would have size ", size, " in dimension ", i + 2,
             " (input ", shape_text(input), ", weight ", shape_text(weight), ", stride ",
             shape_text(a.stride), ", padding ", shape_text(a.padding), "); use less padding");
    sizes.push_back(size);
  }
  return sizes;
}

bool lacks_batch(const char* op, const Tensor& input, int64_t spatial) {
  int64_t d = input.dim();
  FB_CHECK(d == spatial + 1 || d == spatial + 2, "Expected ", spatial + 1, "D (unbatched) or ",
           spatial + 2, "D (batched) input to ", op,
           ", but got input of size: ", shape_text(input.sizes()));
  return d == spatial + 1;
}

void check_bias_type(const Tensor& input, const Tensor& bias) {
  FB_CHECK(input.dtype() == bias.dtype(), "Input type (", type_spelling(input.dtype()),
           ") and bias type (", type_spelling(bias.dtype()), ") should be the same");
}

}  // namespace fb
