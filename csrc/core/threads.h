// Parallel loops on the library's own pool of threads. The caller always works and never waits for
// a helper that has not begun, so a busy machine costs the helpers' share and no more.
#pragma once
#include <algorithm>
#include <cstdint>

#include "core/function_ref.h"

namespace fb {

// Threads a parallel loop may use, its caller included. The default is what the process may keep
// busy (affinity, control group quota); the environment variable FLAMBEAU_NUM_THREADS overrides it.
int num_threads();
void set_num_threads(int n);

// True inside of a body that parallel_chunks shares with helpers: loops begun there run serially.
bool in_parallel_region();

// Runs body(chunk) for every chunk in [0, chunks) once, on the caller and on helpers, in no
// particular order. The first exception reaches the caller; chunks not begun by then are dropped.
// Between chunks the caller asks whether it is interrupted (core/interrupt.h).
void parallel_chunks(int64_t chunks, FunctionRef<void(int64_t)> body);

// Splits [begin, end) into pieces of at least `grain` (all of it, if shorter) and runs body(b, e).
// There are more pieces than threads, so that a thread held up elsewhere keeps few; and none is so
// long that a Ctrl-C would wait for it, as a grain is some 20 to 200 us of work.
template <class F>
void parallel_for(int64_t begin, int64_t end, int64_t grain, F&& body) {
  constexpr int64_t kPiecesPerThread = 4, kMostGrains = 64, kMostPieces = 1 << 16;
  if (begin >= end) return;
  const int64_t count = end - begin, grains = count / std::max<int64_t>(grain, 1);
  int64_t pieces = 1;
  if (grains > 1 && !in_parallel_region()) {
    const int64_t threads = num_threads(), wanted = threads > 1 ? kPiecesPerThread * threads : 1;
    pieces = std::min(grains, std::max(wanted, std::min(grains / kMostGrains, kMostPieces)));
  }
  if (pieces == 1) {
    body(begin, end);
    return;
  }
  const int64_t size = count / pieces, longer = count % pieces;  // the first `longer` have one more
  parallel_chunks(pieces, [&](int64_t i) {
    const int64_t from = begin + i * size + std::min(i, longer);
    body(from, from + size + (i < longer ? 1 : 0));
  });
}

}  // namespace fb
