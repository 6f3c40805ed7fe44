#pragma once
#include "ops/kernel.h"

namespace fb {

// The places, in the order of time, of what the s-th of all steps reads and writes.
struct LstmStep {
  LstmStep(int64_t s, int64_t steps, bool reverse)
      : time(reverse ? steps - 1 - s : s),
        before(reverse ? time + 1 : time),
        after(reverse ? time : time + 1) {}
  int64_t time, before, after;
};

}  // namespace fb

// All tensors are contiguous and of one type. `gates` is rows x 4 size, in the order i, f, g, o,
// before their nonlinearities; `active` after them.
FB_KERNEL(lstm_cell, const Tensor& h, const Tensor& c, const Tensor& active, const Tensor& gates,
          const Tensor& old_c)
// `dh` and `dc` may be undefined.
FB_KERNEL(lstm_cell_backward, const Tensor& dgates, const Tensor& dold_c, const Tensor& dh,
          const Tensor& dc, const Tensor& active, const Tensor& old_c, const Tensor& c)
// The steps of a layer over T x N x 4 size projected inputs, from the last to the first in reverse.
// `states` and `cells` are (T + 1) x N x size: before and after each step, in the order of time;
// `h` and `c` are where they begin.
FB_KERNEL(lstm_layer, const Tensor& states, const Tensor& cells, const Tensor& active,
          const Tensor& projected, const Tensor& h, const Tensor& c, const Tensor& weight,
          bool reverse)
// `dstates` and `dcells` may be undefined.
FB_KERNEL(lstm_layer_backward, const Tensor& dprojected, const Tensor& dh, const Tensor& dc,
          const Tensor& dstates, const Tensor& dcells, const Tensor& active, const Tensor& cells,
          const Tensor& weight, bool reverse)
// `x` and `s`, the projections of input and state, are rows x 3 size, in the order r, z, n;
// `active` is rows x 3 size.
FB_KERNEL(gru_cell, const Tensor& h, const Tensor& active, const Tensor& x, const Tensor& s,
          const Tensor& old_h)
FB_KERNEL(gru_cell_backward, const Tensor& dx, const Tensor& ds, const Tensor& dold_h,
          const Tensor& dh, const Tensor& active, const Tensor& s, const Tensor& old_h)
