// Sums of products after Einstein's convention, made of views, products of matrices and sums.
#include "ops/einsum.h"

#include <algorithm>
#include <string>
#include <vector>

#include "core/error.h"
#include "ops/grad.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/view.h"

namespace fb {
namespace {

// Letters are numbered in the order of their codes: A-Z, a-z.
constexpr int kLetters = 52, kEllipsis = 52;
using Subscripts = std::vector<int>;

char letter(int label) { return static_cast<char>(label < 26 ? 'A' + label : 'a' + label - 26); }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
int label_of(char c) { return c >= 'a' ? c - 'a' + 26 : c - 'A'; }

// --- the equation --------------------------------------------------------------------------------

struct Equation {
  std::vector<Subscripts> operands;
  Subscripts output;
  bool has_output = false;
};

class EquationParser {
 public:
  EquationParser(std::string_view text, size_t operand_count)
      : text_(text), count_(operand_count) {}

  Equation parse() {
    Equation e;
    const size_t arrow = text_.find("->");
    const size_t end = arrow == std::string_view::npos ? text_.size() : arrow;
    for (size_t at = 0;;) {
      FB_CHECK(e.operands.size() < count_,
               "einsum(): fewer operands were provided than specified in the equation");
      e.operands.push_back(subscripts(at, end, concat("operand ", e.operands.size()), true));
      if (at == end) break;
      ++at;  // the comma
    }
    FB_CHECK(e.operands.size() == count_,
             "einsum(): more operands were provided than specified in the equation");
    if (arrow != std::string_view::npos) {
      size_t at = arrow + 2;
      e.has_output = true;
      e.output = subscripts(at, text_.size(), "output", false);
    }
    return e;
  }

 private:
  Subscripts subscripts(size_t& at, size_t end, const std::string& what, bool comma_ends) {
    Subscripts found;
    for (; at < end; ++at) {
      const char c = text_[at];
      if (c == ' ') continue;
      if (c == ',' && comma_ends) break;
      if (c == '.') {
        const bool again = std::ranges::find(found, kEllipsis) != found.end();
        FB_CHECK(!again, "einsum(): found '.' for ", what,
                 what == "output" ? " but an ellipsis (...) was already found"
                                  : " for which an ellipsis was already found");
        FB_CHECK(text_.substr(at, 3) == "..." && at + 3 <= end, "einsum(): found '.' for ", what,
                 " that is not part of any ellipsis", what == "output" ? " (...)" : "");
        found.push_back(kEllipsis);
        at += 2;
        continue;
      }
      FB_CHECK(is_letter(c), "einsum(): invalid subscript given at index ", at,
               " in the equation string, subscripts must be in [a-zA-Z]");
      found.push_back(label_of(c));
    }
    return found;
  }

  std::string_view text_;
  size_t count_;
};

// --- dimensions ----------------------------------------------------------------------------------

// One order of dimensions for all operands: those of the output, then those summed over.
struct Layout {
  Layout(const Equation& e, std::span<const Tensor> tensors) {
    count_labels(e, tensors);
    if (e.has_output) {
      place_given(e.output);
    } else {
      place_implied();
    }
    outputs = next_;
    if (!ellipsis_placed_) {
      ellipsis_at = next_;
      next_ += ellipsis_dims;
    }
    for (int label = 0; label < kLetters; ++label)
      if (uses[label] > 0 && place[label] < 0) place[label] = next_++;
    total = next_;
  }

  int64_t outputs = 0, total = 0;
  int64_t ellipsis_dims = 0, ellipsis_at = 0;
  int64_t place[kLetters];
  int uses[kLetters] = {};

 private:
  void count_labels(const Equation& e, std::span<const Tensor> tensors) {
    std::ranges::fill(place, -1);
    for (size_t k = 0; k < tensors.size(); ++k) {
      const Subscripts& subscripts = e.operands[k];
      const int64_t ndim = tensors[k].dim();
      int64_t letters = 0;
      bool ellipsis = false;
      for (int label : subscripts) {
        if (label == kEllipsis) {
          ellipsis = true;
        } else {
          ++letters;
          ++uses[label];
        }
      }
      FB_CHECK(ellipsis || letters == ndim, "einsum(): the number of subscripts in the equation (",
               letters, ") does not match the number of dimensions (", ndim, ") for operand ", k,
               " and no ellipsis was given");
      FB_CHECK(letters <= ndim, "einsum(): the number of subscripts in the equation (", letters,
               ") is more than the number of dimensions (", ndim, ") for operand ", k);
      if (ellipsis) ellipsis_dims = std::max(ellipsis_dims, ndim - letters);
    }
  }
  void place_given(const Subscripts& output) {
    for (int label : output) {
      if (label == kEllipsis) {
        place_ellipsis();
        continue;
      }
      FB_CHECK(place[label] < 0, "einsum(): output subscript ", letter(label),
               " appears more than once in the output");
      FB_CHECK(uses[label] > 0, "einsum(): output subscript ", letter(label),
               " does not appear in the equation for any input operand");
      place[label] = next_++;
    }
  }
  // What stands in the inputs just once, in alphabetical order.
  void place_implied() {
    place_ellipsis();
    for (int label = 0; label < kLetters; ++label)
      if (uses[label] == 1) place[label] = next_++;
  }
  void place_ellipsis() {
    ellipsis_at = next_;
    next_ += ellipsis_dims;
    ellipsis_placed_ = true;
  }

  int64_t next_ = 0;
  bool ellipsis_placed_ = false;
};

// Where a letter stands twice only the diagonal counts.
Tensor take_diagonals(Tensor t, Subscripts& subscripts, size_t operand) {
  const auto covered = t.dim() - static_cast<int64_t>(subscripts.size()) + 1;  // by an ellipsis
  auto dim_of = [&](size_t i) {
    int64_t d = 0;
    for (size_t j = 0; j < i; ++j) d += subscripts[j] == kEllipsis ? covered : 1;
    return d;
  };
  for (size_t i = 0; i < subscripts.size(); ++i) {
    for (size_t j = i + 1; j < subscripts.size();) {
      if (subscripts[i] != subscripts[j]) {
        ++j;
        continue;
      }
      const int64_t a = dim_of(i), b = dim_of(j);
      FB_CHECK(t.size(a) == t.size(b), "einsum(): subscript ", letter(subscripts[i]),
               " is repeated for operand ", operand, " but the sizes don't match, ", t.size(b),
               " != ", t.size(a));
      t = movedim(diagonal(t, 0, a, b), Dims{-1}, Dims{a});
      subscripts.erase(subscripts.begin() + static_cast<std::ptrdiff_t>(j));
    }
  }
  return t;
}

// The operand with its dimensions in the common order, 1 where it has none.
Tensor arranged(const Tensor& operand, Subscripts subscripts, const Layout& layout, size_t number) {
  Tensor t = take_diagonals(operand, subscripts, number);
  const auto covered = t.dim() - static_cast<int64_t>(subscripts.size()) + 1;
  Dims source(static_cast<size_t>(layout.total), -1);
  int64_t d = 0;
  for (int label : subscripts) {
    if (label != kEllipsis) {
      source[static_cast<size_t>(layout.place[label])] = d++;
      continue;
    }
    for (int64_t k = layout.ellipsis_dims - covered; k < layout.ellipsis_dims; ++k)
      source[static_cast<size_t>(layout.ellipsis_at + k)] = d++;
  }
  Dims order, sizes;
  bool moved = false;
  for (int64_t from : source) {
    sizes.push_back(from < 0 ? 1 : t.size(from));
    if (from < 0) continue;
    moved |= from != static_cast<int64_t>(order.size());
    order.push_back(from);
  }
  if (moved) t = permute(t, order);
  return static_cast<int64_t>(sizes.size()) == t.dim() ? t : view(t, sizes);
}

void check_sizes(const Layout& layout, std::span<const Tensor> operands) {
  Dims seen(static_cast<size_t>(layout.total), 1);
  for (size_t k = 0; k < operands.size(); ++k) {
    for (size_t d = 0; d < seen.size(); ++d) {
      const int64_t size = operands[k].sizes()[d];
      if (size == 1) continue;
      const int64_t inside = static_cast<int64_t>(d) - layout.ellipsis_at;
      if (seen[d] != 1 && seen[d] != size && inside >= 0 && inside < layout.ellipsis_dims) {
        raise(ErrorKind::Runtime, "einsum(): dimension ", inside,
              " covered by ellipsis in operand ", k, " has size ", size,
              " which does not broadcast with previously seen ellipsis with size ", seen[d],
              " for the respective dimension");
      }
      if (seen[d] != 1 && seen[d] != size) {
        const auto label = std::ranges::find(layout.place, static_cast<int64_t>(d)) - layout.place;
        raise(ErrorKind::Runtime, "einsum(): subscript ", letter(static_cast<int>(label)),
              " has size ", size, " for operand ", k,
              " which does not broadcast with previously seen size ", seen[d]);
      }
      seen[d] = size;
    }
  }
}

// --- products ------------------------------------------------------------------------------------

Dims joined(const Dims& a, const Dims& b, const Dims& c, const Dims& d) {
  Dims all(a);
  for (const Dims* part : {&b, &c, &d})
    for (int64_t v : *part) all.push_back(v);
  return all;
}

// The product of two operands, summed over `summed` (where both have more than one element) and
// with 1 left there.
Tensor product(const Tensor& left, const Tensor& right, const Dims& summed) {
  if (summed.empty()) return mul(left, right);
  Dims both, only_left, only_right;
  int64_t batch = 1, rows = 1, columns = 1, inner = 1;
  for (int64_t d = 0; d < left.dim(); ++d) {
    const int64_t l = left.size(d), r = right.size(d);
    if (std::ranges::find(summed, d) != summed.end()) {
      inner *= l;
    } else if (l != 1 && r != 1) {
      both.push_back(d);
      batch *= l;
    } else if (l != 1) {
      only_left.push_back(d);
      rows *= l;
    } else {
      only_right.push_back(d);
      columns *= r;
    }
  }
  const Dims result_order = joined(both, only_left, summed, only_right);
  Tensor a = permute(left, result_order),
         b = permute(right, joined(both, summed, only_right, only_left)), c;
  if (batch == 1) {
    c = mm(reshape(a, Dims{rows, inner}), reshape(b, Dims{inner, columns}));
  } else {
    c = bmm(reshape(a, Dims{batch, rows, inner}), reshape(b, Dims{batch, inner, columns}));
  }
  Dims sizes, back(result_order.size());
  for (size_t i = 0; i < result_order.size(); ++i) {
    const int64_t d = result_order[i];
    const bool gone = std::ranges::find(summed, d) != summed.end();
    sizes.push_back(gone                                                   ? 1
                    : std::ranges::find(only_right, d) != only_right.end() ? right.size(d)
                                                                           : left.size(d));
    back[static_cast<size_t>(d)] = static_cast<int64_t>(i);
  }
  return permute(view(c, sizes), back);
}

// Whether the last dimension of the output that one of the two has alone is the first one's: as the
// right operand its elements lie side by side in the product.
bool result_runs_last(const Tensor& first, const Tensor& second, const Layout& layout) {
  for (int64_t d = layout.outputs; d-- > 0;) {
    const bool one = first.size(d) != 1, other = second.size(d) != 1;
    if (one != other) return one;
  }
  return false;
}

// From left to right; a dimension is summed over as soon as no later operand has it.
Tensor contract(Tensors operands, const Layout& layout) {
  Dims holders(static_cast<size_t>(layout.total), 0);  // operands that still have the dimension
  for (const Tensor& t : operands)
    for (size_t d = 0; d < holders.size(); ++d) holders[d] += t.sizes()[d] != 1;
  Tensor result = operands[0];
  for (size_t k = 1; k < operands.size(); ++k) {
    Tensor other = operands[k];
    Dims summed, of_result, of_other;
    for (int64_t d = layout.outputs; d < layout.total; ++d) {
      const bool mine = result.size(d) != 1, its = other.size(d) != 1;
      int64_t& left = holders[static_cast<size_t>(d)];
      if (mine && its) {
        if (--left == 1) {
          summed.push_back(d);
          left = 0;
        }
      } else if (left == 1 && (mine || its)) {
        (mine ? of_result : of_other).push_back(d);
        left = 0;
      }
    }
    if (!of_result.empty()) result = sum(result, of_result.span(), true);
    if (!of_other.empty()) other = sum(other, of_other.span(), true);
    result = result_runs_last(result, other, layout) ? product(other, result, summed)
                                                     : product(result, other, summed);
  }
  if (layout.total == layout.outputs) return result;
  if (operands.size() > 1)
    return view(result, result.sizes().subspan(0, static_cast<size_t>(layout.outputs)));
  Dims rest;
  for (int64_t d = layout.outputs; d < layout.total; ++d) rest.push_back(d);
  return sum(result, rest.span());
}

Tensor einsum_forward(std::string_view text, std::span<const Tensor> tensors) {
  FB_CHECK(!tensors.empty(), "einsum(): must provide at least one operand");
  const Equation equation = EquationParser(text, tensors.size()).parse();
  const Layout layout(equation, tensors);
  Tensors operands;
  for (size_t k = 0; k < tensors.size(); ++k)
    operands.push_back(arranged(tensors[k], equation.operands[k], layout, k));
  check_sizes(layout, operands);
  return contract(std::move(operands), layout);
}

OP(einsum) {
  .schema = "einsum(str equation, Tensor[] operands) -> Tensor",
  .names = "einsum",
  .forward = boxed<einsum_forward>,
  .vjp = composite(),
  .samples =
      "'ij,jk->ik' [(2,3),(3,4)] | 'bij,bjk' [(2,3,4),(2,4,2)] | 'ii->i' [(3,3)] | 'i,j' [(2,),(3,)]"
      " | '...ij->...ji' [(2,3,4)] | 'ij->' [(2,3)] | 'ij,jk,kl->il' [(2,3),(3,4),(4,2)]",
  .errors =
      "'ij,jk' [(2,3)] -> RuntimeError: einsum(): fewer operands were provided"
      " | 'i1' [(2,3)] -> RuntimeError: einsum(): invalid subscript given at index 1"
      " | 'ij->ii' [(2,3)] -> RuntimeError: output subscript i appears more than once",
  .doc = R"(Sum of products of the operands' elements, after Einstein's convention.

Args:
    equation: a letter for each dimension of each operand, operands separated by commas, then ``->`` and the
        letters of the result. What is not in the result is summed over. ``...`` stands for all other
        dimensions, which broadcast. Without ``->`` the result has the letters that stand just once, in
        alphabetical order.
    operands: as many tensors as the equation names; products are taken from left to right.

Example::

    >>> a, b = torch.arange(6).view(2, 3), torch.arange(3)
    >>> torch.einsum("ij,j->i", a, b)
    tensor([ 5, 14])
)",
};

}  // namespace
}  // namespace fb
