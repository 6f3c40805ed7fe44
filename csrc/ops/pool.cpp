// The poolings behind max_pool1d to adaptive_avg_pool3d. Averages are linear in the input; maxima
// are elements picked by index.
#include "ops/pool.h"

#include "ops/copy.h"
#include "ops/grad.h"
#include "ops/pool_checks.h"

namespace fb {
namespace {

MemoryFormat pool_format(const Tensor& t, int64_t spatial, bool keeps_3d = true) {
  if (t.dim() != spatial + 2 || spatial < 2 || (spatial == 3 && !keeps_3d))
    return MemoryFormat::Contiguous;
  if (!is_channels_last(t.sizes(), t.strides())) return MemoryFormat::Contiguous;
  return spatial == 3 ? MemoryFormat::ChannelsLast3d : MemoryFormat::ChannelsLast;
}

Tensor in_format(const Tensor& t, MemoryFormat format) {
  return t.is_contiguous(format) ? t : contiguous(t, format);
}

int64_t last_sizes(Ints sizes, int64_t spatial) {
  int64_t n = 1;
  for (int64_t i = 0; i < spatial; ++i) n *= sizes[sizes.size() - 1 - static_cast<size_t>(i)];
  return n;
}

// --- maxima --------------------------------------------------------------------------------------

using Pair = std::tuple<Tensor, Tensor>;

Pair max_pool(const Tensor& input, int64_t spatial, const PoolWindows& windows, bool with_indices) {
  MemoryFormat format = pool_format(input, spatial, !windows.w.adaptive);
  Dims sizes = pooled_sizes(input.sizes(), spatial, windows);
  Tensor out = empty(sizes, input.dtype(), input.device(), format), indices;
  if (with_indices) indices = empty(sizes, DType::Int64, input.device(), format);
  if (out.numel() > 0) kernels::max_pool(out, indices, in_format(input, format), windows);
  return {out, indices};
}

Pair max_pool_forward(const Tensor& input, Ints kernel_size, Ints stride, Ints padding,
                      Ints dilation, bool ceil_mode) {
  PoolWindows windows =
      pool_windows(input.sizes(), {kernel_size, stride, padding, dilation, ceil_mode});
  return max_pool(input, static_cast<int64_t>(kernel_size.size()), windows, true);
}

Pair adaptive_max_pool_forward(const Tensor& input, Ints output_size) {
  return max_pool(input, static_cast<int64_t>(output_size.size()),
                  adaptive_windows(input.sizes(), output_size), true);
}

void max_pool_vjp_of(Grad& g, int64_t spatial) {
  g.set("input", _pool_scatter(g.dout(), g.out(1), Dims(g.sizes("input")), spatial));
}
void max_pool_vjp(Grad& g) {
  max_pool_vjp_of(g, static_cast<int64_t>(g.arg<Ints>("kernel_size").size()));
}
void adaptive_max_pool_vjp(Grad& g) {
  max_pool_vjp_of(g, static_cast<int64_t>(g.arg<Ints>("output_size").size()));
}

OP(max_pool) {
  .schema =
      "_max_pool(Tensor input, int[] kernel_size, int[] stride, int[] padding, int[] dilation, bool ceil_mode)"
      " -> (Tensor values, Tensor indices)",
  .names = "",
  .forward = boxed<max_pool_forward>,
  .vjp = max_pool_vjp,
  .save = "indices",
};

OP(adaptive_max_pool) {
  .schema =
      "_adaptive_max_pool(Tensor input, int[] output_size) -> (Tensor values, Tensor indices)",
  .names = "",
  .forward = boxed<adaptive_max_pool_forward>,
  .vjp = adaptive_max_pool_vjp,
  .save = "indices",
};

// The maxima alone, where no gradient is asked for.
Tensor max_pool_values_forward(const Tensor& input, Ints kernel_size, Ints stride, Ints padding,
                               Ints dilation, bool ceil_mode) {
  PoolWindows windows =
      pool_windows(input.sizes(), {kernel_size, stride, padding, dilation, ceil_mode});
  return std::get<0>(max_pool(input, static_cast<int64_t>(kernel_size.size()), windows, false));
}

OP(max_pool_values) {
  .schema =
      "_max_pool_values(Tensor input, int[] kernel_size, int[] stride, int[] padding, int[] dilation, bool ceil_mode) -> Tensor",
  .names = "",
  .forward = boxed<max_pool_values_forward>,
  .vjp = not_differentiable("the places of the maxima are not kept"),
};

Tensor pool_scatter_forward(const Tensor& grad, const Tensor& indices, Ints input_size,
                            int64_t spatial) {
  MemoryFormat format = pool_format(indices, spatial);
  Tensor out = empty(input_size, grad.dtype(), grad.device(), format);
  if (out.numel() > 0) zero_(out);
  if (out.numel() > 0 && grad.numel() > 0) {
    kernels::pool_scatter(out, in_format(grad, format), in_format(indices, format),
                          last_sizes(input_size, spatial));
  }
  return out;
}

void pool_scatter_vjp(Grad& g) {
  g.set("grad", _pool_gather(g.dout(), g.in("indices"), g.arg<int64_t>("spatial")));
}

OP(pool_scatter) {
  .schema = "_pool_scatter(Tensor grad, Tensor indices, int[] input_size, int spatial) -> Tensor",
  .names = "",
  .forward = boxed<pool_scatter_forward>,
  .vjp = pool_scatter_vjp,
  .save = "indices",
};

Tensor pool_gather_forward(const Tensor& input, const Tensor& indices, int64_t spatial) {
  MemoryFormat format = pool_format(indices, spatial);
  Tensor out = empty(indices.sizes(), input.dtype(), input.device(), format);
  if (out.numel() > 0) {
    kernels::pool_gather(out, in_format(input, format), in_format(indices, format),
                         last_sizes(input.sizes(), spatial));
  }
  return out;
}

void pool_gather_vjp(Grad& g) {
  g.set("input", _pool_scatter(g.dout(), g.in("indices"), Dims(g.sizes("input")),
                               g.arg<int64_t>("spatial")));
}

OP(pool_gather) {
  .schema = "_pool_gather(Tensor input, Tensor indices, int spatial) -> Tensor",
  .names = "",
  .forward = boxed<pool_gather_forward>,
  .vjp = pool_gather_vjp,
  .save = "indices",
};

// --- averages ------------------------------------------------------------------------------------

Tensor average(const Tensor& input, int64_t spatial, const PoolWindows& windows) {
  MemoryFormat format = pool_format(input, spatial, false);
  Tensor out =
      empty(pooled_sizes(input.sizes(), spatial, windows), input.dtype(), input.device(), format);
  if (out.numel() > 0) kernels::avg_pool(out, in_format(input, format), windows);
  return out;
}

Tensor average_backward(const Tensor& grad, Ints input_size, int64_t spatial,
                        const PoolWindows& windows) {
  MemoryFormat format = pool_format(grad, spatial, false);
  Tensor out = empty(input_size, grad.dtype(), grad.device(), format);
  if (out.numel() > 0) zero_(out);
  if (out.numel() > 0 && grad.numel() > 0)
    kernels::avg_pool_backward(out, in_format(grad, format), windows);
  return out;
}

PoolWindows average_windows(Ints input, Ints kernel, Ints stride, Ints padding, bool ceil_mode,
                            bool count_padding, int64_t divisor) {
  Dims ones(kernel.size(), 1);
  PoolWindows windows =
      pool_windows(input, {kernel, stride, padding, ones, ceil_mode, true, count_padding});
  windows.divisor = divisor;
  return windows;
}

Tensor avg_pool_forward(const Tensor& input, Ints kernel_size, Ints stride, Ints padding,
                        bool ceil_mode, bool count_include_pad, int64_t divisor) {
  PoolWindows windows = average_windows(input.sizes(), kernel_size, stride, padding, ceil_mode,
                                        count_include_pad, divisor);
  return average(input, static_cast<int64_t>(kernel_size.size()), windows);
}

void avg_pool_vjp(Grad& g) {
  g.set("input",
        _avg_pool_backward(g.dout(), Dims(g.sizes("input")), g.arg<Ints>("kernel_size"),
                           g.arg<Ints>("stride"), g.arg<Ints>("padding"), g.arg<bool>("ceil_mode"),
                           g.arg<bool>("count_include_pad"), g.arg<int64_t>("divisor")));
}

OP(avg_pool) {
  .schema =
      "_avg_pool(Tensor input, int[] kernel_size, int[] stride, int[] padding, bool ceil_mode, bool count_include_pad, int divisor)"
      " -> Tensor",
  .names = "",
  .forward = boxed<avg_pool_forward>,
  .vjp = avg_pool_vjp,
};

Tensor avg_pool_backward_forward(const Tensor& grad, Ints input_size, Ints kernel_size, Ints stride,
                                 Ints padding, bool ceil_mode, bool count_include_pad,
                                 int64_t divisor) {
  PoolWindows windows = average_windows(input_size, kernel_size, stride, padding, ceil_mode,
                                        count_include_pad, divisor);
  return average_backward(grad, input_size, static_cast<int64_t>(kernel_size.size()), windows);
}

void avg_pool_backward_vjp(Grad& g) {
  g.set("grad", _avg_pool(g.dout(), g.arg<Ints>("kernel_size"), g.arg<Ints>("stride"),
                          g.arg<Ints>("padding"), g.arg<bool>("ceil_mode"),
                          g.arg<bool>("count_include_pad"), g.arg<int64_t>("divisor")));
}

OP(avg_pool_backward) {
  .schema =
      "_avg_pool_backward(Tensor grad, int[] input_size, int[] kernel_size, int[] stride, int[] padding, bool ceil_mode,"
      " bool count_include_pad, int divisor) -> Tensor",
  .names = "",
  .forward = boxed<avg_pool_backward_forward>,
  .vjp = avg_pool_backward_vjp,
};

Tensor adaptive_avg_pool_forward(const Tensor& input, Ints output_size) {
  return average(input, static_cast<int64_t>(output_size.size()),
                 adaptive_windows(input.sizes(), output_size));
}

void adaptive_avg_pool_vjp(Grad& g) {
  int64_t spatial = static_cast<int64_t>(g.arg<Ints>("output_size").size());
  g.set("input", _adaptive_avg_pool_backward(g.dout(), Dims(g.sizes("input")), spatial));
}

OP(adaptive_avg_pool) {
  .schema = "_adaptive_avg_pool(Tensor input, int[] output_size) -> Tensor",
  .names = "",
  .forward = boxed<adaptive_avg_pool_forward>,
  .vjp = adaptive_avg_pool_vjp,
};

Tensor adaptive_avg_pool_backward_forward(const Tensor& grad, Ints input_size, int64_t spatial) {
  Ints output_size = grad.sizes().subspan(grad.sizes().size() - static_cast<size_t>(spatial));
  return average_backward(grad, input_size, spatial, adaptive_windows(input_size, output_size));
}

void adaptive_avg_pool_backward_vjp(Grad& g) {
  Dims sizes(g.sizes("grad"));
  Ints output_size =
      sizes.span().subspan(sizes.size() - static_cast<size_t>(g.arg<int64_t>("spatial")));
  g.set("grad", _adaptive_avg_pool(g.dout(), output_size));
}

OP(adaptive_avg_pool_backward) {
  .schema = "_adaptive_avg_pool_backward(Tensor grad, int[] input_size, int spatial) -> Tensor",
  .names = "",
  .forward = boxed<adaptive_avg_pool_backward_forward>,
  .vjp = adaptive_avg_pool_backward_vjp,
};

}  // namespace
}  // namespace fb
