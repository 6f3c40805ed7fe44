#include "ops/activation_kernels.h"

#include "cpu/elementwise.h"
#include "cpu/math.h"

namespace fb {
namespace {

constexpr double kInvSqrt2Pi = 0.3989422804014327;
constexpr double kGeluInner = 0.79788456080286536;  // sqrt(2/pi)
constexpr double kGeluCube = 0.044715;

#define FORWARD(name, cost, expression)                                      \
  void name##_cpu(const Tensor& out, const Tensor& input, DType dtype) {     \
    static constexpr Loops loops = pointwise<1, float, double>([](auto x) {  \
                                     using T [[maybe_unused]] = decltype(x); \
                                     return expression;                      \
                                   }).with_cost(cost);                       \
    run(loops, #name, dtype, out, input);                                    \
  }                                                                          \
  CPU_KERNEL(name, name##_cpu)
#define BACKWARD(name, cost, expression)                                               \
  void name##_backward_cpu(const Tensor& out, const Tensor& grad, const Tensor& input, \
                           DType dtype) {                                              \
    static constexpr Loops loops = pointwise<2, float, double>([](auto g, auto x) {    \
                                     using T [[maybe_unused]] = decltype(x);           \
                                     return g * expression;                            \
                                   }).with_cost(cost);                                 \
    run(loops, #name "_backward", dtype, out, grad, input);                            \
  }                                                                                    \
  CPU_KERNEL(name##_backward, name##_backward_cpu)

// --- smooth ---

template <class T>
T gelu_slope(T x) {
  auto normal = math::normal(x);
  return normal.cdf + x * T(kInvSqrt2Pi) * normal.bell;
}
// 0.5 (1 + tanh(u)) is sigmoid(2 u).
template <class T>
T gelu_tanh_gate(T x) {
  return math::sigmoid(T(2 * kGeluInner) * (x + T(kGeluCube) * x * x * x));
}
template <class T>
T gelu_tanh_slope(T x) {
  T gate = gelu_tanh_gate(x);
  T inner_slope = T(2 * kGeluInner) * (T(1) + T(3 * kGeluCube) * x * x);
  return gate + x * gate * (T(1) - gate) * inner_slope;
}
template <class T>
T silu_slope(T x) {
  T s = math::sigmoid(x);
  return s * (T(1) + x * (T(1) - s));
}
// tanh(log(1 + e)) = (e^2 + 2 e) / (e^2 + 2 e + 2) with e = exp(x)
template <class T>
T mish_gate(T x) {
  T e = math::exp(x > T(20) ? T(20) : x);
  T n = e * (e + T(2));
  return n / (n + T(2));
}
template <class T>
T mish_slope(T x) {
  T t = mish_gate(x);
  return t + x * math::sigmoid(x) * (T(1) - t * t);
}
template <class T>
T log_sigmoid(T x) {
  T least = x < T(0) ? x : T(0);
  return least - math::log1p(math::exp(-math::abs(x)));
}

FORWARD(gelu, 20, x* math::normal(x).cdf)
BACKWARD(gelu, 28, gelu_slope(x))
FORWARD(gelu_tanh, 14, x* gelu_tanh_gate(x))
BACKWARD(gelu_tanh, 18, gelu_tanh_slope(x))
FORWARD(silu, 12, x* math::sigmoid(x))
BACKWARD(silu, 14, silu_slope(x))
FORWARD(mish, 12, x* mish_gate(x))
BACKWARD(mish, 20, mish_slope(x))
FORWARD(logsigmoid, 20, log_sigmoid(x))
BACKWARD(logsigmoid, 12, math::sigmoid(-x))

struct Softplus {
  double beta, threshold;
};

void softplus_cpu(const Tensor& out, const Tensor& input, double beta, double threshold,
                  DType dtype) {
  static constexpr Loops loops =
      pointwise_with<Softplus, 1, float, double>([](auto x, const Softplus& p) {
        using T = decltype(x);
        T beta = static_cast<T>(p.beta), scaled = x * beta;
        T soft = math::log1p(math::exp(scaled)) / beta;
        return scaled > static_cast<T>(p.threshold) ? x : soft;
      }).with_cost(20);
  run_with(Softplus{beta, threshold}, loops, "softplus_cpu", dtype, out, input);
}

void softplus_backward_cpu(const Tensor& out, const Tensor& grad, const Tensor& input, double beta,
                           double threshold, DType dtype) {
  static constexpr Loops loops =
      pointwise_with<Softplus, 2, float, double>([](auto g, auto x, const Softplus& p) {
        using T = decltype(x);
        T scaled = x * static_cast<T>(p.beta), slope = math::sigmoid(scaled);
        return scaled > static_cast<T>(p.threshold) ? g : g * slope;
      }).with_cost(12);
  run_with(Softplus{beta, threshold}, loops, "softplus_backward_cpu", dtype, out, grad, input);
}

struct Elu {
  double alpha, scale, inner;
};

void elu_cpu(const Tensor& out, const Tensor& input, double alpha, double scale, double inner,
             DType dtype) {
  static constexpr Loops loops =
      pointwise_with<Elu, 1, float, double>([](auto x, const Elu& p) {
        using T = decltype(x);
        T below = static_cast<T>(p.alpha * p.scale) * math::expm1(x * static_cast<T>(p.inner));
        T above = x * static_cast<T>(p.scale);
        return x < T(0) ? below : above;
      }).with_cost(10);
  run_with(Elu{alpha, scale, inner}, loops, "elu_cpu", dtype, out, input);
}

void elu_backward_cpu(const Tensor& out, const Tensor& grad, const Tensor& input, double alpha,
                      double scale, double inner, DType dtype) {
  static constexpr Loops loops =
      pointwise_with<Elu, 2, float, double>([](auto g, auto x, const Elu& p) {
        using T = decltype(x);
        T below =
            static_cast<T>(p.alpha * p.scale * p.inner) * math::exp(x * static_cast<T>(p.inner));
        return g * (x <= T(0) ? below : static_cast<T>(p.scale));
      }).with_cost(10);
  run_with(Elu{alpha, scale, inner}, loops, "elu_backward_cpu", dtype, out, grad, input);
}

// --- piecewise linear ---

template <class T>
T clipped_sixth(T x) {  // relu6(x + 3) / 6
  T y = x + T(3);
  y = y < T(0) ? T(0) : y;
  return (y > T(6) ? T(6) : y) / T(6);
}

FORWARD(hardswish, 2, x* clipped_sixth(x))
BACKWARD(hardswish, 2, (x < T(-3) ? T(0) : x <= T(3) ? x / T(3) + T(0.5) : T(1)))
FORWARD(hardsigmoid, 2, clipped_sixth(x))
BACKWARD(hardsigmoid, 2, ((x > T(-3)) & (x < T(3)) ? T(1) / T(6) : T(0)))

void relu_cpu(const Tensor& out, const Tensor& input, DType dtype) {
  static constexpr Loops loops =
      pointwise<1, int64_t, float, double>([](auto x) { return x < 0 ? decltype(x)(0) : x; });
  run(loops, "relu", dtype, out, input);
}

void leaky_relu_cpu(const Tensor& out, const Tensor& input, double slope, DType dtype) {
  static constexpr Loops loops = pointwise_with<double, 1, float, double>(
      [](auto x, double slope) { return x > 0 ? x : x * static_cast<decltype(x)>(slope); });
  run_with(slope, loops, "leaky_relu_cpu", dtype, out, input);
}
void leaky_relu_backward_cpu(const Tensor& out, const Tensor& grad, const Tensor& input,
                             double slope, DType dtype) {
  static constexpr Loops loops = pointwise_with<double, 2, float, double>(
      [](auto g, auto x, double slope) { return x > 0 ? g : g * static_cast<decltype(x)>(slope); });
  run_with(slope, loops, "leaky_relu_backward_cpu", dtype, out, grad, input);
}

void hardshrink_cpu(const Tensor& out, const Tensor& input, double lambd, DType dtype) {
  static constexpr Loops loops = pointwise_with<double, 1, float, double>([](auto x, double lambd) {
    using T = decltype(x);
    return math::abs(x) <= static_cast<T>(lambd) ? T(0) : x;
  });
  run_with(lambd, loops, "hardshrink_cpu", dtype, out, input);
}
void hardshrink_backward_cpu(const Tensor& out, const Tensor& grad, const Tensor& input,
                             double lambd, DType dtype) {
  static constexpr Loops loops =
      pointwise_with<double, 2, float, double>([](auto g, auto x, double lambd) {
        using T = decltype(x);
        return math::abs(x) <= static_cast<T>(lambd) ? T(0) : g;
      });
  run_with(lambd, loops, "shrink_backward_cpu", dtype, out, grad, input);
}
void softshrink_cpu(const Tensor& out, const Tensor& input, double lambd, DType dtype) {
  static constexpr Loops loops = pointwise_with<double, 1, float, double>([](auto x, double lambd) {
    using T = decltype(x);
    T l = static_cast<T>(lambd), r = x > l ? x - l : x < -l ? x + l : T(0);
    return x != x ? x : r;
  });
  run_with(lambd, loops, "softshrink_cpu", dtype, out, input);
}

struct Threshold {
  Number threshold, value;
};

void threshold_cpu(const Tensor& out, const Tensor& input, const Scalar& threshold,
                   const Scalar& value, DType dtype) {
  static constexpr Loops loops =
      pointwise_with<Threshold, 1, int64_t, float, double>([](auto x, const Threshold& p) {
        using T = decltype(x);
        return x <= p.threshold.as<T>() ? p.value.as<T>() : x;
      }).without_bool();
  run_with(Threshold{threshold, value}, loops, "threshold_cpu", dtype, out, input);
}
void threshold_backward_cpu(const Tensor& out, const Tensor& grad, const Tensor& input,
                            const Scalar& threshold, DType dtype) {
  static constexpr Loops loops = pointwise_with<Number, 2, int64_t, float, double>(
      [](auto g, auto x, const Number& threshold) {
        using T = decltype(x);
        return x <= threshold.as<T>() ? T(0) : g;
      });
  run_with(Number(threshold), loops, "threshold_cpu", dtype, out, grad, input);
}

struct Range {
  double min, max;
};
void hardtanh_backward_cpu(const Tensor& out, const Tensor& grad, const Tensor& input, double min,
                           double max, DType dtype) {
  static constexpr Loops loops =
      pointwise_with<Range, 2, float, double>([](auto g, auto x, const Range& p) {
        using T = decltype(x);
        return (x <= static_cast<T>(p.min)) | (x >= static_cast<T>(p.max)) ? T(0) : g;
      });
  run_with(Range{min, max}, loops, "hardtanh_backward_cpu", dtype, out, grad, input);
}

void prelu_cpu(const Tensor& out, const Tensor& input, const Tensor& weight, DType dtype) {
  static constexpr Loops loops =
      pointwise<2, float, double>([](auto x, auto w) { return x > 0 ? x : w * x; });
  run(loops, "prelu_cpu", dtype, out, input, weight);
}

CPU_KERNEL(softplus, softplus_cpu)
CPU_KERNEL(softplus_backward, softplus_backward_cpu)
CPU_KERNEL(elu, elu_cpu)
CPU_KERNEL(elu_backward, elu_backward_cpu)
CPU_KERNEL(relu, relu_cpu)
CPU_KERNEL(leaky_relu, leaky_relu_cpu)
CPU_KERNEL(leaky_relu_backward, leaky_relu_backward_cpu)
CPU_KERNEL(hardshrink, hardshrink_cpu)
CPU_KERNEL(hardshrink_backward, hardshrink_backward_cpu)
CPU_KERNEL(softshrink, softshrink_cpu)
CPU_KERNEL(threshold, threshold_cpu)
CPU_KERNEL(threshold_backward, threshold_backward_cpu)
CPU_KERNEL(hardtanh_backward, hardtanh_backward_cpu)
CPU_KERNEL(prelu, prelu_cpu)

}  // namespace
}  // namespace fb
