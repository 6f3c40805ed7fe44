// Chooses how a convolution is run. Half types that the machine does not multiply are computed in
// float32.
#include "cpu/conv.h"

#include "cpu/convert.h"
#include "cpu/gemm.h"

namespace fb::inline FB_CPU_NAMESPACE::conv {

Geometry::Geometry(Ints input, Ints weight, Ints output, const ConvSteps& steps, DType dtype,
                   bool channels_last)
    : dtype(dtype),
      channels_last(channels_last),
      batch(input[0]),
      groups(steps.groups),
      in_channels(input[1]),
      out_channels(output[1]),
      in(input.subspan(2)),
      out(output.subspan(2)),
      kernel(weight.subspan(2)),
      stride(steps.stride),
      padding(steps.padding),
      dilation(steps.dilation) {}

double Geometry::flops() const {
  return 2.0 * static_cast<double>(batch * out_channels) *
         static_cast<double>(in_channels / groups) *
         static_cast<double>(out_pixels() * kernel_pixels());
}

namespace {

template <class T>
T sum_of(T a, T b) {
  if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
    return T(static_cast<float>(a) + static_cast<float>(b));
  } else {
    return static_cast<T>(a + b);
  }
}

template <class T>
void add_to_pixels(T* to, int64_t pixels, int64_t step, int64_t channels, const T* values,
                   int64_t value_step) {
  for (int64_t p = 0; p < pixels; ++p, to += step)
    for (int64_t c = 0; c < channels; ++c) to[c] = sum_of(to[c], values[c * value_step]);
}

template <class T>
void add_to_plane(T* to, int64_t pixels, T value) {
  for (int64_t p = 0; p < pixels; ++p) to[p] = sum_of(to[p], value);
}

bool is_last(const Tensor& t) { return !t.is_contiguous(); }

#ifdef FB_ONEDNN
bool runs_as_it_is(DType t) {
  return t != DType::Float16 && (t != DType::BFloat16 || native_bfloat16());
}
#endif

// A float32 copy of a dense tensor.
Tensor widened(const Tensor& t) {
  if (!t.defined()) return t;
  FB_ASSERT(is_dense(t.sizes(), t.strides()));
  Tensor copy = empty_like(t, DType::Float32);
  convert(copy.raw(), DType::Float32, t.raw(), t.dtype(), t.numel());
  return copy;
}

// Runs f on a float32 tensor to write, which then becomes `out`.
template <class F>
void run_widened(const Tensor& out, F&& f) {
  Tensor wide = empty_like(out, DType::Float32);
  f(wide);
  convert(out.raw(), out.dtype(), wide.raw(), DType::Float32, out.numel());
}

void forward(const Tensor& out, const Tensor& input, const Tensor& weight, const Tensor& bias,
             const ConvSteps& steps) {
  Geometry g(input.sizes(), weight.sizes(), out.sizes(), steps, out.dtype(),
             is_last(out) || is_last(input));
  if (g.dtype == DType::Float32) {
    Finish finish(bias, g.out_channels);
    if (depthwise_forward(g, out, input, weight, finish) ||
        winograd_forward(g, out, input, weight, finish) ||
        product_forward(g, out, input, weight, finish))
      return;
  }
#ifdef FB_ONEDNN
  if (runs_as_it_is(g.dtype) && onednn_forward(g, out, input, weight, bias)) return;
#endif
  if (!is_reduced(g.dtype)) return plain_forward(g, out, input, weight, bias);
  run_widened(out, [&](const Tensor& wide) {
    forward(wide, widened(input), widened(weight), widened(bias), steps);
  });
}

void input_grad(const Tensor& out, const Tensor& grad, const Tensor& weight, const Tensor& bias,
                const ConvSteps& steps) {
  Geometry g(out.sizes(), weight.sizes(), grad.sizes(), steps, out.dtype(),
             is_last(out) || is_last(grad));
  if (g.dtype == DType::Float32) {
    Finish finish(bias, g.in_channels);
    if (product_input_grad(g, out, grad, weight, finish) ||
        winograd_input_grad(g, out, grad, weight, finish))
      return;
  }
#ifdef FB_ONEDNN
  if (runs_as_it_is(g.dtype) && onednn_input_grad(g, out, grad, weight, bias)) return;
#endif
  if (!is_reduced(g.dtype)) return plain_input_grad(g, out, grad, weight, bias);
  run_widened(out, [&](const Tensor& wide) {
    input_grad(wide, widened(grad), widened(weight), widened(bias), steps);
  });
}

void weight_grad(const Tensor& out, const Tensor& input, const Tensor& grad,
                 const ConvSteps& steps) {
  Geometry g(input.sizes(), out.sizes(), grad.sizes(), steps, out.dtype(),
             is_last(input) || is_last(grad));
  if (winograd_weight_grad(g, out, input, grad)) return;
#ifdef FB_ONEDNN
  if (runs_as_it_is(g.dtype) && onednn_weight_grad(g, out, input, grad)) return;
#endif
  if (!is_reduced(g.dtype)) return plain_weight_grad(g, out, input, grad);
  run_widened(out,
              [&](const Tensor& wide) { weight_grad(wide, widened(input), widened(grad), steps); });
}

CPU_KERNEL(convolution, forward)
CPU_KERNEL(convolution_input_grad, input_grad)
CPU_KERNEL(convolution_weight_grad, weight_grad)

}  // namespace

Finish::Finish(const Tensor& bias, int64_t channels) : bias_(channels + kLanes<float>) {
  std::fill_n(bias_.data(), channels + kLanes<float>, 0.f);
  if (!bias.defined()) return;
  for (int64_t c = 0; c < channels; ++c) bias_[c] = bias.data<float>()[c * bias.strides()[0]];
}

void add_bias(const Geometry& g, const Operand& out, int64_t all_channels, int64_t pixels,
              int64_t first, int64_t count, int64_t channel, int64_t channels, const Tensor& bias) {
  if (!bias.defined()) return;
  FB_DISPATCH(g.dtype, FB_REAL, "convolution", {
    const auto* values = bias.data<scalar_t>();
    int64_t step = bias.strides()[0];
    auto* data = static_cast<scalar_t*>(out.data) + first * all_channels * pixels;
    if (g.channels_last) {
      add_to_pixels(data + channel, count * pixels, all_channels, channels, values + channel * step,
                    step);
    } else {
      for (int64_t n = 0; n < count; ++n)
        for (int64_t c = channel; c < channel + channels; ++c)
          add_to_plane(data + (n * all_channels + c) * pixels, pixels, values[c * step]);
    }
  });
}

}  // namespace fb::inline FB_CPU_NAMESPACE::conv
