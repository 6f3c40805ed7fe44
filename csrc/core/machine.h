// What this process may use of the machine: control groups and CPU affinity count, not the
// hardware.
#pragma once
#include <cstddef>

namespace fb {

// Bytes of memory the process may use: RAM and swap, or the limit of its control group if lower.
size_t memory_limit();

// Bytes that can still be had without swapping or being killed. Reads files: some 50 microseconds.
size_t memory_available();

// Processors the process may keep busy: its affinity mask, or its quota (rounded up) if lower.
int cpu_limit();

}  // namespace fb
