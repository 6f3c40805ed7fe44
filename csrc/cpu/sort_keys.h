// Sorting by keys: each element becomes an unsigned integer of the same order, NaN above every
// number and -0 equal to 0, and travels with its place. Keys with places are all different, so that
// every order among equal elements is the stable one.
#pragma once
#include <algorithm>
#include <bit>
#include <cstring>

#include "core/allocator.h"
#include "core/interrupt.h"
#include "cpu/fold.h"

namespace fb::inline FB_CPU_NAMESPACE {

constexpr int64_t kStretch = 1 << 20;  // elements between questions of whether to go on

template <size_t kBytes> struct UnsignedOf;
template <> struct UnsignedOf<1> {
  using type = uint8_t;
};
template <> struct UnsignedOf<2> {
  using type = uint16_t;
};
template <> struct UnsignedOf<4> {
  using type = uint32_t;
};
template <> struct UnsignedOf<8> {
  using type = uint64_t;
};
template <class T> using KeyOf = typename UnsignedOf<sizeof(T)>::type;

template <class T>
KeyOf<T> order_key(T x) {
  using U = KeyOf<T>;
  constexpr U kTop = static_cast<U>(U{1} << (8 * sizeof(U) - 1));
  U bits = std::bit_cast<U>(x);
  if constexpr (is_floating(dtype_of<T>)) {
    constexpr U kInfinity = sizeof(T) == 8                ? static_cast<U>(0x7ff0000000000000)
                            : sizeof(T) == 4              ? static_cast<U>(0x7f800000)
                            : std::is_same_v<T, BFloat16> ? static_cast<U>(0x7f80)
                                                          : static_cast<U>(0x7c00);
    const U magnitude = static_cast<U>(bits & static_cast<U>(~kTop));
    U key = bits & kTop ? static_cast<U>(~bits) : static_cast<U>(bits | kTop);
    key = magnitude == 0 ? kTop : key;
    return magnitude > kInfinity ? static_cast<U>(~U{0}) : key;
  } else if constexpr (std::is_signed_v<T>) {
    return static_cast<U>(bits ^ kTop);
  } else {
    return bits;
  }
}

// A key and a place, compared as one.
struct WideEntry {
  uint64_t key;
  uint32_t place;
  bool operator<(const WideEntry& o) const { return key != o.key ? key < o.key : place < o.place; }
};
template <class T> using Entry = std::conditional_t<sizeof(T) == 8, WideEntry, uint64_t>;

inline uint64_t entry_key(uint64_t e) { return e >> 32; }
inline uint64_t entry_key(const WideEntry& e) { return e.key; }
inline uint32_t entry_place(uint64_t e) { return static_cast<uint32_t>(e); }
inline uint32_t entry_place(const WideEntry& e) { return e.place; }
template <class E>
E make_entry(uint64_t key, uint32_t place) {
  if constexpr (std::is_same_v<E, WideEntry>) {
    return {key, place};
  } else {
    return key << 32 | place;
  }
}

// Entries of a row; with `descending` keys are turned around.
template <class T>
void make_entries(Entry<T>* entries, const T* row, int64_t n, bool descending) {
  const auto flip = static_cast<KeyOf<T>>(descending ? ~KeyOf<T>{0} : KeyOf<T>{0});
  in_stretches(n, kStretch, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      entries[i] = make_entry<Entry<T>>(static_cast<KeyOf<T>>(order_key(row[i]) ^ flip),
                                        static_cast<uint32_t>(i));
  });
}

template <class E>
void insertion_sort(E* e, int64_t n) {
  for (int64_t i = 1; i < n; ++i) {
    const E x = e[i];
    int64_t k = i;
    for (; k > 0 && x < e[k - 1]; --k) e[k] = e[k - 1];
    e[k] = x;
  }
}

// From the least significant digit on; digits that are equal in all keys are skipped. The result
// lies in `e`.
template <int kKeyBytes, class E>
void radix_sort(E* e, E* other, int64_t n) {
  constexpr int kBits = 8, kDigits = kKeyBytes, kBuckets = 1 << kBits;
  uint32_t counts[kDigits][kBuckets] = {};
  in_stretches(n, kStretch, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const uint64_t key = entry_key(e[i]);
      for (int d = 0; d < kDigits; ++d) ++counts[d][key >> (d * kBits) & (kBuckets - 1)];
    }
  });
  E *from = e, *to = other;
  for (int d = 0; d < kDigits; ++d) {
    const int shift = d * kBits;
    if (counts[d][entry_key(from[0]) >> shift & (kBuckets - 1)] == n) continue;
    uint32_t at[kBuckets], sum = 0;
    for (int b = 0; b < kBuckets; ++b) {
      at[b] = sum;
      sum += counts[d][b];
    }
    in_stretches(n, kStretch, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        to[at[entry_key(from[i]) >> shift & (kBuckets - 1)]++] = from[i];
    });
    std::swap(from, to);
  }
  if (from != e) std::memcpy(static_cast<void*>(e), from, static_cast<size_t>(n) * sizeof(E));
}

// Sorts n entries; `other` has room for as many.
template <class T>
void sort_entries(Entry<T>* e, Entry<T>* other, int64_t n) {
  if (n <= 48) {
    insertion_sort(e, n);
  } else {
    radix_sort<sizeof(T)>(e, other, n);
  }
}

// Keys of a row.
template <class T>
void make_keys(KeyOf<T>* keys, const T* row, int64_t n, bool descending) {
  const auto flip = static_cast<KeyOf<T>>(descending ? ~KeyOf<T>{0} : KeyOf<T>{0});
  in_stretches(n, kStretch, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) keys[i] = static_cast<KeyOf<T>>(order_key(row[i]) ^ flip);
  });
}

// The entry at position k of the order: only the elements that share its leading bits are compared.
// `room` takes n entries.
template <class T>
Entry<T> select_entry(const KeyOf<T>* keys, int64_t n, int64_t k, Entry<T>* room) {
  using E = Entry<T>;
  constexpr int kBits = sizeof(T) == 1 ? 8 : 11;
  KeyOf<T> differing = 0;
  in_stretches(n, kStretch, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) differing |= keys[i] ^ keys[0];
  });
  const int top = static_cast<int>(std::bit_width(static_cast<uint64_t>(differing)));
  const int shift = std::max(0, top - kBits);
  const uint64_t mask = (uint64_t{1} << kBits) - 1;
  uint32_t counts[1 << kBits] = {};
  in_stretches(n, kStretch, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) ++counts[static_cast<uint64_t>(keys[i]) >> shift & mask];
  });
  uint64_t bucket = 0;
  int64_t before = 0;
  while (before + counts[bucket] <= k) before += counts[bucket++];
  int64_t found = 0;
  in_stretches(n, kStretch, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      room[found] = make_entry<E>(keys[i], static_cast<uint32_t>(i));
      found += (static_cast<uint64_t>(keys[i]) >> shift & mask) == bucket;
    }
  });
  std::nth_element(room, room + (k - before), room + found);
  return room[k - before];
}

}  // namespace fb::inline FB_CPU_NAMESPACE
