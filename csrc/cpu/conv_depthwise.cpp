// Depthwise convolutions of contiguous float32 planes with small kernels, in AVX-512: vectors of
// output columns in the registers, and masks where the input ends. oneDNN would copy both sides
// into a layout of its own, which takes longer than the convolution.
#include "core/interrupt.h"
#include "cpu/conv.h"
#include "cpu/conv_columns.h"

namespace fb::inline FB_CPU_NAMESPACE::conv {
#ifdef __AVX512F__
namespace {

constexpr int kRows = 4;                   // of a block of outputs
constexpr double kTaskElements = 1 << 15;  // of output

struct Planes {
  int64_t height, width, out_height, out_width, top,
      left;  // the last two are zeros before the input
};

template <int kernel, int stride>
void convolve(const Planes& p, const float* input, const float* weight, const Finish& finish,
              int64_t channel, float* out) {
  for (int64_t x = 0; x < p.out_width; x += kColumns) {
    const Columns<kernel, stride> columns(x * stride - p.left, p.width);
    const __mmask16 kept = lanes(0, p.out_width - x);
    for (int64_t y = 0; y < p.out_height; y += kRows) {
      Vector<float> sum[kRows] = {};
#pragma GCC unroll 16
      for (int i = 0; i < (kRows - 1) * stride + kernel; ++i) {
        const int64_t line = y * stride - p.top + i;
        if (line < 0 || line >= p.height) continue;
        for (int k = 0; k < kernel; ++k) {
          const Vector<float> x = columns.load(input + line * p.width, k);
#pragma GCC unroll 4
          for (int row = 0; row < kRows; ++row) {
            const int tap = i - row * stride;
            if (tap >= 0 && tap < kernel) sum[row] += weight[tap * kernel + k] * x;
          }
        }
      }
      for (int64_t row = 0; row < std::min<int64_t>(kRows, p.out_height - y); ++row)
        _mm512_mask_storeu_ps(out + (y + row) * p.out_width + x, kept, finish(sum[row], channel));
    }
  }
}

using Convolve = decltype(&convolve<3, 1>);

Convolve kernel_for(const Geometry& g) {
  if (g.dtype != DType::Float32 || g.channels_last || g.spatial() != 2 || g.groups == 1 ||
      g.in_channels != g.groups || g.out_channels != g.groups || g.kernel[0] != g.kernel[1] ||
      g.stride[0] != g.stride[1] || g.dilation[0] != 1 || g.dilation[1] != 1)
    return nullptr;
  if (g.kernel[0] == 3)
    return g.stride[0] == 1 ? convolve<3, 1> : g.stride[0] == 2 ? convolve<3, 2> : nullptr;
  if (g.kernel[0] == 5)
    return g.stride[0] == 1 ? convolve<5, 1> : g.stride[0] == 2 ? convolve<5, 2> : nullptr;
  return nullptr;
}

}  // namespace

bool depthwise_forward(const Geometry& g, const Operand& out, const Operand& input,
                       const Operand& weight, const Finish& finish) {
  const Convolve run = kernel_for(g);
  if (!run) return false;
  const Planes planes{g.in[0], g.in[1], g.out[0], g.out[1], g.padding[0], g.padding[1]};
  const auto grain = static_cast<int64_t>(kTaskElements / static_cast<double>(g.out_pixels())) + 1;
  parallel_for(0, g.batch * g.groups, grain, [&](int64_t begin, int64_t end) {
    InterruptCheck<64> interrupted;
    float taps[25];
    for (int64_t plane = begin; plane < end; ++plane) {
      interrupted.step();
      const int64_t channel = plane % g.groups;
      const float* w = static_cast<const float*>(weight.data) + channel * weight.strides[0];
      for (int64_t i = 0; i < g.kernel[0]; ++i)
        for (int64_t j = 0; j < g.kernel[1]; ++j)
          taps[i * g.kernel[1] + j] = w[i * weight.strides[2] + j * weight.strides[3]];
      run(planes, static_cast<const float*>(input.data) + plane * g.in_pixels(), taps, finish,
          channel, static_cast<float*>(out.data) + plane * g.out_pixels());
    }
  });
  return true;
}
#else
bool depthwise_forward(const Geometry&, const Operand&, const Operand&, const Operand&,
                       const Finish&) {
  return false;
}
#endif
}  // namespace fb::inline FB_CPU_NAMESPACE::conv
