#pragma once
#include "ops/kernel.h"

// All are contiguous. out (int64 or int32) and values have one shape; boundaries, of the values'
// type, are one ascending row for all of them, or one for each row of values. sorter (int64, may be
// undefined) puts the boundaries into order.
FB_KERNEL(search_sorted, const Tensor& out, const Tensor& values, const Tensor& boundaries,
          const Tensor& sorter, bool right)
