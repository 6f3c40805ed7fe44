#pragma once
#include "ops/kernel.h"

// Queries (..., L, E), keys (..., S, E), values (..., S, Ev) and out (..., L, Ev) agree in their
// leading dimensions and are not empty; the stride of the last one is 1. `logs` (..., L),
// contiguous and of the type computed in, is the logarithm of the sum of a query's exponentials.
FB_KERNEL(attention, const Tensor& out, const Tensor& logs, const Tensor& query, const Tensor& key,
          const Tensor& value, double scale, bool causal)
FB_KERNEL(attention_backward, const Tensor& dquery, const Tensor& dkey, const Tensor& dvalue,
          const Tensor& dout, const Tensor& logs, const Tensor& query, const Tensor& key,
          const Tensor& value, double scale, bool causal)
