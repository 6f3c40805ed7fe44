#include "ops/pool_checks.h"

#include <string>

namespace fb {
namespace {

constexpr const char* kAxes[] = {"T", "H", "W"};

std::string sizes_text(Ints sizes) {
  std::string text;
  for (int64_t s : sizes) text += (text.empty() ? "" : "x") + std::to_string(s);
  return text;
}

// " kH: 2 kW: 3"
std::string axes_text(const char* prefix, Ints values) {
  std::string text;
  for (size_t i = 0; i < values.size(); ++i)
    text += concat(text.empty() ? "" : " ", prefix, kAxes[3 - values.size() + i], ": ", values[i]);
  return text;
}

void check_positive(const char* what, const char* prefix, Ints values) {
  bool positive = std::all_of(values.begin(), values.end(), [](int64_t v) { return v > 0; });
  FB_CHECK(positive, what, " should be greater than zero, but got ", axes_text(prefix, values));
}

std::string dims_text(int64_t spatial) { return concat(spatial + 1, "D or ", spatial + 2, "D"); }

void check_dims(const char* op, Ints input, int64_t spatial) {
  auto d = static_cast<int64_t>(input.size());
  bool right = d == spatial + 1 || d == spatial + 2, filled = right;
  for (size_t i = static_cast<size_t>(right && d == spatial + 2); right && i < input.size(); ++i)
    filled &= input[i] != 0;
  if (spatial == 1) {
    FB_CHECK(
        filled, op,
        ": Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for input, but got:",
        shape_text(input));
  }
  FB_CHECK(right, "non-empty ", dims_text(spatial), " (batch mode) tensor expected for input");
  FB_CHECK(
      filled, op, ": Expected ", dims_text(spatial),
      " (batch mode) tensor with optional 0 dim batch size for input, but got:", shape_text(input));
}

int64_t output_size(const PoolAxis& a, bool ceil_mode) {
  int64_t reach =
      a.in + 2 * a.padding - a.dilation * (a.kernel - 1) - 1 + (ceil_mode ? a.stride - 1 : 0);
  int64_t size = (reach >= 0 ? reach / a.stride : -((-reach + a.stride - 1) / a.stride)) + 1;
  // The last window must begin inside of the input or of the padding before it.
  if (ceil_mode && (size - 1) * a.stride >= a.in + a.padding) --size;
  return size;
}

const char* kCounts[] = {"", "a tuple of one int", "a tuple of two ints", "a tuple of three ints"};

}  // namespace

Dims same_or_each(Ints values, int64_t spatial) {
  return values.size() == 1 ? Dims(static_cast<size_t>(spatial), values[0]) : Dims(values);
}

Ints stride_or_kernel(std::optional<Ints> stride, Ints kernel) {
  return stride && !stride->empty() ? *stride : kernel;
}

void check_pool_lists(const char* op, int64_t spatial, Ints kernel, Ints stride, Ints padding,
                      Ints dilation) {
  auto fits = [&](Ints values) {
    return values.size() == 1 || values.size() == static_cast<size_t>(spatial);
  };
  FB_CHECK(fits(kernel), op, ": kernel_size must either be a single int, or ", kCounts[spatial]);
  FB_CHECK(fits(stride), op, ": stride must either be omitted, a single int, or ",
           kCounts[spatial]);
  FB_CHECK(fits(padding), op, ": padding must either be a single int, or ", kCounts[spatial]);
  FB_CHECK(fits(dilation), op, ": dilation must be either a single int, or ", kCounts[spatial]);
}

PoolWindows pool_windows(Ints input, const PoolArguments& a) {
  PoolWindows windows;
  PoolAxis* axes[] = {&windows.d, &windows.h, &windows.w};
  size_t spatial = a.kernel.size();
  for (size_t i = 0; i < spatial; ++i) {
    PoolAxis& axis = *axes[3 - spatial + i];
    axis = {input[input.size() - spatial + i],
            0,
            a.kernel[i],
            a.stride[i],
            a.padding[i],
            a.dilation[i],
            false,
            a.average && a.count_padding};
    axis.out = output_size(axis, a.ceil_mode);
  }
  return windows;
}

PoolWindows adaptive_windows(Ints input, Ints output_size) {
  PoolWindows windows;
  PoolAxis* axes[] = {&windows.d, &windows.h, &windows.w};
  size_t spatial = output_size.size();
  for (size_t i = 0; i < spatial; ++i) {
    PoolAxis& axis = *axes[3 - spatial + i];
    axis.in = input[input.size() - spatial + i];
    axis.out = output_size[i];
    axis.adaptive = true;
  }
  return windows;
}

PoolWindows check_pool(const char* op, Ints input, const PoolArguments& a) {
  auto spatial = static_cast<int64_t>(a.kernel.size());
  for (size_t i = 0; i < a.kernel.size(); ++i) {
    FB_CHECK(a.stride[i] != 0, "stride should not be zero");
    FB_CHECK(a.padding[i] >= 0, "pad must be non-negative, but got pad: ", a.padding[i]);
    FB_CHECK(a.padding[i] <= ((a.kernel[i] - 1) * a.dilation[i] + 1) / 2,
             "pad should be at most half of effective kernel size, but got pad=", a.padding[i],
             ", kernel_size=", a.kernel[i], " and dilation=", a.dilation[i]);
  }
  check_positive("kernel size", "k", a.kernel);
  check_positive("stride", "d", a.stride);
  check_positive("dilation", "dilation", a.dilation);
  check_dims(op, input, spatial);
  PoolWindows windows = pool_windows(input, a);
  Dims out = pooled_sizes(input, spatial, windows);
  size_t channel = input.size() - a.kernel.size() - 1;
  bool large = std::all_of(out.begin() + channel + 1, out.end(), [](int64_t s) { return s > 0; });
  FB_CHECK(large, "Given input size: (", sizes_text(input.subspan(channel)),
           "). Calculated output size: (", sizes_text(out.span().subspan(channel)),
           "). Output size is too small");
  return windows;
}

PoolWindows check_adaptive(const char* op, Ints input, Ints output_size, bool average) {
  auto spatial = static_cast<int64_t>(output_size.size()), d = static_cast<int64_t>(input.size());
  bool negative =
      std::any_of(output_size.begin(), output_size.end(), [](int64_t s) { return s < 0; });
  FB_CHECK(d == spatial + 1 || d == spatial + 2, op, "(): Expected ", dims_text(spatial),
           " tensor, but got", average ? " " : ": ", shape_text(input));
  for (int64_t i = d == spatial + 2 && !average ? 1 : d - spatial; i < d; ++i) {
    FB_CHECK(
        input[static_cast<size_t>(i)] > 0, op,
        "(): Expected input to have non-zero size for non-batch dimensions, but input has sizes ",
        shape_text(input), " with dimension ", i, " being empty");
  }
  FB_CHECK(!negative, op,
           ": elements of output_size must be greater than or equal to 0 but received ",
           shape_text(output_size));
  return adaptive_windows(input, output_size);
}

Dims pooled_sizes(Ints input, int64_t spatial, const PoolWindows& w) {
  Dims sizes(input);
  const int64_t out[] = {w.d.out, w.h.out, w.w.out};
  for (int64_t i = 0; i < spatial; ++i)
    sizes[sizes.size() - static_cast<size_t>(spatial - i)] = out[3 - spatial + i];
  return sizes;
}

}  // namespace fb
