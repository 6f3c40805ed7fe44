// Look-up tables of vectors.
#include "ops/embedding.h"

#include "ops/copy.h"
#include "ops/creation.h"
#include "ops/elementwise.h"
#include "ops/embedding_kernels.h"
#include "ops/grad.h"
#include "ops/indexing.h"
#include "ops/operators.h"
#include "ops/pointwise_compare.h"
#include "ops/pointwise_select.h"
#include "ops/slices.h"
#include "ops/view.h"

namespace fb {
namespace {

[[noreturn]] void fail_lookup(int64_t, size_t, Ints) {
  raise(ErrorKind::Index, "index out of range in self");
}

void check_indices(const char* name, const Tensor& indices) {
  FB_CHECK(
      indices.dtype() == DType::Int64 || indices.dtype() == DType::Int32,
      "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got torch.",
      dtype_class_name(indices.dtype()), "Tensor instead (while checking arguments for ", name,
      ")");
}

// Padding as a row of the table; -1: none.
int64_t padding_row(std::optional<int64_t> padding_idx, int64_t rows) {
  if (!padding_idx) return -1;
  FB_CHECK_VALUE(*padding_idx >= -rows && *padding_idx < rows,
                 "Padding_idx must be within num_embeddings");
  return *padding_idx < 0 ? *padding_idx + rows : *padding_idx;
}

// --- embedding_renorm_ ---------------------------------------------------------------------------

Tensor embedding_renorm_forward(const Tensor& input, const Tensor& indices, double max_norm,
                                double norm_type) {
  check_indices("embedding_renorm_", indices);
  FB_CHECK(input.dim() == 2, "embedding_renorm_: the table must have 2 dimensions, but has ",
           input.dim());
  check_writable(input);
  slice_offsets(input, 0, indices, false, fail_lookup);  // for its checks
  Tensor table = contiguous(input);
  kernels::embedding_renorm(table, long_index(indices), max_norm, norm_type);
  if (!table.is(input)) copy_(input, table);
  return input;
}

OP(embedding_renorm) {
  .schema =
      "embedding_renorm_(Tensor(a!) input, Tensor indices, float max_norm, float norm_type) -> Tensor",
  .names = "embedding_renorm_",
  .forward = boxed<embedding_renorm_forward>,
  .vjp = not_differentiable("the table is rescaled outside of the graph"),
  .samples = "(4,3) (5,):int64@0..4 1.0 2.0",
  .errors = "(4,3) (2,):int64@4..5 1.0 2.0 -> IndexError: index out of range in self",
  .doc =
      "Scales the vectors that ``indices`` name down to a norm of at most ``max_norm``, in place.",
};

// --- embedding -----------------------------------------------------------------------------------

Tensor embedding_forward(const Tensor& input, const Tensor& weight,
                         std::optional<int64_t> padding_idx, std::optional<double> max_norm,
                         double norm_type, bool, bool) {
  FB_CHECK(weight.dim() == 2, "'weight' must be 2-D");
  check_indices("embedding", input);
  padding_row(padding_idx, weight.sizes()[0]);
  if (max_norm) embedding_renorm_(weight, input, *max_norm, norm_type);
  const int64_t n = input.numel(), width = weight.sizes()[1];
  Dims sizes(input.sizes());
  sizes.push_back(width);
  Tensor result = empty(sizes, weight.dtype(), weight.device()),
         offsets = slice_offsets(weight, 0, input, false, fail_lookup);
  kernels::read_slices(result.alias(Dims{n, width}, Dims{width, 1}, result.offset()),
                       displaced(weight, 0, n), 0, offsets);
  return result;
}
void embedding_vjp(Grad& g) {
  const int64_t rows = g.sizes("weight")[0],
                padding = padding_row(g.arg<std::optional<int64_t>>("padding_idx"), rows);
  g.set("weight", embedding_dense_backward(g.dout(), g.in("input"), rows, padding,
                                           g.arg<bool>("scale_grad_by_freq")));
}

OP(embedding) {
  .schema =
      "embedding(Tensor input, Tensor weight, int? padding_idx=None, float? max_norm=None, float norm_type=2.0, "
      "bool scale_grad_by_freq=False, bool sparse=False) -> Tensor",
  .names = "nn.functional.embedding",
  .forward = boxed<embedding_forward>,
  .vjp = embedding_vjp,
  .save = "input",
  .samples = "(2,5):int64@0..4 (4,3) | ():int64@0..4 (4,3) | (0,):int64 (4,3)",
  .errors =
      "(2,):int64@4..5 (4,3) -> IndexError: index out of range in self | (2,):int64@0..4 (4,) -> RuntimeError: 'weight' must be 2-D"
      " | (2,) (4,3) -> RuntimeError: to have one of the following scalar types: Long, Int",
  .doc = R"(Rows of the table ``weight`` at the places ``input``: (*) -> (*, width).

Args:
    padding_idx: a row that gets no gradient.
    max_norm: rows that are looked up are first scaled down to it, in place.
    norm_type: p of that norm.
    scale_grad_by_freq: divide gradients by how often an index occurs.
    sparse: taken for compatibility; gradients are dense.
)",
};

Tensor embedding_lookup_forward(const Tensor& weight, const Tensor& indices, int64_t padding_idx,
                                bool scale_grad_by_freq, bool) {
  return embedding(indices, weight,
                   padding_idx < 0 ? std::nullopt : std::optional<int64_t>(padding_idx),
                   std::nullopt, 2.0, scale_grad_by_freq);
}

OP(embedding_lookup) {
  .schema =
      "embedding_lookup(Tensor weight, Tensor indices, int padding_idx=-1, bool scale_grad_by_freq=False, bool sparse=False) -> Tensor",
  .names = "embedding",
  .forward = boxed<embedding_lookup_forward>,
  .vjp = composite(),
  .samples = "(4,3) (2,5):int64@0..4 | (4,3) (6,):int64@0..4",
  .doc = "nn.functional.embedding with the table first.",
};

Tensor dense_backward_forward(const Tensor& grad, const Tensor& indices, int64_t num_weights,
                              int64_t padding_idx, bool scale_grad_by_freq) {
  check_one_device(grad, indices);
  const int64_t width = grad.sizes().back();
  const DType type = is_reduced(grad.dtype()) ? DType::Float32 : grad.dtype();
  Tensor table = zeros(Dims{num_weights, width}, type, grad.device());
  Tensor rows = contiguous(grad.dtype() == type ? grad : _to_copy(grad, type)),
         places = long_index(indices), counts;
  if (scale_grad_by_freq) {
    counts = zeros(Dims{num_weights}, DType::Int64, grad.device());
    kernels::count_indices(counts, places);
  }
  kernels::embedding_backward(table, rows, places, padding_idx, counts);
  return type == grad.dtype() ? table : _to_copy(table, grad.dtype());
}
void dense_backward_vjp(Grad& g) {
  Tensor indices = g.in("indices");
  Tensor rows = embedding(indices, g.dout());
  if (int64_t padding = g.arg<int64_t>("padding_idx"); padding >= 0) {
    rows =
        masked_fill(rows, unsqueeze(eq(indices, wrapped_number(padding)), -1), wrapped_number(0));
  }
  if (g.arg<bool>("scale_grad_by_freq")) {
    Tensor flat = reshape(indices, Dims{-1}),
           one = ones(flat.sizes(), g.dout().dtype(), g.dout().device());
    Tensor counts = index_add(zeros(Dims{g.arg<int64_t>("num_weights")}, one.dtype(), one.device()),
                              0, flat, one);
    rows = rows / unsqueeze(reshape(index_select(counts, 0, flat), indices.sizes()), -1);
  }
  g.set("grad", rows);
}

OP(embedding_dense_backward) {
  .schema =
      "embedding_dense_backward(Tensor grad, Tensor indices, int num_weights, int padding_idx, bool scale_grad_by_freq) -> Tensor",
  .names = "",
  .forward = boxed<dense_backward_forward>,
  .vjp = dense_backward_vjp,
  .save = "indices",
  .samples = "(5,3) (5,):int64@0..4 4 -1 False | (2,4,3) (2,4):int64@0..4 4 1 True",
};

}  // namespace
}  // namespace fb
