// max_pool1d to adaptive_avg_pool3d: the names users call. Results that depend on a flag
// (return_indices), and sizes given as None, are dealt with in Python.
#include "ops/pool_functions.h"

#include <algorithm>

#include "autograd/mode.h"
#include "ops/grad.h"
#include "ops/pool.h"
#include "ops/pool_checks.h"
#include "ops/reduce.h"

namespace fb {
namespace {

using Pair = std::tuple<Tensor, Tensor>;

template <int64_t spatial>
constexpr const char* one_of(const char* one, const char* two, const char* three) {
  return spatial == 1 ? one : spatial == 2 ? two : three;
}

struct Lists {
  Lists(const char* op, int64_t spatial, Ints kernel_size, std::optional<Ints> stride_or_none,
        Ints padding_list, Ints dilation_list) {
    Ints steps = stride_or_kernel(stride_or_none, kernel_size);
    check_pool_lists(op, spatial, kernel_size, steps, padding_list, dilation_list);
    kernel = same_or_each(kernel_size, spatial);
    stride = same_or_each(steps, spatial);
    padding = same_or_each(padding_list, spatial);
    dilation = same_or_each(dilation_list, spatial);
  }
  Dims kernel, stride, padding, dilation;
};

// --- max_pool ------------------------------------------------------------------------------------

template <int64_t spatial>
Pair max_pool_with_indices(const Tensor& input, Ints kernel_size, std::optional<Ints> stride,
                           Ints padding, Ints dilation, bool ceil_mode, bool) {
  const char* op = one_of<spatial>("max_pool1d", "max_pool2d", "max_pool3d");
  Lists l(op, spatial, kernel_size, stride, padding, dilation);
  check_pool(op, input.sizes(), {l.kernel, l.stride, l.padding, l.dilation, ceil_mode});
  return _max_pool(input, l.kernel, l.stride, l.padding, l.dilation, ceil_mode);
}

template <int64_t spatial>
Tensor max_pool(const Tensor& input, Ints kernel_size, std::optional<Ints> stride, Ints padding,
                Ints dilation, bool ceil_mode) {
  const char* op = one_of<spatial>("max_pool1d", "max_pool2d", "max_pool3d");
  Lists l(op, spatial, kernel_size, stride, padding, dilation);
  check_pool(op, input.sizes(), {l.kernel, l.stride, l.padding, l.dilation, ceil_mode});
  // Other watchers (vmap, capture) see the operator that has a derivative.
  bool watched = tls.mode || (grad_enabled() && requires_grad(input));
  if (watched)
    return std::get<0>(_max_pool(input, l.kernel, l.stride, l.padding, l.dilation, ceil_mode));
  return _max_pool_values(input, l.kernel, l.stride, l.padding, l.dilation, ceil_mode);
}

#define FB_MAX_POOL_SCHEMA(name, n, more, result)                               \
  name "(Tensor input, int[" n "] kernel_size, int[" n "]? stride=None, int[" n \
       "] padding=0, int[" n "] dilation=1, bool ceil_mode=False" more ") -> " result
#define FB_MAX_POOL_DOC(batched, unbatched)                                                 \
  "Largest element of each window of (" batched ") or (" unbatched                          \
  ").\n\n"                                                                                  \
  "Args:\n"                                                                                 \
  "    input (Tensor): see above.\n"                                                        \
  "    kernel_size (int or tuple): size of the windows.\n"                                  \
  "    stride (int or tuple): step between windows; their size if omitted.\n"               \
  "    padding (int or tuple): negative infinities on both sides, at most half a window.\n" \
  "    dilation (int or tuple): step between the elements of a window.\n"                   \
  "    ceil_mode (bool): keep windows that reach beyond the end.\n"

OP(max_pool1d_with_indices) {
  .schema = FB_MAX_POOL_SCHEMA("max_pool1d_with_indices", "1", ", bool return_indices=False",
                               "(Tensor values, Tensor indices)"),
  .names = "max_pool1d_with_indices, nn.functional.max_pool1d_with_indices",
  .forward = boxed<max_pool_with_indices<1>>,
  .vjp = composite(),
  .samples = "(2,3,7) 2 | (3,8) 3 stride=2 padding=1 dilation=2 | (0,3,7) 2 ceil_mode=True",
  .errors = "(7,) 2 -> RuntimeError: max_pool1d: Expected 2D or 3D (batch mode) tensor",
  .doc = ":func:`max_pool1d` and the flat index of each maximum.",
};
OP(max_pool2d_with_indices) {
  .schema = FB_MAX_POOL_SCHEMA("max_pool2d_with_indices", "2", ", bool return_indices=False",
                               "(Tensor values, Tensor indices)"),
  .names = "nn.functional.max_pool2d_with_indices",
  .forward = boxed<max_pool_with_indices<2>>,
  .vjp = composite(),
  .samples =
      "(2,3,7,6) 2 | (3,8,9) [3,2] stride=2 padding=1 dilation=2 | (0,3,7,7) 2 | (2,3,5,5) 2 stride=2 ceil_mode=True",
  .errors =
      "(2,3,5,5) 6 -> RuntimeError: Calculated output size: (3x0x0). Output size is too small",
  .doc = ":func:`max_pool2d` and the flat index of each maximum.",
};
OP(max_pool3d_with_indices) {
  .schema = FB_MAX_POOL_SCHEMA("max_pool3d_with_indices", "3", ", bool return_indices=False",
                               "(Tensor values, Tensor indices)"),
  .names = "nn.functional.max_pool3d_with_indices",
  .forward = boxed<max_pool_with_indices<3>>,
  .vjp = composite(),
  .samples = "(2,3,7,6,5) 2 | (3,8,9,4) [3,2,2] stride=2 padding=1 | (0,3,7,7,7) 2",
  .errors =
      "(2,3,5,5,5) 2 padding=2 -> RuntimeError: pad should be at most half of effective kernel size",
  .doc = ":func:`max_pool3d` and the flat index of each maximum.",
};
OP(max_pool1d) {
  .schema = FB_MAX_POOL_SCHEMA("max_pool1d", "1", "", "Tensor"),
  .names = "max_pool1d",
  .forward = boxed<max_pool<1>>,
  .vjp = composite(),
  .samples = "(2,3,7) 2 | (3,8) 3 stride=2 padding=1 dilation=2 | (0,3,7) 2 ceil_mode=True",
  .errors = "(2,3,7) 0 -> RuntimeError: stride should not be zero",
  .doc = FB_MAX_POOL_DOC("N, C, L", "C, L"),
};
OP(max_pool2d) {
  .schema = FB_MAX_POOL_SCHEMA("max_pool2d", "2", "", "Tensor"),
  .names = "max_pool2d",
  .forward = boxed<max_pool<2>>,
  .vjp = composite(),
  .samples =
      "(2,3,7,6) 2 | (3,8,9) [3,2] stride=2 padding=1 dilation=2 | (0,3,7,7) 2 | (2,3,5,5) 2 stride=2 ceil_mode=True",
  .errors =
      "(2,3,5,5) [2,2,2] -> RuntimeError: max_pool2d: kernel_size must either be a single int, or a tuple of two ints",
  .doc = FB_MAX_POOL_DOC("N, C, H, W", "C, H, W") R"(
Example::

    >>> torch.max_pool2d(torch.arange(16.).view(1, 4, 4), 2)
    tensor([[[ 5.,  7.],
             [13., 15.]]])
)",
};
OP(max_pool3d) {
  .schema = FB_MAX_POOL_SCHEMA("max_pool3d", "3", "", "Tensor"),
  .names = "max_pool3d",
  .forward = boxed<max_pool<3>>,
  .vjp = composite(),
  .autocast = Autocast::Float32,
  .samples = "(2,3,7,6,5) 2 | (3,8,9,4) [3,2,2] stride=2 padding=1 | (0,3,7,7,7) 2",
  .errors = "(5,5,5) 2 -> RuntimeError: non-empty 4D or 5D (batch mode) tensor expected for input",
  .doc = FB_MAX_POOL_DOC("N, C, D, H, W", "C, D, H, W"),
};

// --- avg_pool ------------------------------------------------------------------------------------

template <int64_t spatial>
Tensor avg_pool(const Tensor& input, Ints kernel_size, std::optional<Ints> stride, Ints padding,
                bool ceil_mode, bool count_include_pad, std::optional<int64_t> divisor_override) {
  const char* op = one_of<spatial>("avg_pool1d", "avg_pool2d", "avg_pool3d");
  Dims ones(spatial, 1);
  Lists l(op, spatial, kernel_size, stride, padding, ones);
  FB_CHECK(!divisor_override || *divisor_override != 0, "divisor must be not zero");
  check_pool(op, input.sizes(), {l.kernel, l.stride, l.padding, ones, ceil_mode});
  return _avg_pool(input, l.kernel, l.stride, l.padding, ceil_mode, count_include_pad,
                   divisor_override.value_or(0));
}

Tensor avg_pool1d(const Tensor& input, Ints kernel_size, std::optional<Ints> stride, Ints padding,
                  bool ceil_mode, bool count_include_pad) {
  return avg_pool<1>(input, kernel_size, stride, padding, ceil_mode, count_include_pad,
                     std::nullopt);
}

#define FB_AVG_POOL_SCHEMA(n, more)                                                      \
  "avg_pool" n "d(Tensor input, int[" n "] kernel_size, int[" n "]? stride=None, int[" n \
  "] padding=0, bool ceil_mode=False, bool count_include_pad=True" more ") -> Tensor"
#define FB_AVG_POOL_DOC(batched, unbatched)                                   \
  "Average of each window of (" batched ") or (" unbatched                    \
  ").\n\n"                                                                    \
  "Args:\n"                                                                   \
  "    input (Tensor): see above.\n"                                          \
  "    kernel_size (int or tuple): size of the windows.\n"                    \
  "    stride (int or tuple): step between windows; their size if omitted.\n" \
  "    padding (int or tuple): zeros on both sides, at most half a window.\n" \
  "    ceil_mode (bool): keep windows that reach beyond the end.\n"           \
  "    count_include_pad (bool): padding counts as elements.\n"

OP(avg_pool1d) {
  .schema = FB_AVG_POOL_SCHEMA("1", ""),
  .names = "avg_pool1d, nn.functional.avg_pool1d",
  .forward = boxed<avg_pool1d>,
  .vjp = composite(),
  .samples =
      "(2,3,7) 2 | (3,8) 3 stride=2 padding=1 | (0,3,7) 2 | (2,3,7) 2 ceil_mode=True count_include_pad=False",
  .errors = "(2,3,7) 8 -> RuntimeError: Output size is too small",
  .doc = FB_AVG_POOL_DOC("N, C, L", "C, L"),
};
OP(avg_pool2d) {
  .schema = FB_AVG_POOL_SCHEMA("2", ", int? divisor_override=None"),
  .names = "nn.functional.avg_pool2d",
  .forward = boxed<avg_pool<2>>,
  .vjp = composite(),
  .samples = "(2,3,7,6) 2 | (3,8,9) [3,2] stride=2 padding=1 | (0,3,7,7) 2 | (2,3,5,5) 2 stride=2 ceil_mode=True padding=1"
             " | (2,3,5,5) 3 padding=1 count_include_pad=False | (2,3,5,5) 2 divisor_override=3",
  .errors = "(2,3,5,5) 2 divisor_override=0 -> RuntimeError: divisor must be not zero",
  .doc = FB_AVG_POOL_DOC("N, C, H, W", "C, H, W") "    divisor_override (int): divides the sums in place of the windows' sizes.\n" R"(
Example::

    >>> torch.nn.functional.avg_pool2d(torch.arange(16.).view(1, 4, 4), 2)
    tensor([[[ 2.5000,  4.5000],
             [10.5000, 12.5000]]])
)",
};
OP(avg_pool3d) {
  .schema = FB_AVG_POOL_SCHEMA("3", ", int? divisor_override=None"),
  .names = "nn.functional.avg_pool3d",
  .forward = boxed<avg_pool<3>>,
  .vjp = composite(),
  .autocast = Autocast::Float32,
  .samples =
      "(2,3,7,6,5) 2 | (3,8,9,4) [3,2,2] stride=2 padding=1 count_include_pad=False | (0,3,7,7,7) 2",
  .errors = "(5,5,5) 2 -> RuntimeError: non-empty 4D or 5D (batch mode) tensor expected for input",
  .doc = FB_AVG_POOL_DOC(
      "N, C, D, H, W",
      "C, D, H, W") "    divisor_override (int): divides the sums in place of the windows' sizes.\n",
};

// --- adaptive ------------------------------------------------------------------------------------

template <int64_t spatial, bool average>
PoolWindows check_adaptive_call(const Tensor& input, Ints output_size) {
  const char* op =
      average
          ? one_of<spatial>("adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d")
          : one_of<spatial>("adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d");
  FB_CHECK(output_size.size() == static_cast<size_t>(spatial), op, ": output_size must be ",
           spatial);
  return check_adaptive(op, input.sizes(), output_size, average);
}

template <int64_t spatial>
Tensor adaptive_avg_pool(const Tensor& input, Ints output_size) {
  check_adaptive_call<spatial, true>(input, output_size);
  const bool whole = std::ranges::all_of(output_size, [](int64_t n) { return n == 1; });
  if (whole && is_floating(input.dtype()) && input.is_contiguous() && input.numel() > 0) {
    Dims dims;
    for (int64_t d = -spatial; d < 0; ++d) dims.push_back(d);
    return mean(input, dims.span(), true);
  }
  return _adaptive_avg_pool(input, output_size);
}

template <int64_t spatial>
Pair adaptive_max_pool(const Tensor& input, Ints output_size, bool) {
  check_adaptive_call<spatial, false>(input, output_size);
  return _adaptive_max_pool(input, output_size);
}

#define FB_ADAPTIVE_DOC \
  "of windows that split each dimension of the input into as many as evenly as can be."

OP(adaptive_avg_pool1d) {
  .schema = "adaptive_avg_pool1d(Tensor input, int[1] output_size) -> Tensor",
  .names = "adaptive_avg_pool1d, nn.functional.adaptive_avg_pool1d",
  .forward = boxed<adaptive_avg_pool<1>>,
  .vjp = composite(),
  .samples = "(2,3,7) 3 | (3,8) 5 | (0,3,7) 2 | (2,3,4) 7",
  .errors = "(3,) 2 -> RuntimeError: adaptive_avg_pool1d(): Expected 2D or 3D tensor, but got [3]",
  .doc = "Averages " FB_ADAPTIVE_DOC,
};
OP(adaptive_avg_pool2d) {
  .schema = "_adaptive_avg_pool2d(Tensor input, int[] output_size) -> Tensor",
  .names = "_adaptive_avg_pool2d",
  .forward = boxed<adaptive_avg_pool<2>>,
  .vjp = composite(),
  .samples = "(2,3,7,6) [3,2] | (3,8,5) [1,1] | (0,3,7,7) [2,2] | (2,3,4,4) [7,3]",
  .errors = "(2,3,5,5) [2] -> RuntimeError: adaptive_avg_pool2d: output_size must be 2",
  .doc = "Averages " FB_ADAPTIVE_DOC,
};
OP(adaptive_avg_pool3d) {
  .schema = "_adaptive_avg_pool3d(Tensor input, int[] output_size) -> Tensor",
  .names = "_adaptive_avg_pool3d",
  .forward = boxed<adaptive_avg_pool<3>>,
  .vjp = composite(),
  .autocast = Autocast::Float32,
  .samples = "(2,3,7,6,5) [3,2,2] | (3,8,5,2) [1,1,1]",
  .errors =
      "(2,5,2) [2,2,2] -> RuntimeError: adaptive_avg_pool3d(): Expected 4D or 5D tensor, but got [2, 5, 2]",
  .doc = "Averages " FB_ADAPTIVE_DOC,
};
OP(adaptive_max_pool1d) {
  .schema =
      "adaptive_max_pool1d(Tensor input, int[1] output_size, bool return_indices=False) -> (Tensor values, Tensor indices)",
  .names = "adaptive_max_pool1d, nn.functional.adaptive_max_pool1d_with_indices",
  .forward = boxed<adaptive_max_pool<1>>,
  .vjp = composite(),
  .samples = "(2,3,7) 3 | (3,8) 5 | (0,3,7) 2",
  .errors = "(3,) 2 -> RuntimeError: adaptive_max_pool1d(): Expected 2D or 3D tensor, but got: [3]",
  .doc = "Maxima, and their flat indices, " FB_ADAPTIVE_DOC,
};
OP(adaptive_max_pool2d) {
  .schema =
      "_adaptive_max_pool2d(Tensor input, int[] output_size, bool return_indices=False) -> (Tensor values, Tensor indices)",
  .names = "_adaptive_max_pool2d",
  .forward = boxed<adaptive_max_pool<2>>,
  .vjp = composite(),
  .samples = "(2,3,7,6) [3,2] | (3,8,5) [1,1] | (0,3,7,7) [2,2]",
  .errors =
      "(2,5) [2,2] -> RuntimeError: adaptive_max_pool2d(): Expected 3D or 4D tensor, but got: [2, 5]",
  .doc = "Maxima " FB_ADAPTIVE_DOC,
};
OP(adaptive_max_pool3d) {
  .schema =
      "_adaptive_max_pool3d(Tensor input, int[] output_size, bool return_indices=False) -> (Tensor values, Tensor indices)",
  .names = "_adaptive_max_pool3d",
  .forward = boxed<adaptive_max_pool<3>>,
  .vjp = composite(),
  .autocast = Autocast::Float32,
  .samples = "(2,3,7,6,5) [3,2,2] | (3,8,5,2) [1,1,1]",
  .errors =
      "(2,5,2) [2,2,2] -> RuntimeError: adaptive_max_pool3d(): Expected 4D or 5D tensor, but got: [2, 5, 2]",
  .doc = "Maxima " FB_ADAPTIVE_DOC,
};

}  // namespace
}  // namespace fb
