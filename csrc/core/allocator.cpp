#include "core/allocator.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>

#include "core/block_cache.h"
#include "core/error.h"
#include "core/machine.h"

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

// A variable of the executable's static TLS block: one instruction to reach even from a shared
// object.
#if defined(__linux__)
#define FB_FAST_TLS [[gnu::tls_model("initial-exec")]] thread_local
#else
#define FB_FAST_TLS thread_local
#endif

namespace fb {
namespace {

// AddressSanitizer can only see a use after release if nothing is kept.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kBypass = true;
#else
constexpr bool kBypass = false;
#endif

constexpr size_t kAlignment = 64;
constexpr size_t kSlabBytes = size_t{256} << 10;
constexpr int kSmallClasses = 36;
constexpr size_t kLargestRequest = ~size_t{0} >> 2;  // so that rounding up cannot overflow

// Small classes: multiples of 64 up to 1 KiB, then four per power of two up to kSmallLimit.
inline int small_class(size_t nbytes) {
  const size_t last = nbytes - 1;
  if (last < 1024) return static_cast<int>(last / kAlignment);
  const int exponent = static_cast<int>(std::bit_width(last)) - 1;
  return 16 + (exponent - 10) * 4 + static_cast<int>((last >> (exponent - 2)) & 3);
}

constexpr auto kClassBytes = [] {
  std::array<size_t, kSmallClasses> bytes{};
  for (size_t c = 0; c < bytes.size(); ++c) {
    bytes[c] = c < 16 ? (c + 1) * kAlignment : (5 + c % 4) << (8 + (c - 16) / 4);
  }
  return bytes;
}();
static_assert(kClassBytes[15] == 1024 && kClassBytes[16] == 1280);
static_assert(kClassBytes[kSmallClasses - 1] == kSmallLimit);

// How many blocks move at a time between a thread and the central list.
constexpr auto kBatch = [] {
  std::array<uint32_t, kSmallClasses> counts{};
  for (size_t c = 0; c < counts.size(); ++c) {
    counts[c] = static_cast<uint32_t>(std::clamp<size_t>(kSmallLimit / kClassBytes[c], 2, 64));
  }
  return counts;
}();

struct FreeItem {
  FreeItem* next;
};

struct FreeList {
  FreeItem* head = nullptr;
  uint32_t count = 0;

  void push(void* memory) {
    head = new (memory) FreeItem{head};
    ++count;
  }
  void* pop() {
    FreeItem* item = head;
    head = item->next;
    --count;
    return item;
  }
};

// Small blocks are cut from slabs, aligned to their size so that a block leads to its slab.
struct Slab {
  Slab* next;
  uint32_t cut, free;  // `free` counts only within trim()
};

Slab* slab_of(void* block) {
  return reinterpret_cast<Slab*>(reinterpret_cast<uintptr_t>(block) & ~(kSlabBytes - 1));
}
char* first_block(Slab* slab) { return reinterpret_cast<char*>(slab) + kAlignment; }

struct SmallPool {
  FreeList free;
  Slab* slab = nullptr;  // the one being cut
  char* next = nullptr;
};

// Written by its thread only; atomic because memory_stats() reads from others.
struct OwnedCounter {
  std::atomic<int64_t> value{0};
  void add(int64_t n) {
    value.store(value.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  int64_t get() const { return value.load(std::memory_order_relaxed); }
  int64_t take() {
    const int64_t n = get();
    value.store(0, std::memory_order_relaxed);
    return n;
  }
};

// A thread's own free blocks. The counters hold what the central ones do not know yet.
struct ThreadCache {
  std::array<FreeList, kSmallClasses> lists;
  OwnedCounter allocated, allocations;
  ThreadCache *next = nullptr, *previous = nullptr;
};

struct Central {
  std::mutex mutex;
  std::array<SmallPool, kSmallClasses> small;
  BlockCache blocks;
  ThreadCache* threads = nullptr;
  size_t cap = 0;
  bool cap_known = false;
  size_t mapped_unchecked = 0;
  int64_t allocated = 0, reserved = 0, peak_allocated = 0, peak_reserved = 0;
  int64_t block_bytes = 0;  // the part of `allocated` above the small sizes
  int64_t allocations = 0, misses = 0;

  void note_peaks() {
    peak_allocated = std::max(peak_allocated, allocated);
    peak_reserved = std::max(peak_reserved, reserved);
  }
};

// Never destroyed: tensors of static objects are released after main().
constinit union Immortal {
  constexpr Immortal() : central() {}
  ~Immortal() {}
  Central central;
} immortal;
Central& central = immortal.central;

FB_FAST_TLS ThreadCache* thread_cache = nullptr;
FB_FAST_TLS bool thread_ended = false;

#if defined(__unix__) || defined(__APPLE__)
// A forked child inherits the mutex: it must not be in the hands of a thread that is gone.
[[maybe_unused]] const int fork_handlers = pthread_atfork(
    [] { central.mutex.lock(); }, [] { central.mutex.unlock(); }, [] { central.mutex.unlock(); });
#endif

std::string in_words(size_t bytes) {
  constexpr const char* kUnits[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = static_cast<double>(bytes);
  int unit = 0;
  for (; value >= 1024 && unit < 6; ++unit) value /= 1024;
  std::ostringstream text;
  text.precision(unit == 0 ? 20 : 4);
  text << value << ' ' << kUnits[unit];
  return text.str();
}

[[noreturn, gnu::cold]] void out_of_memory(size_t nbytes) {
  const MemoryStats stats = memory_stats();
  raise(ErrorKind::OutOfMemory, "can't allocate memory: tried to allocate ", nbytes, " bytes (",
        in_words(nbytes), ") on the CPU while tensors hold ", in_words(stats.allocated),
        " and this process may use ", in_words(memory_limit()),
        ". Use a smaller batch or shape, a smaller dtype, or release tensors that are not needed.");
}

size_t default_cap() {
  const char* text = std::getenv("FLAMBEAU_CACHE_BYTES");
  if (text == nullptr || *text == '\0') return memory_limit() / 4;
  size_t bytes = 0;
  const char* end = text + std::strlen(text);
  const auto parsed = std::from_chars(text, end, bytes);
  FB_CHECK_VALUE(parsed.ec == std::errc() && parsed.ptr == end,
                 "FLAMBEAU_CACHE_BYTES must be a whole number of bytes, got '", text, "'.");
  return bytes;
}

// ---- Small blocks ----

// Moves up to `count` blocks to `list`; fewer, perhaps none, if the system has no memory left.
void fetch_locked(int c, uint32_t count, FreeList& list) {
  SmallPool& pool = central.small[c];
  for (; count > 0 && pool.free.head != nullptr; --count) list.push(pool.free.pop());
  if (list.head != nullptr || count == 0) return;
  const size_t bytes = kClassBytes[c];
  if (pool.slab == nullptr || pool.next + bytes > reinterpret_cast<char*>(pool.slab) + kSlabBytes) {
    void* pages = map_pages(kSlabBytes, kSlabBytes);
    if (pages == nullptr) return;
    pool.slab = new (pages) Slab{nullptr, 0, 0};
    pool.next = first_block(pool.slab);
    central.reserved += kSlabBytes;
    ++central.misses;
  }
  char* end = reinterpret_cast<char*>(pool.slab) + kSlabBytes;
  for (; count > 0 && pool.next + bytes <= end; --count, pool.next += bytes) {
    list.push(pool.next);
    ++pool.slab->cut;
  }
}

// Takes the slabs of which no block is in use out of a pool, chained.
Slab* trim_locked(SmallPool& pool) {
  for (FreeItem* item = pool.free.head; item != nullptr; item = item->next) ++slab_of(item)->free;
  FreeList kept;
  Slab* unused = nullptr;
  while (pool.free.head != nullptr) {
    void* block = pool.free.pop();
    Slab* slab = slab_of(block);
    if (slab->free < slab->cut) {
      kept.push(block);
    } else if (block == first_block(slab)) {
      slab->next = unused;
      unused = slab;
      if (slab == pool.slab) pool.slab = nullptr;
    }
  }
  for (FreeItem* item = kept.head; item != nullptr; item = item->next) slab_of(item)->free = 0;
  pool.free = kept;
  return unused;
}

void fold_counters_locked(ThreadCache& cache) {
  central.allocated += cache.allocated.take();
  central.allocations += cache.allocations.take();
  central.note_peaks();
}

void drain_locked(ThreadCache& cache) {
  for (int c = 0; c < kSmallClasses; ++c) {
    while (cache.lists[c].head != nullptr) central.small[c].free.push(cache.lists[c].pop());
  }
  fold_counters_locked(cache);
}

struct ThreadEnd {
  ~ThreadEnd() {
    ThreadCache* cache = thread_cache;
    thread_cache = nullptr;
    thread_ended = true;
    if (cache == nullptr) return;
    const std::lock_guard lock(central.mutex);
    drain_locked(*cache);
    (cache->previous != nullptr ? cache->previous->next : central.threads) = cache->next;
    if (cache->next != nullptr) cache->next->previous = cache->previous;
    delete cache;
  }
  void arm() {}  // an access constructs the object, and so registers its destructor
};
thread_local ThreadEnd thread_end;

// The thread's cache; nullptr while the thread is being torn down or where memory ran out.
ThreadCache* open_thread_cache() {
  if (thread_ended) return nullptr;
  ThreadCache* cache = new (std::nothrow) ThreadCache;
  if (cache == nullptr) return nullptr;
  thread_end.arm();
  const std::lock_guard lock(central.mutex);
  cache->next = central.threads;
  if (cache->next != nullptr) cache->next->previous = cache;
  central.threads = cache;
  thread_cache = cache;
  return cache;
}

void* fetch(int c, uint32_t count, FreeList& list, ThreadCache* cache) {
  for (bool last_try : {false, true}) {
    {
      const std::lock_guard lock(central.mutex);
      fetch_locked(c, count, list);
      if (cache != nullptr) fold_counters_locked(*cache);
      if (list.head != nullptr) return list.pop();
    }
    if (!last_try) empty_cache();
  }
  return nullptr;
}

[[gnu::noinline]] void* allocate_small_slowly(size_t nbytes) {
  const int c = small_class(nbytes);
  ThreadCache* cache = thread_cache != nullptr ? thread_cache : open_thread_cache();
  FreeList single;
  void* block =
      cache != nullptr ? fetch(c, kBatch[c], cache->lists[c], cache) : fetch(c, 1, single, nullptr);
  if (block == nullptr) out_of_memory(nbytes);
  if (cache != nullptr) {
    cache->allocated.add(static_cast<int64_t>(nbytes));
    cache->allocations.add(1);
  } else {
    const std::lock_guard lock(central.mutex);
    central.allocated += static_cast<int64_t>(nbytes);
    ++central.allocations;
    central.note_peaks();
  }
  return block;
}

[[gnu::noinline]] void release_small_slowly(void* p, size_t nbytes) noexcept {
  const int c = small_class(nbytes);
  ThreadCache* cache = thread_cache != nullptr ? thread_cache : open_thread_cache();
  const std::lock_guard lock(central.mutex);
  FreeList& shared = central.small[c].free;
  if (cache == nullptr) {
    shared.push(p);
    central.allocated -= static_cast<int64_t>(nbytes);
    return;
  }
  FreeList& list = cache->lists[c];
  list.push(p);
  cache->allocated.add(-static_cast<int64_t>(nbytes));
  if (list.count <= 2 * kBatch[c]) return;
  for (uint32_t n = kBatch[c]; n > 0; --n) shared.push(list.pop());
  fold_counters_locked(*cache);
}

// ---- Blocks above the small sizes ----

void forget_reserved(size_t bytes) {
  if (bytes == 0) return;
  const std::lock_guard lock(central.mutex);
  central.reserved -= static_cast<int64_t>(bytes);
}

void drop_blocks(size_t keep) {
  BlockCache::Block* chain;
  {
    const std::lock_guard lock(central.mutex);
    chain = central.blocks.evict(keep);
  }
  forget_reserved(unmap_chain(chain));
}

// Before the process grows: drops the cache if the machine is short of memory. Looks every 64 MiB.
void relieve_pressure(size_t bytes) {
  constexpr size_t kInterval = size_t{64} << 20;
  {
    const std::lock_guard lock(central.mutex);
    central.mapped_unchecked += bytes;
    if (central.mapped_unchecked < kInterval || central.blocks.bytes() == 0) return;
    central.mapped_unchecked = 0;
  }
  const size_t available = memory_available();
  if (available < bytes || available - bytes < memory_limit() / 16) drop_blocks(0);
}

bool take_cached_block(size_t nbytes, BlockClass shape, void** block) {
  const std::lock_guard lock(central.mutex);
  if (!central.cap_known) {
    central.cap = default_cap();
    central.cap_known = true;
  }
  const size_t limit = memory_limit();
  if (nbytes > limit || static_cast<size_t>(central.block_bytes) > limit - nbytes) return false;
  *block = central.blocks.take(shape);
  if (*block == nullptr) {
    ++central.misses;
    central.reserved += static_cast<int64_t>(shape.bytes);
  }
  ++central.allocations;
  central.block_bytes += static_cast<int64_t>(nbytes);
  central.allocated += static_cast<int64_t>(nbytes);
  central.note_peaks();
  return true;
}

void* map_block(BlockClass shape) {
  const size_t alignment = shape.bytes >= kHugeBlock ? kHugePage : 4096;
  relieve_pressure(shape.bytes);
  void* block = map_pages(shape.bytes, alignment);
  if (block != nullptr) return block;
  empty_cache();
  return map_pages(shape.bytes, alignment);
}

[[gnu::noinline]] void* allocate_block(size_t nbytes) {
  if (nbytes > kLargestRequest) out_of_memory(nbytes);
  const BlockClass shape = block_class(nbytes);
  void* block = nullptr;
  if (!take_cached_block(nbytes, shape, &block)) out_of_memory(nbytes);
  if (block != nullptr || (block = map_block(shape)) != nullptr) return block;
  {
    const std::lock_guard lock(central.mutex);
    central.reserved -= static_cast<int64_t>(shape.bytes);
    central.block_bytes -= static_cast<int64_t>(nbytes);
    central.allocated -= static_cast<int64_t>(nbytes);
    --central.allocations;
    --central.misses;
  }
  out_of_memory(nbytes);
}

[[gnu::noinline]] void release_block(void* p, size_t nbytes) noexcept {
  const BlockClass shape = block_class(nbytes);
  BlockCache::Block* chain = nullptr;
  bool fits;
  {
    const std::lock_guard lock(central.mutex);
    central.block_bytes -= static_cast<int64_t>(nbytes);
    central.allocated -= static_cast<int64_t>(nbytes);
    fits = shape.bytes <= central.cap;
    if (fits) {
      central.blocks.put(p, shape);
      chain = central.blocks.evict(central.cap);
    }
  }
  if (!fits) unmap_pages(p, shape.bytes);
  forget_reserved(unmap_chain(chain) + (fits ? 0 : shape.bytes));
}

// ---- Without a cache ----

void* allocate_plainly(size_t nbytes) {
  const size_t rounded = (nbytes + kAlignment - 1) & ~(kAlignment - 1);
  void* block = nullptr;
  if (nbytes <= std::min(memory_limit(), kLargestRequest))
    block = std::aligned_alloc(kAlignment, rounded);
  if (block == nullptr) out_of_memory(nbytes);
  const std::lock_guard lock(central.mutex);
  central.allocated += static_cast<int64_t>(nbytes);
  central.reserved += static_cast<int64_t>(rounded);
  ++central.allocations;
  ++central.misses;
  central.note_peaks();
  return block;
}

void release_plainly(void* p, size_t nbytes) noexcept {
  std::free(p);
  const std::lock_guard lock(central.mutex);
  central.allocated -= static_cast<int64_t>(nbytes);
  central.reserved -= static_cast<int64_t>((nbytes + kAlignment - 1) & ~(kAlignment - 1));
}

}  // namespace

void* cpu_allocate(size_t nbytes) {
  if constexpr (kBypass) return nbytes == 0 ? nullptr : allocate_plainly(nbytes);
  if (nbytes > kSmallLimit) return allocate_block(nbytes);
  if (nbytes == 0) return nullptr;
  ThreadCache* cache = thread_cache;
  if (cache == nullptr) [[unlikely]]
    return allocate_small_slowly(nbytes);
  FreeList& list = cache->lists[small_class(nbytes)];
  if (list.head == nullptr) [[unlikely]]
    return allocate_small_slowly(nbytes);
  cache->allocated.add(static_cast<int64_t>(nbytes));
  cache->allocations.add(1);
  return list.pop();
}

void cpu_release(void* p, size_t nbytes) noexcept {
  if (p == nullptr) return;
  if constexpr (kBypass) return release_plainly(p, nbytes);
  if (nbytes > kSmallLimit) return release_block(p, nbytes);
  ThreadCache* cache = thread_cache;
  const int c = small_class(nbytes);
  if (cache == nullptr || cache->lists[c].count >= 2 * kBatch[c]) {
    return release_small_slowly(p, nbytes);
  }
  cache->lists[c].push(p);
  cache->allocated.add(-static_cast<int64_t>(nbytes));
}

MemoryStats memory_stats() {
  const std::lock_guard lock(central.mutex);
  int64_t allocated = central.allocated, allocations = central.allocations;
  for (ThreadCache* cache = central.threads; cache != nullptr; cache = cache->next) {
    allocated += cache->allocated.get();
    allocations += cache->allocations.get();
  }
  allocated = std::max<int64_t>(allocated, 0);  // other threads go on while we add up
  central.peak_allocated = std::max(central.peak_allocated, allocated);
  const auto size = [](int64_t n) { return static_cast<size_t>(std::max<int64_t>(n, 0)); };
  return {size(allocated),
          size(central.reserved),
          size(central.peak_allocated),
          size(central.peak_reserved),
          size(allocations),
          size(allocations - central.misses)};
}

void reset_peak_memory() {
  {
    const std::lock_guard lock(central.mutex);
    central.peak_allocated = 0;
    central.peak_reserved = central.reserved;
  }
  memory_stats();
}

void empty_cache() {
  drop_blocks(0);
  Slab* unused[kSmallClasses];
  {
    const std::lock_guard lock(central.mutex);
    if (thread_cache != nullptr) drain_locked(*thread_cache);
    for (int c = 0; c < kSmallClasses; ++c) unused[c] = trim_locked(central.small[c]);
  }
  size_t bytes = 0;
  for (Slab* slab : unused) {
    while (slab != nullptr) {
      Slab* next = slab->next;
      unmap_pages(slab, kSlabBytes);
      bytes += kSlabBytes;
      slab = next;
    }
  }
  forget_reserved(bytes);
}

void set_memory_cap(size_t bytes) {
  {
    const std::lock_guard lock(central.mutex);
    central.cap = bytes;
    central.cap_known = true;
  }
  drop_blocks(bytes);
}

}  // namespace fb
