// What every CPU kernel file begins with. Kernel files are compiled once per instruction set;
// everything they share as inline code lives in a namespace of that set, so that the linker never
// hands AVX-512 code to a machine without it.
#pragma once
#include "core/threads.h"
#include "ops/kernel.h"

#if defined(FB_ISA_v4)
#define FB_CPU_NAMESPACE cpu_v4
#define FB_CPU_RANK 2
#elif defined(FB_ISA_v3)
#define FB_CPU_NAMESPACE cpu_v3
#define FB_CPU_RANK 1
#else
#define FB_CPU_NAMESPACE cpu_portable
#define FB_CPU_RANK 0
#endif

namespace fb {
// Whether this machine runs code of the rank: 0 portable, 1 x86-64-v3, 2 x86-64-v4.
bool cpu_runs(int rank);
}  // namespace fb

// CPU_KERNEL(softmax, softmax_cpu): puts a function into its slot, if the machine can run it.
#define CPU_KERNEL(slot, function)                                                   \
  [[maybe_unused]] static const bool slot##_installed =                              \
      ::fb::cpu_runs(FB_CPU_RANK) &&                                                 \
      (decltype(::fb::kernels::slot)::Installer(::fb::kernels::slot, function,       \
                                                ::fb::DeviceType::CPU, FB_CPU_RANK), \
       true);
