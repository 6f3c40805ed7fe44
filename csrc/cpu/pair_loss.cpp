#include "ops/pair_loss_kernels.h"

#include "core/error.h"
#include "cpu/elementwise.h"
#include "cpu/rows.h"

namespace fb {
namespace {

// Each loss f(x, t), its derivatives by x and by t. `p` is the loss's parameter.
struct Squared {
  template <class T> static T value(T x, T t, T) { return (x - t) * (x - t); }
  template <class T> static T by_input(T x, T t, T) { return T(2) * (x - t); }
  template <class T> static T by_target(T x, T t, T) { return T(2) * (t - x); }
};
template <class T>
T sign(T d) {
  return d > T(0) ? T(1) : d < T(0) ? T(-1) : d;
}
struct Absolute {
  template <class T> static T value(T x, T t, T) { return math::abs(x - t); }
  template <class T> static T by_input(T x, T t, T) { return sign(x - t); }
  template <class T> static T by_target(T x, T t, T) { return sign(t - x); }
};
struct SmoothL1 {
  template <class T> static T value(T x, T t, T beta) {
    T d = math::abs(x - t);
    return d < beta ? T(0.5) * d * d / beta : d - T(0.5) * beta;
  }
  template <class T> static T by_input(T x, T t, T beta) {
    T d = x - t;
    return math::abs(d) < beta ? d / beta : sign(d);
  }
  template <class T> static T by_target(T x, T t, T beta) { return -by_input(x, t, beta); }
};
struct Huber {
  template <class T> static T value(T x, T t, T delta) {
    T d = math::abs(x - t);
    return d <= delta ? T(0.5) * d * d : delta * (d - T(0.5) * delta);
  }
  template <class T> static T by_input(T x, T t, T delta) {
    T d = x - t;
    return math::abs(d) <= delta ? d : delta * sign(d);
  }
  template <class T> static T by_target(T x, T t, T delta) { return -by_input(x, t, delta); }
};
// Logarithms end at -100, as a probability of 0 must not cost infinitely much.
template <class T>
T bounded_log(T x) {
  T l = math::log(x);
  return l < T(-100) ? T(-100) : l;
}
template <class T>
T bounded_log1m(T x) {
  T l = math::log1p(-x);
  return l < T(-100) ? T(-100) : l;
}
struct BinaryCrossEntropy {
  template <class T> static T value(T x, T t, T) {
    return (t - T(1)) * bounded_log1m(x) - t * bounded_log(x);
  }
  template <class T> static T by_input(T x, T t, T) {
    return (x - t) / math::max((T(1) - x) * x, T(1e-12f));
  }
  template <class T> static T by_target(T x, T, T) { return math::log1p(-x) - math::log(x); }
};
struct BinaryCrossEntropyLogits {
  template <class T> static T value(T x, T t, T) {
    T low = x < T(0) ? x : T(0);
    return (T(1) - t) * x - low + math::log1p(math::exp(-math::abs(x)));
  }
  template <class T> static T by_input(T x, T t, T) { return math::sigmoid(x) - t; }
  template <class T> static T by_target(T x, T, T) { return -x; }
};

// Runs body(loss) with the functions of the kind.
template <class F>
void with_loss(PairLoss kind, F body) {
  switch (kind) {
    case PairLoss::Squared:
      return body(Squared());
    case PairLoss::Absolute:
      return body(Absolute());
    case PairLoss::SmoothL1:
      return body(SmoothL1());
    case PairLoss::Huber:
      return body(Huber());
    case PairLoss::BinaryCrossEntropy:
      return body(BinaryCrossEntropy());
    case PairLoss::BinaryCrossEntropyLogits:
      return body(BinaryCrossEntropyLogits());
  }
}
template <class Loss> constexpr int kCost =
    std::is_same_v<Loss, BinaryCrossEntropy> || std::is_same_v<Loss, BinaryCrossEntropyLogits> ? 24
                                                                                               : 2;

struct Parameters {
  double parameter, factor;
};

void pair_loss_cpu(const Tensor& out, const Tensor& input, const Tensor& target, PairLoss kind,
                   double parameter, DType dtype) {
  with_loss(kind, [&]<class L>(L) {
    static constexpr Loops loops =
        pointwise_with<Parameters, 2, float, double>([](auto x, auto t, const Parameters& p) {
          return L::value(x, t, static_cast<decltype(x)>(p.parameter));
        }).with_cost(kCost<L>);
    run_with(Parameters{parameter, 1}, loops, "pair_loss", dtype, out, input, target);
  });
}
CPU_KERNEL(pair_loss, pair_loss_cpu)

void pair_loss_backward_cpu(const Tensor& out, const Tensor& grad, const Tensor& input,
                            const Tensor& target, PairLoss kind, double parameter, double factor,
                            bool by_target, DType dtype) {
  with_loss(kind, [&]<class L>(L) {
    static constexpr Loops by_x =
        pointwise_with<Parameters, 3, float, double>([](auto g, auto x, auto t,
                                                        const Parameters& p) {
          using T = decltype(x);
          return g * static_cast<T>(p.factor) * L::by_input(x, t, static_cast<T>(p.parameter));
        }).with_cost(kCost<L>);
    static constexpr Loops by_t =
        pointwise_with<Parameters, 3, float, double>([](auto g, auto x, auto t,
                                                        const Parameters& p) {
          using T = decltype(x);
          return g * static_cast<T>(p.factor) * L::by_target(x, t, static_cast<T>(p.parameter));
        }).with_cost(kCost<L>);
    run_with(Parameters{parameter, factor}, by_target ? by_t : by_x, "pair_loss_backward", dtype,
             out, grad, input, target);
  });
}
CPU_KERNEL(pair_loss_backward, pair_loss_backward_cpu)

void pair_loss_sum_cpu(const Tensor& out, const Tensor& input, const Tensor& target, PairLoss kind,
                       double parameter, double factor) {
  in_compute_type(input.dtype(), "pair_loss", [&]<class C>(C) {
    constexpr int64_t kBlock = 2048;  // the sum's tree depends on the size alone
    const int64_t n = input.numel(), blocks = (n + kBlock - 1) / kBlock;
    const Source<C> xs(input), ts(target);
    Scratch<double> sums(blocks);
    with_loss(kind, [&]<class L>(L) {
      const C p = static_cast<C>(parameter);
      parallel_for(0, blocks, std::max<int64_t>(1, 32 / kCost<L>), [&](int64_t from, int64_t to) {
        Scratch<C> buffer(xs.direct() ? 0 : 2 * kBlock);
        C values[kBlock];
        for (int64_t b = from; b < to; ++b) {
          const int64_t at = b * kBlock, count = std::min(kBlock, n - at);
          const C* x = xs.run(at, count, buffer);
          const C* t = ts.run(at, count, buffer + kBlock);
          for (int64_t i = 0; i < count; ++i) values[i] = L::value(x[i], t[i], p);
          sums[b] = static_cast<double>(sum_of<C>(count, [&](int64_t i) { return values[i]; }));
        }
      });
    });
    const C total =
        static_cast<C>(sum_of<double>(blocks, [&](int64_t b) { return sums[b]; }) * factor);
    Target<C>(out).put_all(&total, 1);
  });
}
CPU_KERNEL(pair_loss_sum, pair_loss_sum_cpu)

void check_unit_interval_cpu(const Tensor& t, const char* name) {
  in_compute_type(t.dtype(), "binary_cross_entropy", [&]<class C>(C) {
    constexpr int64_t kBlock = 512;
    const Source<C> source(t);
    C buffer[kBlock];
    for (int64_t at = 0; at < t.numel(); at += kBlock) {
      const int64_t n = std::min(kBlock, t.numel() - at);
      const C* x = source.run(at, n, buffer);
      int inside = 0;
      for (int64_t i = 0; i < n; ++i) inside += (x[i] >= C(0)) & (x[i] <= C(1));
      FB_CHECK(inside == n, "all elements of ", name, " should be between 0 and 1");
    }
  });
}
CPU_KERNEL(check_unit_interval, check_unit_interval_cpu)

}  // namespace
}  // namespace fb
