#include "ops/sorting_kernels.h"

#include <algorithm>

#include "core/error.h"
#include "cpu/sort_keys.h"

namespace fb {
namespace {

// The last dimension of a contiguous tensor.
struct Rows {
  explicit Rows(const Tensor& t)
      : length(t.dim() ? t.sizes()[static_cast<size_t>(t.dim() - 1)] : 1) {
    count = length ? t.numel() / length : 0;
    FB_CHECK(length <= UINT32_MAX,
             "sorting takes at most 2^32 - 1 elements along a dimension, got ", length);
  }
  int64_t length, count;
};

// f(row number, entries, spare room) for each row, with its entries made.
template <class T, class F>
void each_row(const Tensor& input, bool descending, F&& f) {
  const Rows rows(input);
  const T* in = input.data<T>();
  parallel_for(0, rows.count, std::max<int64_t>(1, 2048 / std::max<int64_t>(rows.length, 1)),
               [&](int64_t from, int64_t to) {
                 Scratch<Entry<T>> room(2 * rows.length);
                 for (int64_t r = from; r < to; ++r) {
                   make_entries(room.data(), in + r * rows.length, rows.length, descending);
                   f(r, room.data(), room.data() + rows.length);
                 }
               });
}

template <class T>
void store(T* values, int64_t* indices, const T* row, const Entry<T>* e, int64_t n) {
  if (indices)
    for (int64_t i = 0; i < n; ++i) indices[i] = entry_place(e[i]);
  if (values)
    for (int64_t i = 0; i < n; ++i) values[i] = row[entry_place(e[i])];
}

template <class T>
T* data_or_null(const Tensor& t) {
  return t.defined() ? t.data<T>() : nullptr;
}

// --- sort ----------------------------------------------------------------------------------------

// How many of the first `n` entries of the merger of a and b come from a.
template <class E>
int64_t merge_split(const E* a, int64_t na, const E* b, int64_t nb, int64_t n) {
  int64_t low = std::max<int64_t>(0, n - nb), high = std::min(n, na);
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    if (a[middle] < b[n - middle - 1]) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

// Merges a and b by pieces of the result.
template <class E>
void merge_parts(const E* a, int64_t na, const E* b, int64_t nb, E* out) {
  constexpr int64_t kGrain = 1 << 14;
  parallel_for(0, na + nb, kGrain, [&](int64_t from, int64_t to) {
    const int64_t first = merge_split(a, na, b, nb, from), last = merge_split(a, na, b, nb, to);
    std::merge(a + first, a + last, b + (from - first), b + (to - last), out + from);
  });
}

// One long row: parts sorted side by side, then merged two by two.
template <class T>
void sort_long_row(T* values, int64_t* indices, const T* row, int64_t n, bool descending) {
  using E = Entry<T>;
  Scratch<E> room(2 * n);
  E *e = room.data(), *other = e + n;
  const int64_t parts = 8, size = (n + parts - 1) / parts;
  auto bound = [&](int64_t part) { return std::min(n, part * size); };
  parallel_for(0, parts, 1, [&](int64_t from, int64_t to) {
    const auto flip = static_cast<KeyOf<T>>(descending ? ~KeyOf<T>{0} : KeyOf<T>{0});
    for (int64_t p = from; p < to; ++p) {
      in_stretches(bound(p + 1) - bound(p), kStretch, [&](int64_t begin, int64_t end) {
        for (int64_t i = bound(p) + begin; i < bound(p) + end; ++i)
          e[i] = make_entry<E>(static_cast<KeyOf<T>>(order_key(row[i]) ^ flip),
                               static_cast<uint32_t>(i));
      });
      sort_entries<T>(e + bound(p), other + bound(p), bound(p + 1) - bound(p));
    }
  });
  for (int64_t width = 1; width < parts; width *= 2) {
    for (int64_t part = 0; part < parts; part += 2 * width) {
      const int64_t a = bound(part), b = bound(part + width), c = bound(part + 2 * width);
      merge_parts(e + a, b - a, e + b, c - b, other + a);
    }
    std::swap(e, other);
  }
  parallel_for(0, n, 1 << 15, [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; ++i) {
      const uint32_t place = entry_place(e[i]);
      if (indices) indices[i] = place;
      if (values) values[i] = row[place];
    }
  });
}

template <class T>
void sort_rows(const Tensor& values, const Tensor& indices, const Tensor& input, bool descending) {
  const Rows rows(input);
  const int64_t n = rows.length;
  T* to = data_or_null<T>(values);
  auto* places = data_or_null<int64_t>(indices);
  const T* in = input.data<T>();
  if (rows.count < 4 && n >= 1 << 16) {
    for (int64_t r = 0; r < rows.count; ++r)
      sort_long_row(to ? to + r * n : nullptr, places ? places + r * n : nullptr, in + r * n, n,
                    descending);
    return;
  }
  each_row<T>(input, descending, [&](int64_t r, Entry<T>* e, Entry<T>* other) {
    sort_entries<T>(e, other, n);
    store(to ? to + r * n : nullptr, places ? places + r * n : nullptr, in + r * n, e, n);
  });
}

void sort_cpu(const Tensor& input, const Tensor& values, const Tensor& indices, bool descending) {
  FB_DISPATCH(input.dtype(), FB_REAL_BOOL, "sort",
              { sort_rows<scalar_t>(values, indices, input, descending); });
}

// --- topk ----------------------------------------------------------------------------------------

constexpr int64_t kGroups = 64;

// A key that at least k of the row's are not above: the k-th of the smallest ones of kGroups
// groups.
template <class T>
KeyOf<T> bound_of_smallest(const T* row, int64_t n, int64_t k, bool descending) {
  KeyOf<T> keys[kGroups], least[kGroups];
  std::fill_n(least, kGroups, static_cast<KeyOf<T>>(~KeyOf<T>{0}));
  InterruptCheck<1 << 14> interrupted;
  for (int64_t start = 0; start + kGroups <= n; start += kGroups) {
    interrupted.step();
    make_keys(keys, row + start, kGroups, descending);
    for (int64_t g = 0; g < kGroups; ++g) least[g] = std::min(least[g], keys[g]);
  }
  std::nth_element(least, least + k - 1, least + kGroups);
  return least[k - 1];
}

// Puts the entries that are not above `bound` into `kept`; most are passed over in registers.
template <class T>
int64_t keep_within(KeyOf<T> bound, const T* row, int64_t n, bool descending, Entry<T>* kept) {
  constexpr int64_t kAtOnce = 32;
  KeyOf<T> keys[kAtOnce];
  int64_t count = 0;
  InterruptCheck<1 << 14> interrupted;
  for (int64_t start = 0; start < n; start += kAtOnce) {
    interrupted.step();
    const int64_t width = std::min(kAtOnce, n - start);
    make_keys(keys, row + start, width, descending);
    KeyOf<T> within = 0;  // as wide as the keys, so that the loop vectorises
    for (int64_t i = 0; i < width; ++i) within |= static_cast<KeyOf<T>>(keys[i] <= bound);
    if (!within) continue;
    for (int64_t i = 0; i < width; ++i) {
      kept[count] = make_entry<Entry<T>>(keys[i], static_cast<uint32_t>(start + i));
      count += keys[i] <= bound;
    }
  }
  return count;
}

// Room for one row's work.
template <class T>
struct TopkRoom {
  TopkRoom(int64_t n, int64_t k) : entries(n + 1), keys(n), other(k) {}
  Scratch<Entry<T>> entries;
  Scratch<KeyOf<T>> keys;
  Scratch<Entry<T>> other;
};

template <class T>
void topk_row(T* values, int64_t* indices, const T* row, int64_t n, int64_t k, bool largest,
              bool sorted, const TopkRoom<T>& room) {
  Entry<T>* e = room.entries.data();
  constexpr int64_t kFew = 512;
  if (n <= kFew) {
    make_entries(e, row, n, largest);
    if (k < n) std::nth_element(e, e + k - 1, e + n);
    if (sorted) std::sort(e, e + k);
  } else if (k <= kGroups && 8 * k < n) {
    const KeyOf<T> bound = bound_of_smallest(row, n, k, largest);
    const int64_t count = keep_within(bound, row, n, largest, e);
    if (k < count) std::nth_element(e, e + k - 1, e + count);
    if (sorted) std::sort(e, e + k);
  } else {
    const KeyOf<T>* keys = room.keys.data();
    make_keys(room.keys.data(), row, n, largest);
    const Entry<T> last = select_entry<T>(keys, n, k - 1, e);
    int64_t count = 0;
    in_stretches(n, kStretch, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const auto entry = make_entry<Entry<T>>(keys[i], static_cast<uint32_t>(i));
        e[count] = entry;
        count += !(last < entry);
      }
    });
    if (sorted) sort_entries<T>(e, room.other.data(), k);
  }
  store(values, indices, row, e, k);
}

template <class T>
void topk_rows(const Tensor& values, const Tensor& indices, const Tensor& input, bool largest,
               bool sorted) {
  const Rows rows(input);
  const int64_t n = rows.length, k = Rows(values).length;
  T* to = values.data<T>();
  auto* places = indices.data<int64_t>();
  const T* in = input.data<T>();
  parallel_for(0, rows.count, std::max<int64_t>(1, 8192 / std::max<int64_t>(n, 1)),
               [&](int64_t from, int64_t last) {
                 const TopkRoom<T> room(n, k);
                 for (int64_t r = from; r < last; ++r)
                   topk_row(to + r * k, places + r * k, in + r * n, n, k, largest, sorted, room);
               });
}

void topk_cpu(const Tensor& values, const Tensor& indices, const Tensor& input, bool largest,
              bool sorted) {
  if (values.numel() == 0) return;
  FB_DISPATCH(input.dtype(), FB_REAL, "topk_cpu",
              { topk_rows<scalar_t>(values, indices, input, largest, sorted); });
}

// --- selection, mode -----------------------------------------------------------------------------

template <class T>
void select_rows(const Tensor& values, const Tensor& indices, const Tensor& input,
                 const Tensor& k) {
  const Rows rows(input);
  const int64_t n = rows.length;
  const auto* wanted = k.data<int64_t>();
  T* to = values.data<T>();
  auto* places = indices.data<int64_t>();
  const T* in = input.data<T>();
  const bool each = k.numel() > 1;
  parallel_for(0, rows.count, std::max<int64_t>(1, 8192 / n), [&](int64_t from, int64_t last) {
    Scratch<KeyOf<T>> keys(n);
    Scratch<Entry<T>> room(n + 1);
    for (int64_t r = from; r < last; ++r) {
      make_keys(keys.data(), in + r * n, n, false);
      const Entry<T> found = select_entry<T>(keys.data(), n, wanted[each ? r : 0], room.data());
      store(to + r, places + r, in + r * n, &found, 1);
    }
  });
}

void select_kth_cpu(const Tensor& values, const Tensor& indices, const Tensor& input,
                    const Tensor& k) {
  if (values.numel() == 0) return;
  FB_DISPATCH(input.dtype(), FB_REAL_BOOL, "kthvalue_cpu",
              { select_rows<scalar_t>(values, indices, input, k); });
}

template <class T>
void mode_rows(const Tensor& values, const Tensor& indices, const Tensor& input) {
  const int64_t n = Rows(input).length;
  T* to = values.data<T>();
  auto* places = indices.data<int64_t>();
  const T* in = input.data<T>();
  each_row<T>(input, false, [&](int64_t r, Entry<T>* e, Entry<T>* other) {
    sort_entries<T>(e, other, n);
    int64_t best = 0, longest = 0;
    for (int64_t i = 0; i < n;) {
      int64_t end = i + 1;
      while (end < n && entry_key(e[end]) == entry_key(e[i])) ++end;
      if (end - i > longest) {
        longest = end - i;
        best = end - 1;
      }
      i = end;
    }
    store(to + r, places + r, in + r * n, e + best, 1);
  });
}

void mode_cpu(const Tensor& values, const Tensor& indices, const Tensor& input) {
  if (values.numel() == 0) return;
  FB_DISPATCH(input.dtype(), FB_REAL_BOOL, "mode",
              { mode_rows<scalar_t>(values, indices, input); });
}

CPU_KERNEL(sort, sort_cpu)
CPU_KERNEL(topk, topk_cpu)
CPU_KERNEL(select_kth, select_kth_cpu)
CPU_KERNEL(mode, mode_cpu)

}  // namespace
}  // namespace fb
