// Optimizers: one pass over memory for each parameter, in the order of PyTorch's operations. Half
// types are computed in float, without the roundings in between.
#include <cmath>

#include "cpu/convert.h"
#include "cpu/cpu.h"
#include "ops/optim_kernels.h"

namespace fb::inline FB_CPU_NAMESPACE {
namespace {

constexpr int64_t kGrain = 1 << 14;  // elements worth a thread
constexpr int64_t kBlock = 512;      // elements of half types converted at a time
constexpr size_t kMaxArrays = 5;
constexpr size_t kGradients = 1;

// The loops work on arrays in the order of OptimLists, in the type C. Options that switch arrays
// on or off are template parameters, since those may not be touched; all others cost nothing
// beside the memory traffic.

// a * b + c as one instruction where PyTorch uses one. Everything else is rounded at each operation
// (this file is compiled without contraction): float32 and float64 follow PyTorch to the bit, but
// for square roots, which are rounded correctly here.
template <class C>
C fused(C a, C b, C c) {
#ifdef __FMA__
  return std::fma(a, b, c);
#else
  return a * b + c;
#endif
}

// How an average moves: towards `value` by `weight`, written so that each end is met exactly.
template <class C>
struct Average {
  explicit Average(double weight)
      : from_old(weight < 0.5), factor(static_cast<C>(from_old ? weight : weight - 1)) {}
  C operator()(C old, C value) const { return fused(factor, value - old, from_old ? old : value); }
  bool from_old;
  C factor;
};

template <bool kMomentum>
struct Sgd {
  static constexpr size_t kArrays = kMomentum ? 3 : 2;
  const SgdOptions& o;

  template <class C>
  void run(int64_t n, C* const* arrays, double) const {
    C* __restrict p = arrays[0];
    const C* __restrict g = arrays[1];
    C* __restrict b = kMomentum ? arrays[2] : nullptr;
    const C lr = static_cast<C>(o.lr), factor = static_cast<C>(o.gradient_factor);
    const C decay = static_cast<C>(o.weight_decay), momentum = static_cast<C>(o.momentum);
    const C fresh = static_cast<C>(1 - o.dampening);
    const bool decays = o.weight_decay != 0, first = o.first, nesterov = o.nesterov;
    for (int64_t i = 0; i < n; ++i) {
      C d = g[i] * factor;
      d = decays ? fused(decay, p[i], d) : d;
      if constexpr (kMomentum) {
        const C kept = first ? d : fused(fresh, d, momentum * b[i]);
        b[i] = kept;
        d = nesterov ? fused(momentum, kept, d) : kept;
      }
      p[i] = fused(-lr, d, p[i]);
    }
  }
};

template <bool kAmsgrad>
struct Adam {
  static constexpr size_t kArrays = kAmsgrad ? 5 : 4;
  const AdamOptions& o;

  template <class C>
  void run(int64_t n, C* const* arrays, double step) const {
    C* __restrict p = arrays[0];
    const C* __restrict g = arrays[1];
    C* __restrict m = arrays[2];
    C* __restrict v = arrays[3];
    C* __restrict largest = kAmsgrad ? arrays[4] : nullptr;
    const double correction1 = 1 - std::pow(o.beta1, step);
    const double correction2 = 1 - std::pow(o.beta2, step);
    const C size = static_cast<C>(o.lr / correction1);
    const C root = static_cast<C>(std::sqrt(correction2)), eps = static_cast<C>(o.eps);
    const Average<C> average(1 - o.beta1);
    const C beta2 = static_cast<C>(o.beta2), fresh2 = static_cast<C>(1 - o.beta2);
    const C keep = o.decoupled ? static_cast<C>(1 - o.lr * o.weight_decay) : C(1);
    const C decay = static_cast<C>(o.weight_decay), factor = static_cast<C>(o.gradient_factor);
    const bool decays = o.weight_decay != 0 && !o.decoupled;
    for (int64_t i = 0; i < n; ++i) {
      C d = g[i] * factor;
      d = decays ? fused(decay, p[i], d) : d;
      const C mean = average(m[i], d);
      C square = fused(fresh2 * d, d, beta2 * v[i]);
      m[i] = mean;
      v[i] = square;
      if constexpr (kAmsgrad) {
        square = largest[i] > square ? largest[i] : square;  // a NaN in v stays there, and here
        largest[i] = square;
      }
      p[i] = p[i] * keep - size * mean / (std::sqrt(square) / root + eps);
    }
  }
};

template <bool kMomentum, bool kCentered>
struct Rmsprop {
  static constexpr size_t kArrays = 3 + kMomentum + kCentered;
  const RmspropOptions& o;

  template <class C>
  void run(int64_t n, C* const* arrays, double) const {
    C* __restrict p = arrays[0];
    const C* __restrict g = arrays[1];
    C* __restrict v = arrays[2];
    C* __restrict b = kMomentum ? arrays[3] : nullptr;
    C* __restrict m = kCentered ? arrays[3 + kMomentum] : nullptr;
    const C lr = static_cast<C>(o.lr), eps = static_cast<C>(o.eps);
    const C alpha = static_cast<C>(o.alpha), fresh = static_cast<C>(1 - o.alpha);
    const Average<C> average(1 - o.alpha);
    const C momentum = static_cast<C>(o.momentum);
    const C decay = static_cast<C>(o.weight_decay), factor = static_cast<C>(o.gradient_factor);
    const bool decays = o.weight_decay != 0;
    for (int64_t i = 0; i < n; ++i) {
      C d = g[i] * factor;
      d = decays ? fused(decay, p[i], d) : d;
      C square = fused(fresh * d, d, alpha * v[i]);
      v[i] = square;
      if constexpr (kCentered) {
        const C mean = average(m[i], d);
        m[i] = mean;
        square = fused(-mean, mean, square);
      }
      const C root = std::sqrt(square) + eps;
      if constexpr (kMomentum) {
        const C kept = momentum * b[i] + d / root;
        b[i] = kept;
        p[i] = fused(-lr, kept, p[i]);
      } else {
        p[i] -= lr * d / root;
      }
    }
  }
};

struct Adagrad {
  static constexpr size_t kArrays = 3;
  const AdagradOptions& o;

  template <class C>
  void run(int64_t n, C* const* arrays, double step) const {
    C* __restrict p = arrays[0];
    const C* __restrict g = arrays[1];
    C* __restrict total = arrays[2];
    const C lr = static_cast<C>(o.lr / (1 + (step - 1) * o.lr_decay));
    const C eps = static_cast<C>(o.eps), decay = static_cast<C>(o.weight_decay);
    const C factor = static_cast<C>(o.gradient_factor);
    const bool decays = o.weight_decay != 0;
    for (int64_t i = 0; i < n; ++i) {
      C d = g[i] * factor;
      d = decays ? fused(decay, p[i], d) : d;
      const C sum = fused(d, d, total[i]);
      total[i] = sum;
      p[i] -= lr * d / (std::sqrt(sum) + eps);
    }
  }
};

// Elements [begin, end) of one parameter.
template <class C, class Rule>
void run_plain(const Rule& rule, const OptimLists& lists, size_t which, int64_t begin, int64_t end,
               double step) {
  C* arrays[Rule::kArrays];
  for (size_t j = 0; j < Rule::kArrays; ++j) arrays[j] = lists.arrays[j][which].data<C>() + begin;
  rule.template run<C>(end - begin, arrays, step);
}

template <class Rule>
void run_half(const Rule& rule, const OptimLists& lists, size_t which, int64_t begin, int64_t end,
              double step) {
  const DType dtype = lists.arrays[0][which].dtype();
  alignas(64) float blocks[Rule::kArrays][kBlock];
  float* arrays[Rule::kArrays];
  uint16_t* halves[Rule::kArrays];
  for (size_t j = 0; j < Rule::kArrays; ++j) {
    arrays[j] = blocks[j];
    halves[j] = lists.arrays[j][which].data<uint16_t>();
  }
  for (int64_t at = begin; at < end; at += kBlock) {
    const int64_t n = std::min(kBlock, end - at);
    for (size_t j = 0; j < Rule::kArrays; ++j)
      convert(arrays[j], DType::Float32, halves[j] + at, dtype, n);
    rule.template run<float>(n, arrays, step);
    for (size_t j = 0; j < Rule::kArrays; ++j)
      if (j != kGradients) convert(halves[j] + at, dtype, arrays[j], DType::Float32, n);
  }
}

template <class Rule>
void run_piece(const Rule& rule, const OptimLists& lists, size_t which, int64_t begin, int64_t end,
               double step) {
  switch (lists.arrays[0][which].dtype()) {
    case DType::Float32:
      return run_plain<float>(rule, lists, which, begin, end, step);
    case DType::Float64:
      return run_plain<double>(rule, lists, which, begin, end, step);
    case DType::Complex64:  // pairs of numbers, each for itself
      return run_plain<float>(rule, lists, which, 2 * begin, 2 * end, step);
    case DType::Complex128:
      return run_plain<double>(rule, lists, which, 2 * begin, 2 * end, step);
    default:
      return run_half(rule, lists, which, begin, end, step);
  }
}

double count_step(const Tensor& step, bool advance) {
  double count = item(step).to<double>();
  if (advance) {
    count += 1;
    convert(step.raw(), step.dtype(), &count, DType::Float64, 1);
  }
  return count;
}

// Runs a rule over all elements of all parameters, shared among threads by number of elements.
template <class Rule>
void sweep(const Rule& rule, const OptimLists& lists) {
  const std::span<const Tensor> params = lists.arrays[0];
  PoolVector<double> steps(params.size(), 0.0);
  PoolVector<int64_t> ends(params.size());
  int64_t total = 0;
  for (size_t i = 0; i < params.size(); ++i) {
    if (!lists.steps.empty()) steps[i] = count_step(lists.steps[i], lists.advance);
    ends[i] = total += params[i].numel();
  }
  parallel_for(0, total, kGrain, [&](int64_t begin, int64_t end) {
    size_t i = static_cast<size_t>(std::ranges::upper_bound(ends, begin) - ends.begin());
    for (; begin < end; ++i) {
      const int64_t start = ends[i] - params[i].numel(), stop = std::min(end, ends[i]);
      if (begin < stop) run_piece(rule, lists, i, begin - start, stop - start, steps[i]);
      begin = stop;
    }
  });
}

void sgd_cpu(std::span<const Tensor>, const OptimLists& lists, const SgdOptions& options) {
  options.momentum != 0 ? sweep(Sgd<true>{options}, lists) : sweep(Sgd<false>{options}, lists);
}

void adam_cpu(std::span<const Tensor>, const OptimLists& lists, const AdamOptions& options) {
  options.amsgrad ? sweep(Adam<true>{options}, lists) : sweep(Adam<false>{options}, lists);
}

void rmsprop_cpu(std::span<const Tensor>, const OptimLists& lists, const RmspropOptions& options) {
  if (options.momentum != 0) {
    options.centered ? sweep(Rmsprop<true, true>{options}, lists)
                     : sweep(Rmsprop<true, false>{options}, lists);
  } else {
    options.centered ? sweep(Rmsprop<false, true>{options}, lists)
                     : sweep(Rmsprop<false, false>{options}, lists);
  }
}

void adagrad_cpu(std::span<const Tensor>, const OptimLists& lists, const AdagradOptions& options) {
  sweep(Adagrad{options}, lists);
}

CPU_KERNEL(sgd_step, sgd_cpu)
CPU_KERNEL(adam_step, adam_cpu)
CPU_KERNEL(rmsprop_step, rmsprop_cpu)
CPU_KERNEL(adagrad_step, adagrad_cpu)

}  // namespace
}  // namespace fb::inline FB_CPU_NAMESPACE
