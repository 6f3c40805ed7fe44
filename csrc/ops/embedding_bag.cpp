// Sums, means and maxima of bags of vectors from a table.
#include "ops/embedding_bag.h"

#include "ops/copy.h"
#include "ops/copy_kernels.h"
#include "ops/creation.h"
#include "ops/elementwise.h"
#include "ops/embedding.h"
#include "ops/embedding_kernels.h"
#include "ops/grad.h"
#include "ops/indexing.h"
#include "ops/operators.h"
#include "ops/pointwise_compare.h"
#include "ops/pointwise_select.h"
#include "ops/reduce.h"
#include "ops/scatter.h"
#include "ops/searching.h"
#include "ops/slices.h"
#include "ops/view.h"

namespace fb {
namespace {

[[noreturn]] void fail_lookup(int64_t index, size_t, Ints sizes) {
  raise(ErrorKind::Runtime, "embedding_bag: the input has the index ", index,
        ", which is not in the valid range [0, ", sizes[0], ")");
}

// A table whose rows are contiguous.
Tensor with_plain_rows(const Tensor& weight) {
  return weight.strides()[1] == 1 ? weight : contiguous(weight);
}

// --- sums and means ------------------------------------------------------------------------------

Tensor bag_sum_forward(const Tensor& weight, const Tensor& indices, const Tensor& offsets,
                       const Tensor& sample_weights, bool mean, bool, int64_t padding) {
  slice_offsets(weight, 0, indices, false, fail_lookup);  // for its checks
  Tensor out = empty(Dims{offsets.numel() - 1, weight.sizes()[1]}, weight.dtype(), weight.device());
  kernels::embedding_bag_sum(out, with_plain_rows(weight), indices, offsets,
                             sample_weights.defined() ? contiguous(sample_weights) : Tensor(),
                             padding, mean);
  return out;
}

// What each index of the input is multiplied with in its bag: (n, 1), of the type of the gradient.
Tensor mean_factors(const Tensor& indices, const Tensor& bag, int64_t bags, int64_t padding,
                    DType dtype) {
  Tensor counted = _to_copy(ne(indices, wrapped_number(padding)), dtype);
  Tensor counts = index_add(zeros(Dims{bags}, dtype, indices.device()), 0, bag, counted);
  return unsqueeze(index_select(reciprocal(clamp_min(counts, wrapped_number(1))), 0, bag), 1);
}

void bag_sum_vjp(Grad& g) {
  Tensor indices = g.in("indices"), offsets = g.in("offsets"),
         sample_weights = g.in("per_sample_weights");
  const int64_t padding = g.arg<int64_t>("padding_idx"), bags = offsets.numel() - 1;
  Tensor bag =
      searchsorted(offsets, arange(indices.numel(), DType::Int64, indices.device()), false, true) -
      Scalar(1);
  Tensor rows = index_select(g.dout(), 0, bag);
  if (g.arg<bool>("mean")) rows = rows * mean_factors(indices, bag, bags, padding, rows.dtype());
  if (g.needs("per_sample_weights")) {
    Tensor products = sum(rows * index_select(g.in("weight"), 0, indices), Dims{1});
    g.set("per_sample_weights",
          masked_fill(products, eq(indices, wrapped_number(padding)), wrapped_number(0)));
  }
  if (!g.needs("weight")) return;
  if (sample_weights.defined()) rows = rows * unsqueeze(sample_weights, 1);
  g.set("weight", embedding_dense_backward(rows, indices, g.sizes("weight")[0], padding,
                                           g.arg<bool>("scale_grad_by_freq")));
}

OP(embedding_bag_sum) {
  .schema =
      "embedding_bag_sum(Tensor weight, Tensor indices, Tensor offsets, Tensor? per_sample_weights, bool mean, "
      "bool scale_grad_by_freq, int padding_idx) -> Tensor",
  .names = "",
  .forward = boxed<bag_sum_forward>,
  .vjp = bag_sum_vjp,
  .save = "indices, offsets, per_sample_weights, weight for per_sample_weights",
};

// --- maxima --------------------------------------------------------------------------------------

std::tuple<Tensor, Tensor> bag_max_forward(const Tensor& weight, const Tensor& indices,
                                           const Tensor& offsets, int64_t padding) {
  slice_offsets(weight, 0, indices, false, fail_lookup);  // for its checks
  Dims sizes{offsets.numel() - 1, weight.sizes()[1]};
  Tensor out = empty(sizes, weight.dtype(), weight.device()),
         rows = empty(sizes, DType::Int64, weight.device());
  kernels::embedding_bag_max(out, rows, with_plain_rows(weight), indices, offsets, padding);
  return {out, rows};
}
void bag_max_vjp(Grad& g) {
  Tensor rows = g.out(1), none = lt(rows, wrapped_number(0));
  Tensor grad = masked_fill(g.dout(), none, wrapped_number(0));
  Tensor table = zeros(g.sizes("weight"), grad.dtype(), grad.device());
  g.set("weight", scatter_add(table, 0, masked_fill(rows, none, wrapped_number(0)), grad));
}

OP(embedding_bag_max) {
  .schema =
      "embedding_bag_max(Tensor weight, Tensor indices, Tensor offsets, int padding_idx) -> (Tensor values, Tensor rows)",
  .names = "",
  .forward = boxed<bag_max_forward>,
  .vjp = bag_max_vjp,
  .save = "rows",
};

// --- embedding_bag -------------------------------------------------------------------------------

// Where each bag begins, and the number of indices at the end.
Tensor bounds_of(const Tensor& offsets, int64_t n, bool include_last_offset) {
  const int64_t given = offsets.numel();
  FB_CHECK(!include_last_offset || given >= 1,
           "include_last_offset: number of offset should be at least 1");
  Tensor bounds =
      empty(Dims{include_last_offset ? given : given + 1}, DType::Int64, offsets.device());
  kernels::copy(bounds.alias(Dims{given}, Dims{1}, 0), offsets);
  if (bounds.is_meta()) return bounds;
  auto* at = bounds.data<int64_t>();
  FB_CHECK(
      given == 0 || at[0] == 0,
      "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. "
      "However, got ",
      at[0]);
  for (int64_t b = 1; b < given; ++b) {
    FB_CHECK(at[b] >= at[b - 1], "embedding_bag: offsets must not decrease, but offsets[", b,
             "] of ", at[b], " follows ", at[b - 1]);
  }
  FB_CHECK(given == 0 || at[given - 1] <= n, "offsets[-1] can not be greater than input's length ",
           n, " but got offsets[-1] of ", at[given - 1]);
  if (!include_last_offset) at[given] = n;
  return bounds;
}

struct Bags {
  Tensor indices, bounds, sample_weights;
};

Bags bags_of(const Tensor& input, const Tensor& offsets, const Tensor& sample_weights,
             bool include_last_offset) {
  if (input.dim() == 2) {
    FB_CHECK_VALUE(
        !offsets.defined(),
        "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length "
        "sequences.");
    const int64_t bags = input.sizes()[0], length = input.sizes()[1];
    Tensor bounds = arange(Scalar(0), Scalar((bags + 1) * std::max<int64_t>(length, 1)),
                           Scalar(std::max<int64_t>(length, 1)), DType::Int64);
    if (length == 0) bounds = zeros(Dims{bags + 1}, DType::Int64);
    return {reshape(input, Dims{-1}), bounds,
            sample_weights.defined() ? reshape(sample_weights, Dims{-1}) : sample_weights};
  }
  FB_CHECK_VALUE(input.dim() == 1, "input has to be 1D or 2D Tensor, but got Tensor of dimension ",
                 input.dim());
  FB_CHECK_VALUE(offsets.defined(), "offsets has to be a 1D Tensor but got None");
  FB_CHECK_VALUE(offsets.dim() == 1, "offsets has to be a 1D Tensor");
  return {input, bounds_of(offsets, input.numel(), include_last_offset), sample_weights};
}

void check_bags(const Tensor& input, const Tensor& weight, std::string_view mode,
                bool scale_grad_by_freq, bool sparse, const Tensor& sample_weights) {
  FB_CHECK_VALUE(!sample_weights.defined() || same_shape(input.sizes(), sample_weights.sizes()),
                 "embedding_bag: If per_sample_weights (",
                 sample_weights.defined() ? shape_text(sample_weights.sizes()) : "",
                 ") is not None, then it must have the same shape as the input (",
                 shape_text(input.sizes()), ")");
  FB_CHECK_VALUE(weight.dim() == 2, "weight has to be a 2D Tensor, but got Tensor of dimension ",
                 weight.dim());
  FB_CHECK_VALUE(mode == "sum" || mode == "mean" || mode == "max",
                 "mode has to be one of sum, mean or max");
  FB_CHECK_VALUE(mode != "max" || !scale_grad_by_freq,
                 "max mode does not support scaling the gradient by the frequency");
  FB_CHECK_VALUE(mode != "max" || !sparse, "max mode does not support sparse weights");
  FB_CHECK_KIND(NotImplemented, !sample_weights.defined() || mode == "sum",
                "embedding_bag: per_sample_weights was not None. "
                "per_sample_weights is only supported for mode='sum' (got mode='",
                mode, "').");
  FB_CHECK(
      input.dtype() == DType::Int64 || input.dtype() == DType::Int32,
      "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got torch.",
      dtype_class_name(input.dtype()),
      "Tensor instead (while checking arguments for embedding_bag)");
  FB_CHECK(!sample_weights.defined() || sample_weights.dtype() == weight.dtype(),
           "embedding_bag: expected per_sample_weights of type ", weight.dtype(),
           ", as the weight has, but got ",
           sample_weights.defined() ? sample_weights.dtype() : weight.dtype());
}

Tensor embedding_bag_forward(const Tensor& input, const Tensor& weight, const Tensor& offsets,
                             std::optional<double> max_norm, double norm_type,
                             bool scale_grad_by_freq, std::string_view mode, bool sparse,
                             const Tensor& sample_weights, bool include_last_offset,
                             std::optional<int64_t> padding_idx) {
  check_bags(input, weight, mode, scale_grad_by_freq, sparse, sample_weights);
  for (const Tensor& t : {input, offsets, sample_weights}) check_one_device(weight, t);
  const int64_t rows = weight.sizes()[0];
  FB_CHECK(!padding_idx || (*padding_idx >= -rows && *padding_idx < rows),
           "padding_idx must be within the number of embeddings, -", rows, " through ", rows - 1,
           " but got ", padding_idx.value_or(0));
  const int64_t padding = !padding_idx ? -1 : *padding_idx < 0 ? *padding_idx + rows : *padding_idx;
  Bags bags = bags_of(input, offsets, sample_weights, include_last_offset);
  if (max_norm) {
    NoGrad guard;
    embedding_renorm_(weight, bags.indices, *max_norm, norm_type);
  }
  Tensor indices = long_index(bags.indices);
  if (mode == "max") return std::get<0>(embedding_bag_max(weight, indices, bags.bounds, padding));
  return embedding_bag_sum(weight, indices, bags.bounds, bags.sample_weights, mode == "mean",
                           scale_grad_by_freq, padding);
}

OP(embedding_bag) {
  .schema =
      "embedding_bag(Tensor input, Tensor weight, Tensor? offsets=None, float? max_norm=None, float norm_type=2.0, "
      "bool scale_grad_by_freq=False, str mode='mean', bool sparse=False, Tensor? per_sample_weights=None, "
      "bool include_last_offset=False, int? padding_idx=None) -> Tensor",
  .names = "nn.functional.embedding_bag",
  .forward = boxed<embedding_bag_forward>,
  .vjp = composite(),
  .samples =
      "(3,5):int64@0..4 (4,3) | (3,5):int64@0..4 (4,3) mode='sum' per_sample_weights=(3,5) | (3,5):int64@0..4 (4,3) mode='max'"
      " | (3,5):int64@0..4 (4,3) mode='sum' padding_idx=1",
  .errors =
      "(3,5):int64@0..4 (4,3) mode='min' -> ValueError: mode has to be one of sum, mean or max"
      " | (3,):int64@0..4 (4,3) -> ValueError: offsets has to be a 1D Tensor but got None"
      " | (2,3):int64@4..5 (4,3) -> RuntimeError: is not in the valid range [0, 4)",
  .doc =
      R"(Sums, means or maxima of bags of rows of the table ``weight``: (bags, length), or (n) and ``offsets`` -> (bags, width).

Args:
    offsets: where each bag begins in a vector of indices.
    mode: ``"sum"``, ``"mean"`` or ``"max"``; an empty bag is 0.
    per_sample_weights: factors of the rows, for sums; of the shape of ``input``.
    include_last_offset: ``offsets`` ends with the end of the last bag.
    padding_idx: an index that is left out.
    max_norm, norm_type, scale_grad_by_freq, sparse: see embedding.
)",
};

}  // namespace
}  // namespace fb
