// What extremes and their places share.
#pragma once
#include "cpu/fold.h"

// bool is ordered as its bytes are.
#define DISPATCH_ORDERED(dtype, name, ...) \
  FB_DISPATCH((dtype) == DType::Bool ? DType::UInt8 : (dtype), FB_REAL, name, __VA_ARGS__)
