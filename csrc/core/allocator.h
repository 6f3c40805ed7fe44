// Memory for CPU tensors. PyTorch returns every large temporary to the system and pays a page fault
// per page for the next one; here released blocks are kept and used again, up to a cap.
#pragma once
#include <cstddef>

namespace fb {

// Uninitialised memory aligned to 64 bytes; nullptr for 0 bytes. Throws Error(OutOfMemory).
void* cpu_allocate(size_t nbytes);

// Takes back what cpu_allocate(nbytes) returned, on any thread.
void cpu_release(void* p, size_t nbytes) noexcept;

// `allocated` is the sum of the sizes asked for, `reserved` what the system has given (blocks in
// use and cached). Peaks see blocks up to 32 KiB only when a thread's own list runs empty, so they
// may lag behind by a few hundred KiB per thread. `cache_hits` are the `allocations` for which the
// system was not asked.
struct MemoryStats {
  size_t allocated, reserved, peak_allocated, peak_reserved, allocations, cache_hits;
};
MemoryStats memory_stats();
void reset_peak_memory();

// Gives all unused memory back to the system, except what other threads hold in their own lists of
// small blocks (at most a few MiB per thread).
void empty_cache();

// The most bytes kept in unused blocks above 32 KiB; the oldest go first. The default is the
// environment variable FLAMBEAU_CACHE_BYTES, else a quarter of the memory the process may use.
void set_memory_cap(size_t bytes);

}  // namespace fb
