#include "ops/softmax_kernels.h"

#include "cpu/rows.h"

namespace fb {
namespace {

template <class C>
void softmax_row(C* out, const C* x, int64_t n, bool log) {
  const C top = max_of(x, n);
  if (log) {
    const C shift = top,
            total = math::log(sum_of<C>(n, [&](int64_t i) { return math::exp(x[i] - shift); }));
    for (int64_t i = 0; i < n; ++i) out[i] = x[i] - top - total;
    return;
  }
  const C scale = C(1) / sum_of<C>(n, [&](int64_t i) { return out[i] = math::exp(x[i] - top); });
  for (int64_t i = 0; i < n; ++i) out[i] *= scale;
}

template <class C>
void backward_row(C* out, const C* grad, const C* y, int64_t n, bool log) {
  if (log) {
    const C total = sum_of<C>(n, [&](int64_t i) { return grad[i]; });
    for (int64_t i = 0; i < n; ++i) out[i] = grad[i] - math::exp(y[i]) * total;
  } else {
    const C total = sum_of<C>(n, [&](int64_t i) { return grad[i] * y[i]; });
    for (int64_t i = 0; i < n; ++i) out[i] = y[i] * (grad[i] - total);
  }
}

template <class C>
void softmax_strip(C* out, const C* x, int64_t n, int64_t inner, int64_t width, bool log) {
  C top[kStrip], total[kStrip];
  for (int64_t c = 0; c < width; ++c) {
    top[c] = x[c];
    total[c] = C();
  }
  for (int64_t r = 1; r < n; ++r)
    for (int64_t c = 0; c < width; ++c) top[c] = math::max(top[c], x[r * inner + c]);
  for (int64_t r = 0; r < n; ++r) {
    for (int64_t c = 0; c < width; ++c) {
      const C e = math::exp(x[r * inner + c] - top[c]);
      total[c] += e;
      if (!log) out[r * inner + c] = e;
    }
  }
  if (log) {
    for (int64_t c = 0; c < width; ++c) total[c] = math::log(total[c]);
    for (int64_t r = 0; r < n; ++r)
      for (int64_t c = 0; c < width; ++c) out[r * inner + c] = x[r * inner + c] - top[c] - total[c];
  } else {
    for (int64_t c = 0; c < width; ++c) total[c] = C(1) / total[c];
    for (int64_t r = 0; r < n; ++r)
      for (int64_t c = 0; c < width; ++c) out[r * inner + c] *= total[c];
  }
}

template <class C>
void backward_strip(C* out, const C* grad, const C* y, int64_t n, int64_t inner, int64_t width,
                    bool log) {
  C total[kStrip] = {};
  for (int64_t r = 0; r < n; ++r)
    for (int64_t c = 0; c < width; ++c)
      total[c] += log ? grad[r * inner + c] : grad[r * inner + c] * y[r * inner + c];
  for (int64_t r = 0; r < n; ++r) {
    for (int64_t c = 0; c < width; ++c) {
      const int64_t i = r * inner + c;
      out[i] = log ? grad[i] - math::exp(y[i]) * total[c] : y[i] * (grad[i] - total[c]);
    }
  }
}

void softmax_cpu(const Tensor& out, const Tensor& input, int64_t size, int64_t inner, bool log) {
  if (out.numel() == 0) return;
  in_compute_type(input.dtype(), "softmax", [&]<class C>(C) {
    if (inner == 1) {
      const Tensor inputs[] = {input};
      each_row<C>(out, inputs, size,
                  [&](int64_t, C* y, const C* const* in) { softmax_row(y, in[0], size, log); });
    } else {
      each_strip(out.numel() / (size * inner), size, inner,
                 [&](int64_t at, int64_t, int64_t width) {
                   softmax_strip(out.data<C>() + at, input.data<C>() + at, size, inner, width, log);
                 });
    }
  });
}
CPU_KERNEL(softmax, softmax_cpu)

void softmax_backward_cpu(const Tensor& out, const Tensor& grad, const Tensor& result, int64_t size,
                          int64_t inner, bool log) {
  if (out.numel() == 0) return;
  in_compute_type(result.dtype(), "softmax_backward", [&]<class C>(C) {
    if (inner == 1) {
      const Tensor inputs[] = {grad, result};
      each_row<C>(out, inputs, size, [&](int64_t, C* dx, const C* const* in) {
        backward_row(dx, in[0], in[1], size, log);
      });
    } else {
      each_strip(out.numel() / (size * inner), size, inner,
                 [&](int64_t at, int64_t, int64_t width) {
                   backward_strip(out.data<C>() + at, grad.data<C>() + at, result.data<C>() + at,
                                  size, inner, width, log);
                 });
    }
  });
}
CPU_KERNEL(softmax_backward, softmax_backward_cpu)

}  // namespace
}  // namespace fb
