// Between tensors and the split arrays that transforms work on: a tile of kFftTile interleaved
// lines, or one line.
#pragma once
#include "core/threads.h"
#include "cpu/fft_passes.h"
#include "cpu/fft_shuffle.h"

namespace fb::inline FB_CPU_NAMESPACE::fft {

// Lines of a tensor. Element j of line c has its parts at re[offset[c] + j * step] and im[...]; no
// im: real numbers.
template <class T>
struct Lines {
  T* re;
  T* im;
  int64_t step;
  int64_t count;
  int64_t offset[kFftTile];

  bool pairs() const { return im == re + 1; }
  // Neighbouring lines are `distance` apart all over the tile.
  bool side_by_side(int64_t distance) const {
    if (count < kFftTile) return false;
    for (int64_t c = 1; c < kFftTile; ++c)
      if (offset[c] - offset[c - 1] != distance) return false;
    return true;
  }
};

constexpr int64_t kMoveGrain = 1 << 15;

// --- tiles ---------------------------------------------------------------------------------------

// Blocks of kLanes lines times kLanes numbers that lie one after another in each line, transposed.
// f(number, lane, vector) gets kLanes lines of a number.
template <class T, class F>
FB_INLINE void transposed_numbers(const T* from, const int64_t* offset, int64_t numbers, F&& f) {
  constexpr int L = kLanes<T>;
  using V = Vector<T>;
  for (int64_t lane = 0; lane < kFftTile; lane += L)
    for (int64_t i = 0; i + L <= numbers; i += L) {
      V rows[L];
#pragma GCC unroll 16
      for (int c = 0; c < L; ++c) rows[c] = load_lanes<V>(from + offset[lane + c] + i);
      transpose<T, L>(rows);
#pragma GCC unroll 16
      for (int c = 0; c < L; ++c) f(i + c, lane, rows[c]);
    }
}

// `n` elements of each line into to[j * kFftTile + c]; lines that are missing repeat the last one.
template <class T>
void load_tile(const Lines<const T>& lines, int64_t n, Split<T> to) {
  constexpr int L = kLanes<T>;
  using V = Vector<T>;
  int64_t done = 0;
  if (lines.pairs() && lines.step == 2) {
    transposed_numbers<T>(lines.re, lines.offset, 2 * n, [&](int64_t i, int64_t lane, V v) {
      store_lanes((i % 2 ? to.im : to.re) + i / 2 * kFftTile + lane, v);
    });
    done = 2 * n / L * L / 2;
  } else if (!lines.im && lines.step == 1) {
    transposed_numbers<T>(lines.re, lines.offset, n, [&](int64_t i, int64_t lane, V v) {
      store_lanes(to.re + i * kFftTile + lane, v);
      store_lanes(to.im + i * kFftTile + lane, V{});
    });
    done = n / L * L;
  } else if (lines.pairs() && lines.side_by_side(2)) {
    for (; done < n; ++done)
      for (int64_t c = 0; c < kFftTile; c += L) {
        const T* from = lines.re + lines.offset[c] + done * lines.step;
        V re, im;
        unzip<T>(load_lanes<V>(from), load_lanes<V>(from + L), re, im);
        store_lanes(to.re + done * kFftTile + c, re);
        store_lanes(to.im + done * kFftTile + c, im);
      }
  } else if (lines.side_by_side(1)) {
    for (; done < n; ++done)
      for (int64_t c = 0; c < kFftTile; c += L) {
        const int64_t at = lines.offset[c] + done * lines.step;
        store_lanes(to.re + done * kFftTile + c, load_lanes<V>(lines.re + at));
        store_lanes(to.im + done * kFftTile + c, lines.im ? load_lanes<V>(lines.im + at) : V{});
      }
  }
  for (; done < n; ++done)
    for (int64_t c = 0; c < kFftTile; ++c) {
      const int64_t at = lines.offset[c] + done * lines.step;
      to.re[done * kFftTile + c] = lines.re[at];
      to.im[done * kFftTile + c] = lines.im ? lines.im[at] : T(0);
    }
}

template <class T>
void store_tile(const Lines<T>& lines, int64_t n, Split<const T> from, T scale) {
  constexpr int L = kLanes<T>;
  using V = Vector<T>;
  int64_t done = 0;
  if (lines.pairs() && lines.step == 2 && lines.count == kFftTile) {
    for (int64_t lane = 0; lane < kFftTile; lane += L)
      for (int64_t i = 0; i + L <= 2 * n; i += L) {
        V rows[L];
#pragma GCC unroll 16
        for (int k = 0; k < L; ++k)
          rows[k] =
              scale * load_lanes<V>((k % 2 ? from.im : from.re) + (i + k) / 2 * kFftTile + lane);
        transpose<T, L>(rows);
#pragma GCC unroll 16
        for (int c = 0; c < L; ++c) store_lanes(lines.re + lines.offset[lane + c] + i, rows[c]);
      }
    done = 2 * n / L * L / 2;
  } else if (lines.pairs() && lines.side_by_side(2)) {
    for (; done < n; ++done)
      for (int64_t c = 0; c < kFftTile; c += L) {
        T* to = lines.re + lines.offset[c] + done * lines.step;
        V low, high;
        zip<T>(scale * load_lanes<V>(from.re + done * kFftTile + c),
               scale * load_lanes<V>(from.im + done * kFftTile + c), low, high);
        store_lanes(to, low);
        store_lanes(to + L, high);
      }
  } else if (lines.side_by_side(1)) {
    for (; done < n; ++done)
      for (int64_t c = 0; c < kFftTile; c += L) {
        const int64_t at = lines.offset[c] + done * lines.step, i = done * kFftTile + c;
        store_lanes(lines.re + at, scale * load_lanes<V>(from.re + i));
        if (lines.im) store_lanes(lines.im + at, scale * load_lanes<V>(from.im + i));
      }
  }
  for (; done < n; ++done)
    for (int64_t c = 0; c < lines.count; ++c) {
      const int64_t at = lines.offset[c] + done * lines.step, i = done * kFftTile + c;
      lines.re[at] = scale * from.re[i];
      if (lines.im) lines.im[at] = scale * from.im[i];
    }
}

// --- single lines --------------------------------------------------------------------------------

template <class T>
void load_line(const Lines<const T>& lines, int64_t n, Split<T> to) {
  constexpr int L = kLanes<T>;
  using V = Vector<T>;
  parallel_for(0, n, kMoveGrain, [&](int64_t begin, int64_t end) {
    const T *re = lines.re + lines.offset[0], *im = lines.im ? lines.im + lines.offset[0] : nullptr;
    const int64_t step = lines.step;
    int64_t j = begin;
    if (lines.pairs() && step == 2)
      for (; j + L <= end; j += L) {
        V a, b;
        unzip<T>(load_lanes<V>(re + 2 * j), load_lanes<V>(re + 2 * j + L), a, b);
        store_lanes(to.re + j, a);
        store_lanes(to.im + j, b);
      }
    for (; j < end; ++j) {
      to.re[j] = re[j * step];
      to.im[j] = im ? im[j * step] : T(0);
    }
  });
}

template <class T>
void store_line(const Lines<T>& lines, int64_t n, Split<const T> from, T scale) {
  constexpr int L = kLanes<T>;
  using V = Vector<T>;
  parallel_for(0, n, kMoveGrain, [&](int64_t begin, int64_t end) {
    T *re = lines.re + lines.offset[0], *im = lines.im ? lines.im + lines.offset[0] : nullptr;
    const int64_t step = lines.step;
    int64_t j = begin;
    if (lines.pairs() && step == 2)
      for (; j + L <= end; j += L) {
        V low, high;
        zip<T>(scale * load_lanes<V>(from.re + j), scale * load_lanes<V>(from.im + j), low, high);
        store_lanes(re + 2 * j, low);
        store_lanes(re + 2 * j + L, high);
      }
    for (; j < end; ++j) {
      re[j * step] = scale * from.re[j];
      if (im) im[j * step] = scale * from.im[j];
    }
  });
}

}  // namespace fb::inline FB_CPU_NAMESPACE::fft
