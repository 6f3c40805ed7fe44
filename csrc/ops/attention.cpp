// Scaled dot-product attention (Vaswani et al. 2017, "Attention Is All You Need").
#include "ops/attention.h"

#include <cmath>
#include <limits>

#include "ops/adjacent.h"
#include "ops/attention_kernels.h"
#include "ops/copy.h"
#include "ops/creation.h"
#include "ops/dense.h"
#include "ops/dropout.h"
#include "ops/grad.h"
#include "ops/matmul.h"
#include "ops/matmul_checks.h"
#include "ops/operators.h"
#include "ops/pointwise_compare.h"
#include "ops/pointwise_select.h"
#include "ops/rearranging.h"
#include "ops/reduce.h"
#include "ops/reduce_counts.h"
#include "ops/softmax.h"
#include "ops/triangular.h"
#include "ops/view.h"
#include "ops/view_split.h"

namespace fb {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

void check_attention(const Tensor& query, const Tensor& key, const Tensor& value,
                     const Tensor& mask, double dropout_p, bool is_causal) {
  FB_CHECK(query.dtype() == key.dtype() && query.dtype() == value.dtype(),
           "Expected query, key, and value to have the same dtype, but got query.dtype: ",
           type_spelling(query.dtype()), " key.dtype: ", type_spelling(key.dtype()),
           " and value.dtype: ", type_spelling(value.dtype()), " instead.");
  FB_CHECK(query.dim() >= 2 && key.dim() >= 2 && value.dim() >= 2,
           "Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: ",
           query.dim(), " key.dim: ", key.dim(), " and value.dim: ", value.dim(), " instead.");
  if (mask.defined()) {
    bool right = mask.dtype() == DType::Bool || mask.dtype() == DType::Float32 ||
                 mask.dtype() == query.dtype();
    FB_CHECK(
        right,
        "Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: ",
        type_spelling(mask.dtype()), " and  query.dtype: ", type_spelling(query.dtype()),
        " instead.");
    FB_CHECK(
        !is_causal,
        "_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True");
  }
  FB_CHECK(dropout_p >= 0 && dropout_p <= 1,
           "dropout probability has to be between 0 and 1, but got ", dropout_p);
}

// Keys and values with as many heads as the query: groups of query heads share one.
Tensor with_heads(const Tensor& t, const Tensor& query) {
  int64_t heads = query.size(-3), own = t.size(-3);
  if (own == heads) return t;
  FB_CHECK(own > 0 && heads % own == 0,
           "Number of heads in key and value must divide the number of heads in query, got ", own,
           " and ", heads);
  return repeat_interleave(t, heads / own, -3);
}

// A mask that lets no query go without keys, and the queries that did; their results are to be
// zeros.
std::pair<Tensor, Tensor> without_empty_rows(const Tensor& mask) {
  const int64_t last[] = {-1};
  if (mask.dtype() == DType::Bool) {
    Tensor none = logical_not(any(mask, Ints(last), true));
    return {logical_or(mask, none), none};
  }
  Tensor none = all(eq(mask, wrapped_number(-kInfinity)), Ints(last), true);
  return {masked_fill(mask, none, wrapped_number(0.0)), none};
}

Tensor only_past(const Tensor& scores) {
  Tensor past = tril(ones(Dims{scores.size(-2), scores.size(-1)}, DType::Bool, scores.device()));
  return where(past, scores, wrapped_number(-kInfinity));
}

// --- without mask and dropout, in one pass -------------------------------------------------------

Tensor dense_rows(const Tensor& t) { return t.strides().back() == 1 ? t : dense(t); }

std::tuple<Tensor, Tensor> attention_parts_forward(const Tensor& query, const Tensor& key,
                                                   const Tensor& value, double scale,
                                                   bool is_causal) {
  Tensor q = dense_rows(query);
  Dims sizes(q.sizes());
  sizes.back() = value.size(-1);
  Tensor out = value.size(-1) == q.size(-1) ? empty_like(q) : empty(sizes, q.dtype(), q.device());
  sizes.pop_back();
  const DType wide = is_reduced(q.dtype()) ? DType::Float32 : q.dtype();
  Tensor logs = empty(sizes, wide, q.device());
  kernels::attention(out, logs, q, dense_rows(key), dense_rows(value), scale, is_causal);
  return {out, logs};
}

// Tensors like the given ones, as slices of one where those are; or none.
Tensors empty_beside(std::span<const Tensor> slices) {
  const Tensor whole = whole_of_slices(slices, 0);
  return whole.defined() ? unbind(empty_like(whole), 0) : Tensors();
}

struct AttentionGradient {
  Tensor query, key, value;
};

AttentionGradient attention_gradient_fused(const Tensor& grad, const Tensor& logs,
                                           const Tensor& query, const Tensor& key,
                                           const Tensor& value, double scale, bool is_causal) {
  Tensor q = dense_rows(query), k = dense_rows(key), v = dense_rows(value);
  const Tensor inputs[] = {q, k, v};
  Tensors parts = empty_beside(inputs);
  if (parts.empty()) {  // keys and values may still come from one product
    parts = empty_beside(std::span(inputs).subspan(1));
    if (parts.empty()) parts = {empty_like(k), empty_like(v)};
    parts.insert(parts.begin(), empty_like(q));
  }
  AttentionGradient d{parts[0], parts[1], parts[2]};
  kernels::attention_backward(d.query, d.key, d.value, dense_rows(grad), logs, q, k, v, scale,
                              is_causal);
  return d;
}

// In public operators, for derivatives of derivatives.
AttentionGradient attention_gradient(const Tensor& grad, const Tensor& query, const Tensor& key,
                                     const Tensor& value, double scale, bool is_causal) {
  const int64_t last[] = {-1};
  Tensor scores = matmul(query * Scalar(scale), transpose(key, -2, -1));
  Tensor weights = softmax(is_causal ? only_past(scores) : scores, -1);
  Tensor slopes = matmul(grad, transpose(value, -2, -1));
  slopes = weights * (slopes - sum(slopes * weights, Ints(last), true)) * Scalar(scale);
  return {matmul(slopes, key), matmul(transpose(slopes, -2, -1), query),
          matmul(transpose(weights, -2, -1), grad)};
}

void attention_parts_vjp(Grad& g) {
  FB_ASSERT(!g.dout(1).defined());
  Tensor query = g.in("query"), key = g.in("key"), value = g.in("value");
  const double scale = g.arg<double>("scale");
  const bool is_causal = g.arg<bool>("is_causal");
  AttentionGradient d =
      grad_enabled()
          ? attention_gradient(g.dout(0), query, key, value, scale, is_causal)
          : attention_gradient_fused(g.dout(0), g.out(1), query, key, value, scale, is_causal);
  if (g.needs("query")) g.set("query", d.query);
  if (g.needs("key")) g.set("key", d.key);
  if (g.needs("value")) g.set("value", d.value);
}

OP(attention_parts) {
  .schema =
      "attention_parts(Tensor query, Tensor key, Tensor value, float scale, bool is_causal)"
      " -> (Tensor out, Tensor logs)",
  .names = "",
  .forward = boxed<attention_parts_forward>,
  .vjp = attention_parts_vjp,
  .save = "query, key, value, logs",
  .doc = "Attention with the logarithms of the sums of its exponentials.",
};

bool has_parts(const Tensor& q, const Tensor& k, const Tensor& v) {
  const size_t lead = q.sizes().size() - 2;
  auto first = [lead](const Tensor& t) { return t.sizes().first(lead); };
  return is_floating(q.dtype()) && q.dim() == k.dim() && q.dim() == v.dim() && q.numel() > 0 &&
         k.numel() > 0 && v.numel() > 0 && same_shape(first(q), first(k)) &&
         same_shape(first(q), first(v)) && q.size(-1) == k.size(-1) && k.size(-2) == v.size(-2);
}

// --- with all options ----------------------------------------------------------------------------

Tensor attention_forward(const Tensor& query, const Tensor& key, const Tensor& value,
                         const Tensor& attn_mask, double dropout_p, bool is_causal,
                         std::optional<double> scale, bool enable_gqa) {
  check_attention(query, key, value, attn_mask, dropout_p, is_causal);
  int64_t depth = query.size(-1);
  double factor = scale ? *scale : depth > 0 ? 1 / std::sqrt(static_cast<double>(depth)) : 1;
  bool grouped = enable_gqa && query.dim() >= 3 && key.dim() >= 3 && value.dim() >= 3;
  Tensor k = grouped ? with_heads(key, query) : key, v = grouped ? with_heads(value, query) : value;
  if (!attn_mask.defined() && dropout_p == 0 && has_parts(query, k, v))
    return std::get<0>(attention_parts(query, k, v, factor, is_causal));
  Tensor scores = matmul(query * Scalar(factor), transpose(k, -2, -1)), none;
  if (is_causal) {
    scores = only_past(scores);
  } else if (attn_mask.defined()) {
    Tensor mask;
    std::tie(mask, none) = without_empty_rows(attn_mask);
    bool chooses = mask.dtype() == DType::Bool;
    scores = chooses ? where(mask, scores, wrapped_number(-kInfinity)) : scores + mask;
  }
  Tensor weights = softmax(scores, -1);
  if (weights.dtype() != v.dtype()) weights = _to_copy(weights, v.dtype());
  if (dropout_p > 0) weights = dropout(weights, dropout_p, true);
  Tensor mixed = matmul(weights, v);
  return none.defined() ? masked_fill(mixed, none, wrapped_number(0.0)) : mixed;
}

OP(scaled_dot_product_attention) {
  .schema =
      "scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float dropout_p=0.0, "
      "bool is_causal=False, *, float? scale=None, bool enable_gqa=False) -> Tensor",
  .names = "nn.functional.scaled_dot_product_attention",
  .forward = boxed<attention_forward>,
  .vjp = composite(),
  .autocast = Autocast::Lower,
  .samples =
      "(2,3,4,8) (2,3,5,8) (2,3,5,6) | (4,8) (5,8) (5,6) | (2,4,8) (2,4,8) (2,4,8) is_causal=True"
      " | (2,3,4,8) (2,3,5,8) (2,3,5,6) attn_mask=(4,5) scale=0.5 | (2,4,3,8) (2,2,5,8) (2,2,5,8) enable_gqa=True"
      " | (2,3,0,8) (2,3,5,8) (2,3,5,6)",
  .errors =
      "(8,) (5,8) (5,6) -> RuntimeError: Expected query, key, and value to all be  at least 2 dimensional"
      " | (4,8) (5,8) (5,6) attn_mask=(4,5) is_causal=True -> RuntimeError: Explicit attn_mask should not be set when is_causal=True",
  .doc =
      R"(Averages of the values, weighted by how well the keys fit the query: ``softmax(query @ key^T * scale + mask) @ value``.

Args:
    query (Tensor): (..., L, E).
    key (Tensor): (..., S, E).
    value (Tensor): (..., S, Ev).
    attn_mask (Tensor, optional): (..., L, S); a bool mask is True where attention may go, another one is added to the scores.
    dropout_p (float): probability of dropping a weight; applied whenever it is not 0.
    is_causal (bool): position i sees keys 0 to i only.
    scale (float, optional): ``1 / sqrt(E)`` if omitted.
    enable_gqa (bool): keys and values have fewer heads, each shared by a group of the query's.

Example::

    >>> q, k, v = torch.ones(1, 2), torch.zeros(2, 2), torch.tensor([[1., 2.], [3., 4.]])
    >>> torch.nn.functional.scaled_dot_product_attention(q, k, v)
    tensor([[2., 3.]])
)",
};

}  // namespace
}  // namespace fb
