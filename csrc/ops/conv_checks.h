// What convolutions ask of their arguments, in PyTorch's words.
#pragma once
#include "ops/op.h"

namespace fb {

struct ConvArguments {
  Dims stride, padding, dilation, output_padding;
  bool transposed;
  int64_t groups;
};

// One value for every spatial dimension; a single one stands for all.
Dims one_per_dimension(const char* name, Ints values, int64_t spatial);
// Checks the arguments of convolution() and completes them.
ConvArguments check_convolution(const Tensor& input, const Tensor& weight, const Tensor& bias,
                                Ints stride, Ints padding, Ints dilation, bool transposed,
                                Ints output_padding, int64_t groups);
Dims convolution_sizes(Ints input, Ints weight, const ConvArguments& arguments);
// Whether the input lacks the batch dimension of a convolution named `op` with so many spatial
// ones.
bool lacks_batch(const char* op, const Tensor& input, int64_t spatial);
void check_bias_type(const Tensor& input, const Tensor& bias);

}  // namespace fb
