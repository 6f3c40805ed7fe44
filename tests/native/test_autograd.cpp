// The graph and its engine without Python: gradients, deep graphs, many threads at once.
#include <cmath>
#include <functional>
#include <thread>
#include <vector>

#include "autograd/engine.h"
#include "check.h"
#include "core/threads.h"
#include "ops/activation.h"
#include "ops/creation.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/pointwise_math.h"
#include "ops/reduce.h"
#include "ops/view.h"

namespace {

using namespace fb;

Tensor leaf(Ints sizes, double value) {
  Tensor t = full(sizes, Scalar(value), DType::Float64);
  set_requires_grad(t, true);
  return t;
}

Tensor number(double value) { return wrapped_number(Scalar(value)); }

void backward(const Tensor& root, bool retain = false) {
  run_backward(Tensors{root}, Tensors(1), {}, {.retain_graph = retain});
}

double first(const Tensor& t) { return item(select(reshape(t, Dims{-1}), 0, 0)).to<double>(); }
double gradient(const Tensor& t) { return first(autograd_meta(t)->grad); }

void test_gradients() {
  Tensor x = leaf(Dims{3}, 2.0), w = leaf(Dims{3}, 5.0);
  Tensor y = sum(mul(mul(x, x), w));
  CHECK(requires_grad(y) && !is_leaf(y));
  backward(y);
  CHECK(gradient(x) == 20.0);
  CHECK(gradient(w) == 4.0);
  backward(sum(x));  // accumulates
  CHECK(gradient(x) == 21.0);
}

void test_broadcast_operands_get_their_shape() {
  Tensor x = leaf(Dims{3, 1}, 1.0), y = leaf(Dims{4}, 2.0);
  backward(sum(mul(x, y)));
  CHECK(same_shape(autograd_meta(x)->grad.sizes(), Dims{3, 1}));
  CHECK(same_shape(autograd_meta(y)->grad.sizes(), Dims{4}));
  CHECK(gradient(x) == 8.0);
  CHECK(gradient(y) == 3.0);
}

void test_second_derivative() {
  Tensor x = leaf(Dims{}, 3.0);
  Tensor y = mul(mul(x, x), x);
  Tensors d = run_backward(Tensors{y}, Tensors(1), Tensors{x},
                           {.retain_graph = true, .create_graph = true, .accumulate = false});
  CHECK(first(d[0]) == 27.0);
  Tensors dd = run_backward(Tensors{d[0]}, Tensors(1), Tensors{x}, {.accumulate = false});
  CHECK(first(dd[0]) == 18.0);
}

void test_no_grad() {
  Tensor x = leaf(Dims{2}, 1.0);
  NoGrad off;
  Tensor y = mul(x, x);
  CHECK(!requires_grad(y) && is_leaf(y));
}

void test_freed_and_modified_graphs() {
  Tensor x = leaf(Dims{2}, 1.0);
  Tensor y = sum(mul(x, x));
  backward(y);
  CHECK_RAISES(ErrorKind::Runtime, "second time", backward(y));
  Tensor kept = sum(mul(x, x));
  backward(kept, true);
  backward(kept);
  Tensor e = exp(x);
  Tensor z = sum(mul(e, e));
  add_(e, number(1.0));
  CHECK_RAISES(ErrorKind::Runtime, "modified by an inplace operation", backward(z));
}

void test_writing_through_views() {
  Tensor x = leaf(Dims{4}, 3.0);
  Tensor y = mul(x, number(1.0));
  mul_(narrow(y, 0, 1, 2), number(10.0));
  backward(sum(y));
  Tensor grad = autograd_meta(x)->grad;
  CHECK(item(select(grad, 0, 0)).to<double>() == 1.0);
  CHECK(item(select(grad, 0, 1)).to<double>() == 10.0);
  CHECK_RAISES(ErrorKind::Runtime, "leaf", add_(x, number(1.0)));
}

// Neither running nor freeing a long chain may use the stack.
void test_deep_graph() {
  Tensor x = leaf(Dims{}, 1.0);
  Tensor y = x;
  for (int i = 0; i < 100000; ++i) y = add(y, number(1.0));
  backward(y);
  CHECK(gradient(x) == 1.0);
  Tensor z = x;
  for (int i = 0; i < 100000; ++i) z = neg(z);
}

// A graph with 2^40 paths takes forty steps.
void test_diamonds() {
  Tensor x = leaf(Dims{}, 1.0);
  Tensor y = x;
  for (int i = 0; i < 40; ++i) y = add(y, y);
  backward(y);
  CHECK(gradient(x) == std::exp2(40));
}

void run_together(int count, const std::function<void(int)>& work) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back(work, i);
  for (auto& thread : threads) thread.join();
}

// Each thread its own graph, on leaves of its own and on shared data.
void test_threads_with_own_graphs() {
  Tensor data = full(Dims{64, 64}, Scalar(0.5), DType::Float64);
  run_together(4, [&](int) {
    for (int repeat = 0; repeat < 20; ++repeat) {
      Tensor w = leaf(Dims{64, 64}, 1.0);
      backward(sum(relu(mm(data, w))));
      CHECK(gradient(w) == 32.0);
    }
  });
}

// All threads send gradients into one leaf; none may be lost.
void test_threads_with_shared_leaf() {
  constexpr int kThreads = 4, kRepeats = 50;
  Tensor w = leaf(Dims{100}, 1.0);
  run_together(kThreads, [&](int) {
    for (int repeat = 0; repeat < kRepeats; ++repeat) backward(sum(mul(w, number(2.0))));
  });
  CHECK(gradient(w) == 2.0 * kThreads * kRepeats);
}

// One retained graph, walked by several threads at once.
void test_threads_with_shared_graph() {
  Tensor w = leaf(Dims{10}, 3.0);
  Tensor y = sum(mul(w, w));
  run_together(4, [&](int) {
    for (int repeat = 0; repeat < 20; ++repeat) {
      Tensors d = run_backward(Tensors{y}, Tensors(1), Tensors{w},
                               {.retain_graph = true, .accumulate = false});
      CHECK(first(d[0]) == 6.0);
    }
  });
}

}  // namespace

int main() {
  test_gradients();
  test_broadcast_operands_get_their_shape();
  test_second_derivative();
  test_no_grad();
  test_freed_and_modified_graphs();
  test_writing_through_views();
  test_deep_graph();
  test_diamonds();
  test_threads_with_own_graphs();
  test_threads_with_shared_leaf();
  test_threads_with_shared_graph();
  return fb_test::report();
}
