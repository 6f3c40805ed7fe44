#include "core/shape.h"

#include <algorithm>

#include "core/error.h"

namespace fb {

int64_t count_elements(Ints sizes) {
  int64_t n = 1;
  bool overflow = false, empty = false;
  for (int64_t s : sizes) {
    FB_CHECK(s >= 0, "Trying to create tensor with negative dimension ", s, ": ",
             shape_text(sizes));
    empty |= s == 0;
    overflow |= __builtin_mul_overflow(n, s, &n);
  }
  if (empty) return 0;
  FB_CHECK(!overflow && n < (int64_t{1} << 59), "sizes ", shape_text(sizes),
           " ask for more elements than a tensor can have: numel: integer multiplication overflow");
  return n;
}

Dims contiguous_strides(Ints sizes) {
  Dims strides(sizes.size());
  int64_t step = 1;
  for (size_t i = sizes.size(); i-- > 0;) {
    strides[i] = step;
    step *= std::max<int64_t>(sizes[i], 1);
  }
  return strides;
}

Dims strides_for(Ints sizes, MemoryFormat format) {
  if (format != MemoryFormat::ChannelsLast && format != MemoryFormat::ChannelsLast3d)
    return contiguous_strides(sizes);
  size_t ndim = format == MemoryFormat::ChannelsLast ? 4 : 5;
  FB_CHECK(sizes.size() == ndim, "required rank ", ndim, " tensor to use channels_last",
           ndim == 5 ? "_3d" : "", " format");
  // Channels vary fastest, then the spatial sizes from the last on, then the batch.
  Dims strides(ndim);
  strides[1] = 1;
  int64_t step = std::max<int64_t>(sizes[1], 1);
  for (size_t i = ndim - 1; i >= 2; --i) {
    strides[i] = step;
    step *= std::max<int64_t>(sizes[i], 1);
  }
  strides[0] = step;
  return strides;
}

bool is_contiguous(Ints sizes, Ints strides) {
  int64_t step = 1;
  for (size_t i = sizes.size(); i-- > 0;) {
    if (sizes[i] == 0) return true;
    if (sizes[i] != 1 && strides[i] != step) {
      // An empty tensor is contiguous whatever its strides.
      return std::find(sizes.begin(), sizes.end(), 0) != sizes.end();
    }
    step *= sizes[i];
  }
  return true;
}

bool is_channels_last(Ints sizes, Ints strides) {
  if (sizes.size() != 4 && sizes.size() != 5) return false;
  if (strides[1] == 0) return false;
  int64_t expected = 0;
  auto grows = [&](size_t d) {
    if (sizes[d] == 0 || strides[d] < expected) return false;
    // N111 tensors are both formats; they default to contiguous.
    if (d == 0 && expected == strides[1]) return false;
    expected = strides[d];
    if (sizes[d] > 1) expected *= sizes[d];
    return true;
  };
  if (!grows(1)) return false;
  for (size_t d = sizes.size() - 1; d >= 2; --d)
    if (!grows(d)) return false;
  return grows(0);
}

bool is_dense(Ints sizes, Ints strides) {
  SmallVector<int64_t, 8> order;
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == 0) return true;
    if (sizes[i] > 1) order.push_back(static_cast<int64_t>(i));
  }
  std::sort(order.begin(), order.end(),
            [&](int64_t a, int64_t b) { return strides[a] < strides[b]; });
  int64_t step = 1;
  for (int64_t d : order) {
    if (strides[d] != step) return false;
    step *= sizes[d];
  }
  return true;
}

int64_t storage_extent(Ints sizes, Ints strides) {
  int64_t extent = 1;
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == 0) return 0;
    int64_t span = 0;
    FB_CHECK(!__builtin_mul_overflow(sizes[i] - 1, strides[i], &span) &&
                 !__builtin_add_overflow(extent, span, &extent),
             "sizes ", shape_text(sizes), " with strides ", shape_text(strides),
             " address more memory than there can be");
  }
  return extent;
}

int64_t wrap_dim(int64_t dim, int64_t ndim) {
  int64_t n = std::max<int64_t>(ndim, 1);
  FB_CHECK_INDEX(dim >= -n && dim < n, "Dimension out of range (expected to be in range of [", -n,
                 ", ", n - 1, "], but got ", dim, ")");
  return dim < 0 ? dim + n : dim;
}

Dims broadcast_shapes(Ints a, Ints b) {
  if (a.size() < b.size()) std::swap(a, b);
  Dims out(a);
  size_t lead = a.size() - b.size();
  for (size_t i = 0; i < b.size(); ++i) {
    int64_t x = a[lead + i], y = b[i];
    FB_CHECK(x == y || x == 1 || y == 1, "The size of tensor a (", x,
             ") must match the size of tensor b (", y, ") at non-singleton dimension ", lead + i,
             ": shapes ", shape_text(a), " and ", shape_text(b), " do not broadcast");
    out[lead + i] = x == 1 ? y : x;
  }
  return out;
}

bool broadcasts_to(Ints from, Ints to) {
  if (from.size() > to.size()) return false;
  size_t lead = to.size() - from.size();
  for (size_t i = 0; i < from.size(); ++i)
    if (from[i] != 1 && from[i] != to[lead + i]) return false;
  return true;
}

Dims infer_size(Ints wanted, int64_t numel) {
  Dims out(wanted);
  int64_t known = 1;
  int unknown = -1;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] == -1) {
      FB_CHECK(unknown < 0, "only one dimension can be inferred");
      unknown = static_cast<int>(i);
      continue;
    }
    FB_CHECK(wanted[i] >= 0, "invalid shape dimension ", wanted[i]);
    FB_CHECK(!__builtin_mul_overflow(known, wanted[i], &known), "shape '", shape_text(wanted),
             "' is too large");
  }
  if (unknown >= 0 && known > 0 && numel % known == 0) {
    out[unknown] = numel / known;
    return out;
  }
  FB_CHECK(unknown < 0 || known != 0, "cannot reshape tensor of ", numel, " elements into shape ",
           shape_text(wanted),
           " because the unspecified dimension size -1 can be any value and is ambiguous");
  FB_CHECK(unknown < 0 && known == numel, "shape '", shape_text(wanted),
           "' is invalid for input of size ", numel);
  return out;
}

std::optional<Dims> view_strides(Ints old_sizes, Ints old_strides, Ints new_sizes) {
  int64_t numel = 1;
  for (int64_t s : old_sizes) numel *= s;
  if (numel == 0) {
    return same_shape(old_sizes, new_sizes) ? Dims(old_strides) : contiguous_strides(new_sizes);
  }
  Dims strides(new_sizes.size());
  int64_t at = static_cast<int64_t>(new_sizes.size()) - 1;
  int64_t step = old_strides.empty() ? 1 : old_strides.back();
  int64_t run = 1, filled = 1;
  // Runs of old dimensions that are contiguous among themselves are cut anew into new dimensions.
  for (int64_t d = static_cast<int64_t>(old_sizes.size()) - 1; d >= 0; --d) {
    run *= old_sizes[d];
    bool ends = d == 0 || (old_sizes[d - 1] != 1 && old_strides[d - 1] != run * step);
    if (!ends) continue;
    while (at >= 0 && (filled < run || new_sizes[at] == 1)) {
      strides[at] = filled * step;
      filled *= new_sizes[at];
      --at;
    }
    if (filled != run) return std::nullopt;
    if (d > 0) {
      step = old_strides[d - 1];
      run = filled = 1;
    }
  }
  if (old_sizes.empty()) {
    for (; at >= 0; --at) strides[at] = 1;
  }
  return at == -1 ? std::optional(strides) : std::nullopt;
}

namespace {
std::string list_text(Ints sizes) {
  std::string text;
  for (size_t i = 0; i < sizes.size(); ++i) text += (i ? ", " : "") + std::to_string(sizes[i]);
  return text;
}
}  // namespace

std::string shape_text(Ints sizes) { return "[" + list_text(sizes) + "]"; }
std::string tuple_text(Ints sizes) {
  return "(" + list_text(sizes) + (sizes.size() == 1 ? ",)" : ")");
}

}  // namespace fb
