#include "ops/matrix_views.h"

#include "autograd/mode.h"

namespace fb {
namespace {

bool unwatched(const Tensor& t) { return !tls.mode && !(grad_enabled() && requires_grad(t)); }

}  // namespace

Tensor swapped(const Tensor& t) {
  if (unwatched(t)) {
    Dims sizes(t.sizes()), strides(t.strides());
    size_t d = sizes.size();
    std::swap(sizes[d - 1], sizes[d - 2]);
    std::swap(strides[d - 1], strides[d - 2]);
    return t.alias(sizes, strides, t.offset());
  }
  return transpose(t, -2, -1);
}

Tensor with_dim(const Tensor& t, int64_t dim) {
  if (unwatched(t)) {
    Dims sizes(t.sizes()), strides(t.strides());
    size_t at = static_cast<size_t>(wrap_dim(dim, t.dim() + 1));
    sizes.insert(at, 1);
    strides.insert(at, 1);
    return t.alias(sizes, strides, t.offset());
  }
  return unsqueeze(t, dim);
}

Tensor without_dim(const Tensor& t, int64_t dim) {
  if (unwatched(t)) {
    Dims sizes(t.sizes()), strides(t.strides());
    size_t at = static_cast<size_t>(wrap_dim(dim, t.dim()));
    sizes.erase(at);
    strides.erase(at);
    return t.alias(sizes, strides, t.offset());
  }
  return squeeze(t, Dims{dim});
}

Tensor as_rows(const Tensor& t) {
  if (t.dim() == 2) return t;
  int64_t last = t.sizes().back(), rows = 1;
  for (int64_t s : t.sizes().first(t.sizes().size() - 1)) rows *= s;
  Dims sizes{rows, last};
  if (unwatched(t)) {
    if (auto strides = view_strides(t.sizes(), t.strides(), sizes))
      return t.alias(sizes, *strides, t.offset());
  }
  return reshape(t, sizes);
}

Tensor expanded_to(const Tensor& t, Ints sizes) {
  if (same_shape(t.sizes(), sizes)) return t;
  if (!unwatched(t) || !broadcasts_to(t.sizes(), sizes)) return expand(t, sizes);
  size_t lead = sizes.size() - t.sizes().size();
  Dims strides(sizes.size());
  for (size_t i = lead; i < sizes.size(); ++i)
    if (t.sizes()[i - lead] == sizes[i]) strides[i] = t.strides()[i - lead];
  return t.alias(sizes, strides, t.offset());
}

}  // namespace fb
