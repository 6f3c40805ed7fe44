// Views that fit several tensors to each other or change how many dimensions there are.
#include "ops/view_shapes.h"

#include "core/error.h"
#include "ops/grad.h"
#include "ops/pointwise.h"
#include "ops/view.h"

namespace fb {
namespace {

Tensor unflatten_forward(const Tensor& input, int64_t dim, Ints sizes) {
  const auto d = static_cast<size_t>(wrap_dim(dim, input.dim()));
  FB_CHECK(!sizes.empty(), "unflatten: sizes must be non-empty");
  FB_CHECK_INDEX(input.dim() > 0, "unflatten: a 0-dim tensor has no dimension to unflatten");
  const int64_t n = input.sizes()[d];
  int64_t product = 1, unknown = 0;
  for (int64_t s : sizes) {
    if (s == -1) {
      ++unknown;
    } else {
      product *= s;
    }
  }
  FB_CHECK(unknown <= 1, "unflatten got an unexpected error:\nonly one dimension can be inferred");
  const bool fits = unknown ? product > 0 && n % product == 0 : product == n;
  FB_CHECK(fits, "unflatten: Provided sizes ", shape_text(sizes),
           " don't multiply up to the size of dim ", d, " (", n, ") in the input tensor");
  Dims shape(input.sizes().subspan(0, d));
  for (int64_t s : sizes) shape.push_back(s == -1 ? n / product : s);
  for (int64_t s : input.sizes().subspan(d + 1)) shape.push_back(s);
  return view(input, shape);
}
OP(unflatten) {
  .schema = "unflatten(Tensor input, int dim, int[] sizes) -> Tensor",
  .forward = boxed<unflatten_forward>,
  .vjp = composite(),
  .samples = "(2,6) 1 [2,3] | (6,2) 0 [3,-1] | (0,2) 0 [4,0]",
  .errors =
      "(2,6) 1 [4] -> RuntimeError: don't multiply up to the size of dim 1 (6) in the input "
      "tensor",
  .doc = "Splits one dimension into several of the given sizes, of which one may be -1.",
};

OP(ravel) {
  .schema = "ravel(Tensor input) -> Tensor",
  .forward = boxed<+[](const Tensor& t) -> Tensor { return reshape(t, Dims{-1}); }>,
  .vjp = composite(),
  .samples = "(2,3) | () | (0,2)",
  .doc = "All elements in one dimension; a view where possible.",
};

Tensor adjoint_forward(const Tensor& input) {
  FB_CHECK(input.dim() >= 2 || input.dim() == 0,
           "tensor.adjoint() is only supported on matrices or batches of "
           "matrices. Got ",
           input.dim(), "-D tensor.");
  if (input.dim() == 0) return is_complex(input.dtype()) ? conj_physical(input) : input;
  const Tensor turned = transpose(input, -2, -1);
  return is_complex(input.dtype()) ? conj_physical(turned) : turned;
}
OP(adjoint) {
  .schema = "adjoint(Tensor input) -> Tensor",
  .forward = boxed<adjoint_forward>,
  .vjp = composite(),
  .samples = "(2,3) | (2,3,4) | (2,3):complex64",
  .errors = "(3,) -> RuntimeError: is only supported on matrices or batches of matrices",
  .doc = "The conjugate transpose of matrices.",
};

// --- at least so many dimensions -----------------------------------------------------------------

Tensor widen(const Tensor& t, int64_t least) {
  if (t.dim() >= least) return t;
  if (t.dim() == 0) return reshape(t, Dims(static_cast<size_t>(least), 1));
  if (t.dim() == 1) {
    Tensor row = unsqueeze(t, 0);
    return least == 3 ? unsqueeze(row, -1) : row;
  }
  return unsqueeze(t, -1);
}
template <int64_t kLeast>
Tensor widened(const Tensor& input) {
  return widen(input, kLeast);
}
template <int64_t kLeast>
Tensors widened_all(std::span<const Tensor> tensors) {
  Tensors results;
  for (const Tensor& t : tensors) results.push_back(widen(t, kLeast));
  return results;
}

#define AT_LEAST(n, text)                                                 \
  OP(atleast_##n##d){                                                     \
      .schema = "atleast_" #n "d(Tensor input) -> Tensor",                \
      .names = "atleast_" #n "d",                                         \
      .forward = boxed<widened<n>>,                                       \
      .vjp = composite(),                                                 \
      .samples = "() | (3,) | (2,3) | (2,3,4)",                           \
      .doc = text,                                                        \
  };                                                                      \
  OP(atleast_##n##d_list){                                                \
      .schema = "atleast_" #n "d.Sequence(Tensor[] tensors) -> Tensor[]", \
      .names = "atleast_" #n "d",                                         \
      .forward = boxed<widened_all<n>>,                                   \
      .vjp = composite(),                                                 \
      .samples = "[(),(3,)]",                                             \
  };
AT_LEAST(1, "The tensor, or each of several, with one dimension at least.")
AT_LEAST(2, "The tensor, or each of several, with two dimensions at least; vectors become rows.")
AT_LEAST(3, "The tensor, or each of several, with three dimensions at least.")
#undef AT_LEAST

// --- several tensors -----------------------------------------------------------------------------

Tensors broadcast_tensors_forward(std::span<const Tensor> tensors) {
  Dims shape;
  for (const Tensor& t : tensors) shape = broadcast_shapes(shape, t.sizes());
  Tensors results;
  for (const Tensor& t : tensors) results.push_back(expand(t, shape));
  return results;
}
OP(broadcast_tensors) {
  .schema = "broadcast_tensors(Tensor[] tensors) -> Tensor[]",
  .names = "broadcast_tensors",
  .forward = boxed<broadcast_tensors_forward>,
  .vjp = composite(),
  .samples = "[(3,1),(4,)] | [(),(2,3)]",
  .doc = "The tensors broadcast to their common shape, as views.",
};

Tensors meshgrid_forward(std::span<const Tensor> tensors,
                         std::optional<std::string_view> indexing) {
  FB_CHECK(!tensors.empty(), "meshgrid expects a non-empty TensorList");
  const std::string_view order = indexing.value_or("ij");
  FB_CHECK(order == "ij" || order == "xy",
           "torch.meshgrid: indexing must be one of \"xy\" or \"ij\", but received: ", order);
  const size_t n = tensors.size();
  const bool swap = order == "xy" && n >= 2;
  Dims shape;
  for (const Tensor& t : tensors) {
    FB_CHECK(
        t.dim() <= 1,
        "torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: a tensor of shape ",
        shape_text(t.sizes()));
    FB_CHECK(t.dtype() == tensors[0].dtype(),
             "meshgrid expects all tensors to have the same dtype");
    FB_CHECK(t.device() == tensors[0].device(),
             "meshgrid expects all tensors to have the same device");
    shape.push_back(t.numel());
  }
  if (swap) std::swap(shape[0], shape[1]);
  Tensors grids;
  for (size_t i = 0; i < n; ++i) {
    Dims own(n, 1);
    own[swap && i < 2 ? 1 - i : i] = tensors[i].numel();
    grids.push_back(expand(view(tensors[i], own), shape));
  }
  return grids;
}
OP(meshgrid) {
  .schema = "meshgrid(Tensor[] tensors, *, str? indexing=None) -> Tensor[]",
  .names = "meshgrid",
  .forward = boxed<meshgrid_forward>,
  .vjp = composite(),
  .samples = "[(2,),(3,)] indexing='ij' | [(2,),(3,)] indexing='xy' | [(2,),(),(4,)]",
  .errors = "[(2,3)] indexing='ij' -> RuntimeError: torch.meshgrid: Expected 0D or 1D tensor",
  .doc = R"(Grids of coordinates: views of the vectors expanded along each other's dimensions.

Args:
    indexing: "ij" (the default) or "xy", where the first two dimensions change places.

Example::

    >>> x, y = torch.meshgrid(torch.arange(2), torch.arange(3), indexing="ij")
    >>> y
    tensor([[0, 1, 2],
            [0, 1, 2]])
)",
};

}  // namespace
}  // namespace fb
