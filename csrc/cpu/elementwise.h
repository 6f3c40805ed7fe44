// The engine of elementwise kernels. A kernel states a loop over contiguous elements for a few
// compute types; strides, broadcasting, other element types, threads and large results are dealt
// with here, once, block by block.
//
//   void mul_cpu(const Tensor& out, const Tensor& a, const Tensor& b, DType dtype) {
//     static constexpr Loops loops = pointwise<2, int64_t, float, double, Complex<float>,
//     Complex<double>>(
//         [](auto a, auto b) { return a * b; });
//     run(loops, "mul", dtype, out, a, b);
//   }
//   CPU_KERNEL(mul, mul_cpu)
//
// `dtype` is what the operands are computed in; half types are computed in float, small integers
// and bool in int64_t.
#pragma once
#include <utility>

#include "cpu/complex.h"
#include "ops/elementwise.h"

namespace fb::inline FB_CPU_NAMESPACE {

// A loop over n contiguous elements: data[0] is written, data[1...] are read.
struct Loop {
  void (*run)(char* const* data, int64_t n, const void* params) = nullptr;
  DType types[kMaxOperands] = {};
};

// A number given with the call (alpha, eps, min...), in the types that loops compute in.
struct Number {
  double re = 0, im = 0;
  int64_t i = 0;
  Number() = default;
  Number(const Scalar& s) : i(s.to<int64_t>()) {
    complex128 z = s.to<complex128>();
    re = z.real();
    im = z.imag();
  }
  template <class T>
  T as() const {
    if constexpr (is_complex_type<T>) {
      return T(static_cast<typename T::Real>(re), static_cast<typename T::Real>(im));
    } else if constexpr (std::is_same_v<T, bool>) {
      return re != 0 || im != 0;
    } else if constexpr (std::is_integral_v<T>) {
      return static_cast<T>(i);
    } else {
      return static_cast<T>(re);
    }
  }
};

template <class T> constexpr DType loop_dtype = dtype_of<T>;
template <class R> constexpr DType loop_dtype<Complex<R>> =
    is_complex_type<Complex<R>> && sizeof(R) == 4 ? DType::Complex64 : DType::Complex128;

// The loop of f(a[i]...) or f(a[i]..., params).
template <class F, class P, class... A>
struct LoopOf {
  template <class... Args>
  static auto result(Args... args) {
    if constexpr (std::is_void_v<P>) {
      return F{}(args...);
    } else {
      return F{}(args..., P{});
    }
  }
  using R = decltype(result(A{}...));

  [[gnu::flatten]] static void inner(int64_t n, const void* params, R* out, const A*... in) {
    if constexpr (std::is_void_v<P>) {
      (void)params;
#pragma GCC ivdep
      for (int64_t i = 0; i < n; ++i) out[i] = F{}(in[i]...);
    } else {
      const P p = *static_cast<const P*>(params);  // a copy that results cannot alias
#pragma GCC ivdep
      for (int64_t i = 0; i < n; ++i) out[i] = F{}(in[i]..., p);
    }
  }
  static void run(char* const* data, int64_t n, const void* params) {
    [&]<size_t... I>(std::index_sequence<I...>) {
      inner(n, params, reinterpret_cast<R*>(data[0]), reinterpret_cast<const A*>(data[I + 1])...);
    }(std::index_sequence_for<A...>());
  }
  static constexpr Loop loop() { return {run, {loop_dtype<R>, loop_dtype<A>...}}; }
};

// The loops of one kernel by compute type, and what they cost.
struct Loops {
  static constexpr int kKinds = 8;
  Loop by_kind[kKinds];
  int operands = 0;
  int cost = 1;  // of one element, in units of an addition
  bool takes_bool = true;
  constexpr Loops with_cost(int c) const {
    Loops copy = *this;
    copy.cost = c;
    return copy;
  }
  constexpr Loops without_bool() const {
    Loops copy = *this;
    copy.takes_bool = false;
    return copy;
  }
  static constexpr int kind(DType t) {
    switch (t) {
      case DType::Int64:
        return 0;
      case DType::Float32:
        return 1;
      case DType::Float64:
        return 2;
      case DType::Complex64:
        return 3;
      case DType::Complex128:
        return 4;
      case DType::Bool:
        return 5;
      case DType::Int32:
        return 6;
      case DType::UInt8:
        return 7;
      default:
        return is_reduced(t) ? 1 : 0;
    }
  }
  const Loop* find(DType t) const {
    if (t == DType::Bool && !takes_bool) return nullptr;
    const Loop* loop = &by_kind[kind(t)];
    if (!loop->run && is_integral(t)) loop = &by_kind[0];
    return loop->run ? loop : nullptr;
  }
};

namespace detail {
template <class T, size_t> using Repeat = T;
template <int N, class T, class P, class F>
constexpr Loop repeated_loop() {
  return []<size_t... I>(std::index_sequence<I...>) {
    return LoopOf<F, P, Repeat<T, I>...>::loop();
  }(std::make_index_sequence<N>());
}
}  // namespace detail

// Loops over N operands of the same type, one for each of the types listed.
template <int N, class... T, class F>
constexpr Loops pointwise(F) {
  Loops loops;
  loops.operands = N;
  ((loops.by_kind[Loops::kind(loop_dtype<T>)] = detail::repeated_loop<N, T, void, F>()), ...);
  return loops;
}
// ... with parameters of type P, the last argument of f.
template <class P, int N, class... T, class F>
constexpr Loops pointwise_with(F) {
  Loops loops;
  loops.operands = N;
  ((loops.by_kind[Loops::kind(loop_dtype<T>)] = detail::repeated_loop<N, T, P, F>()), ...);
  return loops;
}

// Runs one loop over tensors that broadcast to `out`. Operands of one element are taken as numbers
// of type `dtype` where that is an integer type (-1 is 255 beside uint8).
void run_loop(const Loop& loop, DType dtype, int cost, const Tensor& out, Operands inputs,
              const void* params);
const Loop& find_loop(const Loops& loops, const char* name, DType dtype);

template <class... In>
void run(const Loops& loops, const char* name, DType dtype, const Tensor& out, const In&... in) {
  const Tensor* inputs[] = {&in...};
  run_loop(find_loop(loops, name, dtype), dtype, loops.cost, out, inputs, nullptr);
}
template <class P, class... In>
void run_with(const P& params, const Loops& loops, const char* name, DType dtype, const Tensor& out,
              const In&... in) {
  const Tensor* inputs[] = {&in...};
  run_loop(find_loop(loops, name, dtype), dtype, loops.cost, out, inputs, &params);
}

// Elements of a piece of work for one thread, for elements that cost so many additions.
constexpr int64_t grain_for(int cost) { return cost >= 64 ? 1024 : 65536 / cost; }

}  // namespace fb::inline FB_CPU_NAMESPACE
