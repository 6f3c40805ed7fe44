#include "cpu/random_walk.h"
#include "ops/dropout_kernels.h"

namespace fb {
namespace {

// Runs row(out, a, b, strides, n) over the rows of three tensors, in parallel where all are dense
// and laid out alike.
template <class Row>
void three_way(const Tensor& out, const Tensor& a, const Tensor& b, const Row& row) {
  const bool alike = is_dense(out) && std::ranges::equal(out.strides(), a.strides()) &&
                     std::ranges::equal(out.strides(), b.strides());
  if (alike) {
    constexpr int64_t kOnes[3] = {1, 1, 1};
    return parallel_for(0, out.numel(), 1 << 15, [&](int64_t begin, int64_t end) {
      const int64_t at[3] = {begin, begin, begin};
      row(at, kOnes, end - begin);
    });
  }
  const Tensor* inputs[] = {&a, &b};
  walk_rows<3>(Geometry(out, inputs), row);
}

template <class T>
void scale_kept(const Tensor& out, const Tensor& input, const Tensor& mask, double scale) {
  using M = streams::Maths<T>;
  T* to = out.data<T>();
  const T* from = input.data<T>();
  const uint8_t* kept = static_cast<const uint8_t*>(mask.raw());
  const M factor = static_cast<M>(scale);
  three_way(out, input, mask, [=](const int64_t* at, const int64_t* stride, int64_t n) {
    T* y = to + at[0];
    const T* x = from + at[1];
    const uint8_t* m = kept + at[2];
    // A product where a choice would do: a random mask makes branches slow.
    const auto scaled = [=](T value, uint8_t is_kept) {
      return streams::convert<T>(static_cast<M>(value) * (factor * static_cast<M>(is_kept)));
    };
    if (stride[0] == 1 && stride[1] == 1 && stride[2] == 1) {
      for (int64_t i = 0; i < n; ++i) y[i] = scaled(x[i], m[i]);
    } else {
      for (int64_t i = 0; i < n; ++i) y[i * stride[0]] = scaled(x[i * stride[1]], m[i * stride[2]]);
    }
  });
}

void masked_scale_cpu(const Tensor& out, const Tensor& input, const Tensor& mask, double scale) {
  FB_DISPATCH(out.dtype(), FB_FLOATS_HALVES, "masked_scale",
              scale_kept<scalar_t>(out, input, mask, scale));
}

void draw_dropout_cpu(const Tensor& out, const Tensor& input, const Tensor& mask,
                      Generator& generator, double keep, double scale) {
  {
    std::lock_guard<std::mutex> lock(generator.mutex());
    streams::bernoulli(generator, mask.data<bool>(), mask.numel(), keep);
  }
  masked_scale_cpu(out, input, mask, scale);
}

// Slopes are drawn as double between bounds of the computing type; the product takes them before
// they are rounded to a 16-bit type.
template <class T>
void rrelu(const Tensor& out, const Tensor& input, const Tensor& noise, Generator& generator,
           double lower_, double upper_) {
  using M = streams::Maths<T>;
  const double lower = static_cast<M>(lower_), width = static_cast<M>(upper_) - lower;
  const Tensor* inputs[] = {&input, &noise};
  walk_rows<3>(Geometry(out, inputs), [&](const int64_t* at, const int64_t* stride, int64_t n) {
    for (int64_t i = 0; i < n; ++i) {
      const M x = static_cast<M>(input.data<T>()[at[1] + i * stride[1]]);
      M slope = 1;
      if (x <= 0) slope = static_cast<M>(streams::unit<double>(generator) * width + lower);
      out.data<T>()[at[0] + i * stride[0]] = streams::convert<T>(x * slope);
      noise.data<T>()[at[2] + i * stride[2]] = streams::convert<T>(slope);
    }
  });
}

void draw_rrelu_cpu(const Tensor& out, const Tensor& input, const Tensor& noise,
                    Generator& generator, double lower, double upper) {
  std::lock_guard<std::mutex> lock(generator.mutex());
  FB_DISPATCH(out.dtype(), FB_FLOATS_HALVES, "rrelu_with_noise_out_cpu",
              rrelu<scalar_t>(out, input, noise, generator, lower, upper));
}

CPU_KERNEL(masked_scale, masked_scale_cpu)
CPU_KERNEL(draw_dropout, draw_dropout_cpu)
CPU_KERNEL(draw_rrelu, draw_rrelu_cpu)

}  // namespace
}  // namespace fb
