// What poolings ask of their arguments, in PyTorch's words.
#pragma once
#include "ops/op.h"
#include "ops/pool_kernels.h"

namespace fb {

// Windows over the last dimensions of an input of the given sizes: kernel_size tells how many.
struct PoolArguments {
  Ints kernel, stride, padding, dilation;
  bool ceil_mode;
  bool average = false, count_padding = false;
};
PoolWindows pool_windows(Ints input, const PoolArguments& arguments);
PoolWindows adaptive_windows(Ints input, Ints output_size);
// The same with all checks. `op` is the public name.
PoolWindows check_pool(const char* op, Ints input, const PoolArguments& arguments);
PoolWindows check_adaptive(const char* op, Ints input, Ints output_size, bool average);
// Of the pooled tensor.
Dims pooled_sizes(Ints input, int64_t spatial, const PoolWindows& windows);
Dims same_or_each(Ints values, int64_t spatial);
// kernel_size where no stride is given.
Ints stride_or_kernel(std::optional<Ints> stride, Ints kernel);
// "max_pool2d: kernel_size must either be a single int, or a tuple of two ints" and the like.
void check_pool_lists(const char* op, int64_t spatial, Ints kernel, Ints stride, Ints padding,
                      Ints dilation);

}  // namespace fb
