// What gradients of normalizations share.
#pragma once
#include "ops/operators.h"
#include "ops/pointwise_math.h"
#include "ops/reduce.h"
#include "ops/view.h"

namespace fb {

// The type in which statistics and parameters' gradients are kept.
inline DType wide_type(DType t) { return is_reduced(t) ? DType::Float32 : t; }

// What flows to x through mean and r themselves, where a caller uses those results; undefined if
// nothing does. All broadcast to x, of which `count` elements went into each statistic.
inline Tensor statistics_gradient(const Tensor& x, const Tensor& mean, const Tensor& r,
                                  const Tensor& dmean, const Tensor& dr, double count) {
  Tensor total;
  if (dmean.defined()) total = expand(dmean / count, x.sizes());
  if (dr.defined()) {
    Tensor by_r = (mean - x) * (dr * r * r * r / count);
    total = total.defined() ? total + by_r : by_r;
  }
  return total;
}

// Of a normalization h = (x - mean) r, r = (var + eps)^(-1/2), out = h w + b, the backward operator
//   dx = r P(g w),  dw = sum g h,  db = sum g,   P(v) = v - mean(v) - h mean(v h)
// and here that operator's own gradients. P is symmetric, and the differentials are dh = r P(dx),
// dr = -r^2 mean(h dx). Without `centered` (RMS norm) no mean is subtracted, also not in P.
class NormalizationGrad {
 public:
  NormalizationGrad(const Tensor& x, Ints dims, double eps, bool centered)
      : dims_(dims), centered_(centered) {
    Tensor c = centered ? x - average(x) : x;
    r_ = rsqrt(average(c * c) + eps);
    h_ = c * r_;
  }
  // `up` belongs to dx, `up_w` and `up_b` to dw and db; undefined ones count as zero. All broadcast
  // to x.
  Tensor by_grad(const Tensor& up, const Tensor& w, const Tensor& up_w, const Tensor& up_b) const {
    Tensor total;
    if (up.defined()) total = plus(total, weighted(r_ * project(up), w));
    if (up_w.defined()) total = plus(total, h_ * up_w);
    if (up_b.defined()) total = plus(total, up_b);
    return total;
  }
  // Elementwise; to be summed to the weight's shape.
  Tensor by_weight(const Tensor& up, const Tensor& g) const { return g * r_ * project(up); }
  Tensor by_input(const Tensor& up, const Tensor& g, const Tensor& w, const Tensor& up_w) const {
    Tensor total;
    if (up.defined()) {
      Tensor v = weighted(g, w), r2 = r_ * r_;
      total = -(r2 * (h_ * average(up * project(v)) +
                      project(average(v * h_) * up + average(up * h_) * v)));
    }
    if (up_w.defined()) total = plus(total, r_ * project(g * up_w));
    return total;
  }

 private:
  Tensor average(const Tensor& t) const { return mean(t, dims_.span(), true); }
  Tensor project(const Tensor& v) const {
    Tensor p = v - h_ * average(v * h_);
    return centered_ ? p - average(v) : p;
  }
  static Tensor plus(const Tensor& a, const Tensor& b) { return a.defined() ? a + b : b; }
  static Tensor weighted(const Tensor& t, const Tensor& w) { return w.defined() ? t * w : t; }

  Dims dims_;
  bool centered_;
  Tensor r_, h_;
};

}  // namespace fb
