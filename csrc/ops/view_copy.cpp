// Views as contiguous copies: the same geometry, memory of its own.
#include "ops/view_copy.h"

#include "core/error.h"
#include "ops/copy.h"
#include "ops/grad.h"
#include "ops/view.h"
#include "ops/view_split.h"

namespace fb {
namespace {

using MaybeInt = std::optional<int64_t>;

template <auto kView, class... Args>
Tensor copied(const Tensor& input, Args... args) {
  return clone(kView(input, args...), MemoryFormat::Contiguous);
}
template <auto kViews, class... Args>
Tensors copied_all(const Tensor& input, Args... args) {
  Tensors copies = kViews(input, args...);
  for (Tensor& t : copies) t = clone(t, MemoryFormat::Contiguous);
  return copies;
}

Tensor detached(const Tensor& t) { return detach(t); }
Tensor squeezed(const Tensor& t) { return squeeze(t); }
Tensor squeezed_dims(const Tensor& t, Ints dims) { return squeeze(t, dims); }
Tensor viewed(const Tensor& t, Ints size) { return view(t, size); }
Tensor viewed_dtype(const Tensor& t, DType dtype) { return view(t, dtype); }
Tensor expanded(const Tensor& t, Ints size, bool) { return expand(t, size); }
Tensors split_pieces(const Tensor& t, int64_t size, int64_t dim) { return split(t, size, dim); }

#define COPY(id, text, function, sample)                    \
  OP(id){                                                   \
      .schema = text,                                       \
      .names = #id,                                         \
      .forward = boxed<function>,                           \
      .vjp = composite(),                                   \
      .samples = sample,                                    \
      .doc = "The view of that name as a contiguous copy.", \
  };
#define COPY_OVERLOAD(id, name, text, function, sample) \
  OP(id){                                               \
      .schema = text,                                   \
      .names = name,                                    \
      .forward = boxed<function>,                       \
      .vjp = composite(),                               \
      .samples = sample,                                \
  };

COPY(alias_copy, "alias_copy(Tensor input) -> Tensor", (copied<alias>), "(2,3)")
COPY(as_strided_copy,
     "as_strided_copy(Tensor input, int[] size, int[] stride, int? storage_offset=None) -> Tensor",
     (copied<as_strided, Ints, Ints, MaybeInt>), "(6,) [2,2] [1,2]")
COPY(detach_copy, "detach_copy(Tensor input) -> Tensor", (copied<detached>), "(2,3)")
COPY(diagonal_copy, "diagonal_copy(Tensor input, int offset=0, int dim1=0, int dim2=1) -> Tensor",
     (copied<diagonal, int64_t, int64_t, int64_t>), "(3,4) 1")
COPY(expand_copy, "expand_copy(Tensor input, int[] size, *, bool implicit=False) -> Tensor",
     (copied<expanded, Ints, bool>), "(2,1) [2,3]")
COPY(permute_copy, "permute_copy(Tensor input, int[] dims) -> Tensor", (copied<permute, Ints>),
     "(2,3) [1,0]")
COPY(select_copy, "select_copy(Tensor input, int dim, int index) -> Tensor",
     (copied<select, int64_t, int64_t>), "(2,3) 1 2")
COPY(slice_copy,
     "slice_copy(Tensor input, int dim=0, int? start=None, int? end=None, int step=1) -> Tensor",
     (copied<slice, int64_t, MaybeInt, MaybeInt, int64_t>), "(5,2) 0 1 4 2")
COPY(squeeze_copy, "squeeze_copy(Tensor input) -> Tensor", (copied<squeezed>), "(1,3,1)")
COPY_OVERLOAD(squeeze_copy_dims, "squeeze_copy",
              "squeeze_copy.dims(Tensor input, int[1] dim) -> Tensor",
              (copied<squeezed_dims, Ints>), "(1,3,1) 0")
COPY(t_copy, "t_copy(Tensor input) -> Tensor", (copied<t>), "(2,3)")
COPY(transpose_copy, "transpose_copy(Tensor input, int dim0, int dim1) -> Tensor",
     (copied<transpose, int64_t, int64_t>), "(2,3) 0 1")
COPY(unfold_copy, "unfold_copy(Tensor input, int dimension, int size, int step) -> Tensor",
     (copied<unfold, int64_t, int64_t, int64_t>), "(5,) 0 3 1")
COPY(unsqueeze_copy, "unsqueeze_copy(Tensor input, int dim) -> Tensor",
     (copied<unsqueeze, int64_t>), "(2,3) 1")
COPY(view_copy, "view_copy(Tensor input, int[] size) -> Tensor", (copied<viewed, Ints>),
     "(2,3) [3,2]")
COPY_OVERLOAD(view_copy_dtype, "view_copy",
              "view_copy.dtype(Tensor input, ScalarType dtype) -> Tensor",
              (copied<viewed_dtype, DType>), "(2,3) int32 | (4,):int64 float64")
COPY(view_as_complex_copy, "view_as_complex_copy(Tensor input) -> Tensor",
     (copied<view_as_complex>), "(3,2)")
COPY(view_as_real_copy, "view_as_real_copy(Tensor input) -> Tensor", (copied<view_as_real>),
     "(3,):complex64")
COPY(split_copy, "split_copy(Tensor input, int split_size, int dim=0) -> Tensor[]",
     (copied_all<split_pieces, int64_t, int64_t>), "(5,) 2")
COPY(split_with_sizes_copy,
     "split_with_sizes_copy(Tensor input, int[] split_sizes, int dim=0) -> Tensor[]",
     (copied_all<split_with_sizes, Ints, int64_t>), "(5,) [2,3]")
COPY(unbind_copy, "unbind_copy(Tensor input, int dim=0) -> Tensor[]", (copied_all<unbind, int64_t>),
     "(2,3)")
OP(narrow_copy) {
  .schema = "narrow_copy(Tensor input, int dim, int start, int length) -> Tensor",
  .forward = boxed<copied<narrow, int64_t, int64_t, int64_t>>,
  .vjp = composite(),
  .samples = "(5,) 0 1 3",
  .doc = "``length`` slices of a dimension from ``start`` on, as a contiguous copy.",
};

// --- pieces that may be written ------------------------------------------------------------------

// PyTorch's unsafe forms promise that only one piece is used after a change; ours are views of one
// piece each and need no promise.
Tensors pieces_of(const Tensor& input, const Tensors& pieces, int64_t dim) {
  Tensors views;
  int64_t from = 0;
  for (const Tensor& p : pieces) {
    views.push_back(slice(input, dim, from, from + p.size(dim), 1));
    from += p.size(dim);
  }
  return views;
}
Tensors unsafe_split_forward(const Tensor& t, int64_t size, int64_t dim) {
  return pieces_of(t, split(t, size, dim), dim);
}
Tensors unsafe_sizes_forward(const Tensor& t, Ints sizes, int64_t dim) {
  return pieces_of(t, split_with_sizes(t, sizes, dim), dim);
}
Tensors unsafe_chunk_forward(const Tensor& t, int64_t chunks, int64_t dim) {
  return pieces_of(t, chunk(t, chunks, dim), dim);
}

OP(unsafe_split) {
  .schema = "unsafe_split(Tensor input, int split_size, int dim=0) -> Tensor[]",
  .forward = boxed<unsafe_split_forward>,
  .vjp = composite(),
  .samples = "(5,3) 2",
  .doc = "As :func:`split`, but each piece may be written in place.",
};
OP(unsafe_split_with_sizes) {
  .schema = "unsafe_split_with_sizes(Tensor input, int[] split_sizes, int dim=0) -> Tensor[]",
  .forward = boxed<unsafe_sizes_forward>,
  .vjp = composite(),
  .samples = "(5,3) [2,3]",
  .doc = "As :func:`split_with_sizes`, but each piece may be written in place.",
};
OP(unsafe_chunk) {
  .schema = "unsafe_chunk(Tensor input, int chunks, int dim=0) -> Tensor[]",
  .forward = boxed<unsafe_chunk_forward>,
  .vjp = composite(),
  .samples = "(5,3) 2",
  .doc = "As :func:`chunk`, but each piece may be written in place.",
};

}  // namespace
}  // namespace fb
