// x[1, ::2, None, ...]: all of basic indexing as one view.
#include "ops/basic_indexing.h"

#include <algorithm>

#include "core/error.h"
#include "ops/copy.h"
#include "ops/creation.h"
#include "ops/grad.h"
#include "ops/index_key.h"

namespace fb {
namespace {

// The stride of a dimension of size 1 may be anything.
int64_t wrapping_product(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
}

// `key` holds four numbers for each entry: see index_key.h.
Tensor index_view_forward(const Tensor& input, Ints key) {
  Dims sizes, strides;
  int64_t offset = input.offset(), d = 0;
  const int64_t ndim = input.dim();
  for (size_t at = 0; at + 4 <= key.size(); at += 4) {
    const int64_t a = key[at + 1], b = key[at + 2], step = key[at + 3];
    switch (static_cast<KeyKind>(key[at])) {
      case KeyKind::Integer: {
        FB_CHECK_INDEX(d < ndim, "too many indices for tensor of dimension ", ndim);
        const int64_t n = input.sizes()[d];
        FB_CHECK_INDEX(a >= -n && a < n, "index ", a, " is out of bounds for dimension ", d,
                       " with size ", n);
        offset += (a < 0 ? a + n : a) * input.strides()[d++];
        break;
      }
      case KeyKind::Slice: {
        FB_CHECK_INDEX(d < ndim, "too many indices for tensor of dimension ", ndim);
        const int64_t n = input.sizes()[d], stride = input.strides()[d++];
        const int64_t from = std::clamp<int64_t>(a < 0 ? a + n : a, 0, n);
        const int64_t to = std::clamp<int64_t>(b < 0 ? b + n : b, from, n);
        sizes.push_back(to == from ? 0 : (to - from - 1) / step + 1);
        strides.push_back(wrapping_product(stride, step));
        offset += from * stride;
        break;
      }
      case KeyKind::NewAxis:
        sizes.push_back(1);
        strides.push_back(d < ndim ? input.sizes()[d] * input.strides()[d] : 1);
        break;
      case KeyKind::Keep:
        FB_CHECK_INDEX(d + a <= ndim, "too many indices for tensor of dimension ", ndim);
        for (int64_t i = 0; i < a; ++i, ++d) {
          sizes.push_back(input.sizes()[d]);
          strides.push_back(input.strides()[d]);
        }
        break;
    }
  }
  for (; d < ndim; ++d) {
    sizes.push_back(input.sizes()[d]);
    strides.push_back(input.strides()[d]);
  }
  return input.alias(sizes, strides, offset);
}
void index_view_vjp(Grad& g) {
  g.set("input", index_view_backward(g.dout(), g.sizes("input"), g.arg<Ints>("key")));
}

OP(index_view) {
  .schema = "index_view(Tensor input, int[] key) -> Tensor",
  .names = "",
  .forward = boxed<index_view_forward>,
  .vjp = index_view_vjp,
  .view = true,
  .samples = "(3,4,5) [0,1,0,0,1,1,9,2] | (3,4) [3,1,0,0,2,0,0,0,0,-1,0,0]",
  .errors = "(3,4) [0,3,0,0] -> IndexError: index 3 is out of bounds for dimension 0 with size 3",
};

Tensor index_view_backward_forward(const Tensor& grad, Ints sizes, Ints key) {
  Tensor whole = zeros(sizes, grad.dtype(), grad.device());
  copy_(index_view(whole, key), grad);
  return whole;
}
void index_view_backward_vjp(Grad& g) { g.set("grad", index_view(g.dout(), g.arg<Ints>("key"))); }

OP(index_view_backward) {
  .schema = "index_view_backward(Tensor grad, int[] sizes, int[] key) -> Tensor",
  .names = "",
  .forward = boxed<index_view_backward_forward>,
  .vjp = index_view_backward_vjp,
  .samples = "(2,5) [3,4,5] [0,1,0,0,1,1,9,2]",
};

}  // namespace
}  // namespace fb
