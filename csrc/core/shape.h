// Arithmetic on sizes and strides. Strides are in elements.
#pragma once
#include <optional>
#include <span>
#include <string>

#include "core/small_vector.h"

namespace fb {

using Dims = SmallVector<int64_t, 5>;
using Ints = std::span<const int64_t>;

enum class MemoryFormat : uint8_t { Contiguous, ChannelsLast, ChannelsLast3d, Preserve };

// Product of the sizes; an error where it overflows or a size is negative.
int64_t count_elements(Ints sizes);
Dims contiguous_strides(Ints sizes);
Dims strides_for(Ints sizes, MemoryFormat format);
bool is_contiguous(Ints sizes, Ints strides);
bool is_channels_last(Ints sizes, Ints strides);
// No element is visited twice and none is skipped in the spanned memory, in whatever order.
bool is_dense(Ints sizes, Ints strides);
// Bytes-free extent: elements from the first to one past the last that is addressed.
int64_t storage_extent(Ints sizes, Ints strides);

// -1 .. ndim-1 to 0 .. ndim-1; IndexError with PyTorch's words when out of range. A 0-d tensor
// counts as 1-d.
int64_t wrap_dim(int64_t dim, int64_t ndim);
// The shape both broadcast to; PyTorch's error when they don't.
Dims broadcast_shapes(Ints a, Ints b);
bool broadcasts_to(Ints from, Ints to);
// Replaces one -1 by what `numel` asks for.
Dims infer_size(Ints wanted, int64_t numel);
// The strides of a view of the given sizes, if there is one without copying.
std::optional<Dims> view_strides(Ints old_sizes, Ints old_strides, Ints new_sizes);

// "[2, 3]"
std::string shape_text(Ints sizes);
// "(2, 3)"
std::string tuple_text(Ints sizes);

inline bool same_shape(Ints a, Ints b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (a[i] != b[i]) return false;
  return true;
}

}  // namespace fb
