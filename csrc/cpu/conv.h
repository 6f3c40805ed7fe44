// The shape of a convolution, and the two ways to run one.
#pragma once
#include "cpu/cpu.h"
#include "cpu/gemm.h"
#include "cpu/vector.h"
#include "ops/conv_kernels.h"

namespace fb::inline FB_CPU_NAMESPACE::conv {

// Memory of an activation (N, C, spatial...) or a weight, with strides in elements.
struct Operand {
  Operand(const Tensor& t) : data(t.raw()), strides(t.strides()) {}
  void* data;
  Dims strides;
};

struct Geometry {
  Geometry(Ints input, Ints weight, Ints output, const ConvSteps& steps, DType dtype,
           bool channels_last);
  DType dtype;
  bool channels_last;
  int64_t batch, groups;
  int64_t in_channels, out_channels;                // of all groups
  Dims in, out, kernel, stride, padding, dilation;  // one element per spatial dimension
  int64_t spatial() const { return static_cast<int64_t>(in.size()); }
  int64_t in_pixels() const { return product(in); }
  int64_t out_pixels() const { return product(out); }
  int64_t kernel_pixels() const { return product(kernel); }
  // Additions and multiplications of any of the three products.
  double flops() const;
  static int64_t product(const Dims& sizes) {
    int64_t n = 1;
    for (int64_t s : sizes) n *= s;
    return n;
  }
};

// Adds bias[c] to the elements of images [first, first + count) and channels [channel, channel +
// channels) of `out`.
void add_bias(const Geometry& g, const Operand& out, int64_t all_channels, int64_t pixels,
              int64_t first, int64_t count, int64_t channel, int64_t channels, const Tensor& bias);

// Adds the bias, which may be undefined, to a sum of output channel c.
class Finish {
 public:
  Finish(const Tensor& bias, int64_t channels);
  Vector<float> operator()(Vector<float> x, int64_t c) const { return x + bias_[c]; }
  // Of channels from c on, side by side.
  Vector<float> across(Vector<float> x, int64_t c) const { return x + load(bias_ + c); }

 private:
  Scratch<float> bias_;
};

// Float32 with a kernel of one element, and depthwise, on contiguous tensors. False, and nothing
// done, where it is something else.
bool product_forward(const Geometry& g, const Operand& out, const Operand& input,
                     const Operand& weight, const Finish& finish);
bool product_input_grad(const Geometry& g, const Operand& out, const Operand& grad,
                        const Operand& weight, const Finish& finish);

// Whether there are Winograd's tiles for it.
bool has_tiles(const Geometry& g);
bool winograd_forward(const Geometry& g, const Operand& out, const Operand& input,
                      const Operand& weight, const Finish& finish);
bool winograd_input_grad(const Geometry& g, const Operand& out, const Operand& grad,
                         const Operand& weight, const Finish& finish);
bool winograd_weight_grad(const Geometry& g, const Operand& out, const Operand& input,
                          const Operand& grad);
bool depthwise_forward(const Geometry& g, const Operand& out, const Operand& input,
                       const Operand& weight, const Finish& finish);

// im2col and our own matrix products: any real type.
void plain_forward(const Geometry& g, const Operand& out, const Operand& input,
                   const Operand& weight, const Tensor& bias);
void plain_input_grad(const Geometry& g, const Operand& out, const Operand& grad,
                      const Operand& weight, const Tensor& bias);
void plain_weight_grad(const Geometry& g, const Operand& out, const Operand& input,
                       const Operand& grad);

#ifdef FB_ONEDNN
// False, and nothing done, where oneDNN has no such convolution. float32, and bfloat16 where it is
// native.
bool onednn_forward(const Geometry& g, const Operand& out, const Operand& input,
                    const Operand& weight, const Tensor& bias);
bool onednn_input_grad(const Geometry& g, const Operand& out, const Operand& grad,
                       const Operand& weight, const Tensor& bias);
bool onednn_weight_grad(const Geometry& g, const Operand& out, const Operand& input,
                        const Operand& grad);
#endif

}  // namespace fb::inline FB_CPU_NAMESPACE::conv
