// Tensors, geometry and operators through the choke point, without Python.
#include <array>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "check.h"
#include "core/tensor.h"
#include "core/threads.h"
#include "ops/activation.h"
#include "ops/copy.h"
#include "ops/creation.h"
#include "ops/matmul.h"
#include "ops/mode.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/view.h"

namespace {

using namespace fb;

constexpr int64_t kHuge = std::numeric_limits<int64_t>::max();

double at(const Tensor& t, std::initializer_list<int64_t> index) {
  Tensor element = t;
  for (int64_t i : index) element = select(element, 0, i);
  return item(element).to<double>();
}

Tensor counting(Ints sizes, DType dtype = DType::Float32) {
  return reshape(arange(Scalar(count_elements(sizes)), dtype), sizes);
}

void test_geometry() {
  CHECK(count_elements(Dims{2, 3, 4}) == 24);
  CHECK(count_elements(Dims{}) == 1);
  CHECK(count_elements(Dims{0, kHuge}) == 0);
  CHECK_RAISES(ErrorKind::Runtime, "", count_elements(Dims{kHuge, 3}));
  CHECK_RAISES(ErrorKind::Runtime, "", count_elements(Dims{2, -1}));
  CHECK(same_shape(contiguous_strides(Dims{2, 3, 4}), Dims{12, 4, 1}));
  CHECK(is_contiguous(Dims{1, 3}, Dims{7, 1}));
  CHECK(!is_contiguous(Dims{2, 3}, Dims{7, 1}));
  CHECK(same_shape(broadcast_shapes(Dims{3, 1}, Dims{4}), Dims{3, 4}));
  CHECK_RAISES(ErrorKind::Runtime, "must match", broadcast_shapes(Dims{3}, Dims{4}));
  CHECK(wrap_dim(-1, 3) == 2);
  CHECK_RAISES(ErrorKind::Index, "Dimension out of range", wrap_dim(3, 3));
  CHECK(same_shape(infer_size(Dims{2, -1}, 6), Dims{2, 3}));
  CHECK_RAISES(ErrorKind::Runtime, "", infer_size(Dims{4, -1}, 6));
  CHECK(view_strides(Dims{2, 3}, Dims{3, 1}, Dims{6}).has_value());
  CHECK(!view_strides(Dims{2, 3}, Dims{1, 2}, Dims{6}).has_value());
}

void test_memory_is_shared_and_kept() {
  Tensor base = counting(Dims{3, 4});
  Tensor row = select(base, 0, 1);
  CHECK(row.storage() == base.storage());
  CHECK(row.offset() == 4);
  CHECK(at(row, {2}) == 6);
  uint32_t version = base.version();
  add_(row, full(Dims{4}, Scalar(10.0)));
  CHECK(at(base, {1, 2}) == 16);
  CHECK(base.version() != version);
  base = Tensor();
  CHECK(at(row, {3}) == 17);  // the view keeps the memory
}

void test_values_of_every_dtype() {
  for (DType dtype :
       {DType::UInt8, DType::Int8, DType::Int16, DType::Int32, DType::Int64, DType::Float16,
        DType::BFloat16, DType::Float32, DType::Float64, DType::Complex64, DType::Complex128}) {
    Tensor a = counting(Dims{5}, DType::Int64);
    Tensor b = empty(Dims{5}, dtype);
    copy_(b, a);
    Tensor twice = add(b, b);
    CHECK(twice.dtype() == dtype);
    CHECK(item(select(twice, 0, 3)).to<complex128>() == complex128(6, 0));
  }
}

void test_broken_sizes() {
  CHECK_RAISES(ErrorKind::Runtime, "", empty(Dims{-1}, DType::Float32));
  CHECK_RAISES(ErrorKind::Runtime, "", empty(Dims{kHuge, kHuge}, DType::Float32));
  CHECK_RAISES(ErrorKind::OutOfMemory, "", empty(Dims{kHuge / 64}, DType::Float64));
  Tensor small = zeros(Dims{4});
  CHECK_RAISES(ErrorKind::Runtime, "", as_strided(small, Dims{4}, Dims{2}));
  CHECK_RAISES(ErrorKind::Index, "", select(small, 0, 4));
  CHECK_RAISES(ErrorKind::Runtime, "", narrow(small, 0, 2, 3));
  CHECK_RAISES(ErrorKind::Runtime, "", view(small, Dims{5}));
  CHECK_RAISES(ErrorKind::Runtime, "", mm(zeros(Dims{2, 3}), zeros(Dims{2, 3})));
}

void test_resize() {
  Tensor t = counting(Dims{4});
  resize(t, Dims{2});
  CHECK(t.numel() == 2);
  resize(t, Dims{100, 10});
  CHECK(t.numel() == 1000);
  CHECK(at(t, {0, 1}) == 1);  // the old elements are still there
}

// Strides of all kinds give what contiguous operands give.
void test_strided_operands() {
  for (int64_t n : {0, 1, 2, 7, 33, 1000}) {
    Tensor a = counting(Dims{n, 3}), b = counting(Dims{3, n});
    Tensor plain = add(a, contiguous(transpose(b, 0, 1)));
    Tensor strided = add(a, transpose(b, 0, 1));
    CHECK(same_shape(plain.sizes(), strided.sizes()));
    for (int64_t i = 0; i < n; ++i) CHECK(at(plain, {i, 1}) == at(strided, {i, 1}));
    Tensor column = expand(reshape(arange(Scalar(n), DType::Float32), Dims{n, 1}), Dims{n, 3});
    if (n > 0) CHECK(at(add(a, column), {n - 1, 2}) == static_cast<double>(4 * n - 2));
  }
}

// Sizes around blocks of the kernels and chunks of the threads, against plain loops.
void test_sums_and_products_of_awkward_sizes() {
  for (int threads : {1, 3}) {
    set_num_threads(threads);
    for (int64_t n : {1, 15, 16, 17, 255, 4097, 100003, 1000003}) {
      Tensor t = ones(Dims{n});
      CHECK(item(sum(t)).to<double>() == static_cast<double>(n));
      CHECK(item(sum(mul(t, full(Dims{1}, Scalar(2.0))))).to<double>() ==
            2 * static_cast<double>(n));
    }
    for (auto [m, k, n] : std::vector<std::array<int64_t, 3>>{
             {1, 1, 1}, {1, 65, 3}, {17, 1, 33}, {31, 65, 129}, {5, 0, 4}, {128, 128, 128}}) {
      Tensor product = mm(ones(Dims{m, k}), counting(Dims{k, n}));
      double expected = 0;
      for (int64_t i = 0; i < k; ++i) expected += static_cast<double>(i * n + n - 1);
      CHECK(at(product, {m - 1, n - 1}) == expected);
    }
  }
}

void test_meta() {
  Tensor a = empty(Dims{3, 4}, DType::Float32, Device{DeviceType::Meta});
  Tensor b = mm(a, transpose(a, 0, 1));
  CHECK(b.is_meta() && same_shape(b.sizes(), Dims{3, 3}));
  CHECK(b.raw() == nullptr);
}

// Sees every call, also those inside of composites, and may answer itself.
struct Recorder : Mode {
  std::vector<std::string> seen;
  void handle(Call& call) override {
    seen.push_back(call.op.full_name);
    execute(call);
  }
};

void test_modes_nest() {
  Recorder outer, inner;
  Tensor a = ones(Dims{2});
  {
    ModeGuard first(&outer);
    add(a, a);
    {
      ModeGuard second(&inner);
      mul(a, a);
    }
    relu(a);
  }
  mul(a, a);
  CHECK(outer.seen == std::vector<std::string>{"add", "relu"});
  CHECK(inner.seen == std::vector<std::string>{"mul"});
}

void test_registry() {
  CHECK(all_ops().size() > 300);
  CHECK(&find_op("add") == &find_op("add"));
  CHECK(find_op("sum.dim").full_name == "sum.dim");
  CHECK_RAISES(ErrorKind::Runtime, "no operator", find_op("no_such_operator"));
}

}  // namespace

int main() {
  test_geometry();
  test_memory_is_shared_and_kept();
  test_values_of_every_dtype();
  test_broken_sizes();
  test_resize();
  test_strided_operands();
  test_sums_and_products_of_awkward_sizes();
  test_meta();
  test_modes_nest();
  test_registry();
  return fb_test::report();
}
