#include <atomic>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#if defined(__unix__)
#include <sys/wait.h>
#include <unistd.h>
#endif

#include "check.h"
#include "core/allocator.h"
#include "core/error.h"

namespace {

using namespace fb;

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kCaches = false;
#else
constexpr bool kCaches = true;
#endif
constexpr size_t kMiB = size_t{1} << 20;

struct Block {
  unsigned char* data;
  size_t bytes;
  unsigned char mark;
};

Block make_block(size_t bytes, unsigned char mark) {
  Block block{static_cast<unsigned char*>(cpu_allocate(bytes)), bytes, mark};
  CHECK(reinterpret_cast<uintptr_t>(block.data) % 64 == 0);
  block.data[0] = block.data[bytes / 2] = block.data[bytes - 1] = mark;
  return block;
}

// The marks survive unless a block was handed out twice or two blocks overlap.
void drop_block(const Block& block) {
  CHECK(block.data[0] == block.mark);
  CHECK(block.data[block.bytes / 2] == block.mark);
  CHECK(block.data[block.bytes - 1] == block.mark);
  cpu_release(block.data, block.bytes);
}

void test_every_size_is_aligned_and_whole() {
  std::vector<Block> blocks;
  for (size_t bytes = 1; bytes <= 40 * 1024; bytes += bytes < 2048 ? 1 : 97) {
    blocks.push_back(make_block(bytes, static_cast<unsigned char>(bytes)));
  }
  for (size_t power = 32 * 1024; power <= 8 * kMiB; power *= 2) {
    for (size_t bytes : {power - 1, power, power + 1, power + power / 3}) {
      blocks.push_back(make_block(bytes, static_cast<unsigned char>(bytes / 64)));
    }
  }
  for (const Block& block : blocks) std::memset(block.data, block.mark, block.bytes);
  for (const Block& block : blocks) drop_block(block);
  CHECK(cpu_allocate(0) == nullptr);
  cpu_release(nullptr, 0);
}

void test_random_lifetimes() {
  std::mt19937_64 random(7);
  std::vector<Block> blocks;
  for (int step = 0; step < 20000; ++step) {
    if (blocks.size() < 200 && random() % 2 == 0) {
      const size_t bytes = 1 + (random() >> (random() % 22 + 42));
      blocks.push_back(make_block(bytes, static_cast<unsigned char>(step)));
    } else if (!blocks.empty()) {
      std::swap(blocks[random() % blocks.size()], blocks.back());
      drop_block(blocks.back());
      blocks.pop_back();
    }
  }
  for (const Block& block : blocks) drop_block(block);
}

void test_statistics_follow_requests() {
  empty_cache();
  const size_t before = memory_stats().allocated;
  reset_peak_memory();
  void* small = cpu_allocate(100);
  void* large = cpu_allocate(3 * kMiB);
  MemoryStats stats = memory_stats();
  CHECK(stats.allocated == before + 100 + 3 * kMiB);
  CHECK(stats.reserved >= stats.allocated);
  CHECK(stats.peak_reserved >= stats.reserved);
  cpu_release(large, 3 * kMiB);
  cpu_release(small, 100);
  stats = memory_stats();
  CHECK(stats.allocated == before);
  CHECK(stats.peak_allocated == before + 100 + 3 * kMiB);
  reset_peak_memory();
  CHECK(memory_stats().peak_allocated == before);
}

void test_released_blocks_are_used_again() {
  if (!kCaches) return;
  for (size_t bytes : {size_t{4}, size_t{5000}, size_t{100000}, 5 * kMiB, 33 * kMiB}) {
    void* first = cpu_allocate(bytes);
    cpu_release(first, bytes);
    const MemoryStats before = memory_stats();
    void* second = cpu_allocate(bytes);
    const MemoryStats after = memory_stats();
    CHECK(first == second);
    CHECK(after.allocations == before.allocations + 1);
    CHECK(after.cache_hits == before.cache_hits + 1);
    CHECK(after.reserved == before.reserved);
    cpu_release(second, bytes);
  }
}

void test_large_blocks_lie_on_huge_pages() {
  if (!kCaches) return;
  for (size_t bytes : {16 * kMiB, 37 * kMiB + 17}) {
    void* block = cpu_allocate(bytes);
    CHECK(reinterpret_cast<uintptr_t>(block) % (2 * kMiB) == 0);
    cpu_release(block, bytes);
  }
}

void test_cap_drops_the_oldest() {
  if (!kCaches) return;
  empty_cache();
  set_memory_cap(10 * kMiB);
  const size_t sizes[] = {4 * kMiB, 3 * kMiB, 5 * kMiB};
  void* blocks[3];
  for (int i = 0; i < 3; ++i) blocks[i] = cpu_allocate(sizes[i]);
  const size_t in_use = memory_stats().reserved;
  for (int i = 0; i < 3; ++i) cpu_release(blocks[i], sizes[i]);
  CHECK(memory_stats().reserved == in_use - 4 * kMiB);
  const size_t hits = memory_stats().cache_hits;
  for (int i : {1, 2}) cpu_release(cpu_allocate(sizes[i]), sizes[i]);
  CHECK(memory_stats().cache_hits == hits + 2);
  cpu_release(cpu_allocate(sizes[0]), sizes[0]);
  CHECK(memory_stats().cache_hits == hits + 2);
  cpu_release(cpu_allocate(20 * kMiB), 20 * kMiB);  // above the cap: does not displace the others
  CHECK(memory_stats().reserved > in_use - 12 * kMiB);
  set_memory_cap(0);
  CHECK(memory_stats().reserved == in_use - 12 * kMiB);
  set_memory_cap(size_t{1} << 30);
}

void test_empty_cache_gives_everything_back() {
  std::vector<Block> blocks;
  for (int i = 0; i < 3000; ++i) blocks.push_back(make_block(64 + i % 4000, 1));
  for (int i = 0; i < 10; ++i) blocks.push_back(make_block(100000 * (i + 1), 2));
  for (const Block& block : blocks) drop_block(block);
  empty_cache();
  CHECK(memory_stats().allocated == 0);
  CHECK(memory_stats().reserved == 0);
  Block kept = make_block(64, 3);
  drop_block(make_block(64, 4));
  empty_cache();  // the slab of a living block stays
  CHECK(kept.data[0] == 3);
  drop_block(make_block(64, 5));
  drop_block(kept);
}

void test_impossible_sizes_are_refused() {
  const MemoryStats before = memory_stats();
  for (size_t bytes : {size_t{1} << 50, size_t{1} << 62, ~size_t{0}, ~size_t{0} - 63}) {
    CHECK_RAISES(ErrorKind::OutOfMemory, std::to_string(bytes) + " bytes", cpu_allocate(bytes));
  }
  CHECK(memory_stats().allocated == before.allocated);
  CHECK(memory_stats().allocations == before.allocations);
  drop_block(make_block(5 * kMiB, 1));
}

void test_many_threads_and_foreign_releases() {
  constexpr int kThreads = 4, kBlocks = 400;
  std::vector<std::vector<Block>> made(kThreads);
  const auto on_all = [](auto work) {
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) threads.emplace_back(work, t);
    for (std::thread& thread : threads) thread.join();
  };
  empty_cache();
  const size_t allocated = memory_stats().allocated;
  for (int round = 0; round < 3; ++round) {
    on_all([&](int t) {
      std::mt19937 random(t);
      made[t].clear();
      for (int i = 0; i < kBlocks; ++i) {
        const size_t bytes = 1 + (random() >> (random() % 16 + 14));
        made[t].push_back({static_cast<unsigned char*>(cpu_allocate(bytes)), bytes,
                           static_cast<unsigned char>(t * 50 + i % 50)});
        std::memset(made[t][i].data, made[t][i].mark, bytes);
      }
    });
    for (int t = 0; t < kThreads; ++t) {
      for (const Block& block : made[t]) {
        CHECK(block.data[0] == block.mark && block.data[block.bytes - 1] == block.mark);
      }
    }
    on_all([&](int t) {
      for (const Block& block : made[(t + 1) % kThreads]) cpu_release(block.data, block.bytes);
    });
  }
  CHECK(memory_stats().allocated == allocated);
  empty_cache();  // the threads are gone, so nothing is left in their lists
  CHECK(memory_stats().reserved == allocated);
}

struct ReleasesLate {
  void* block = nullptr;
  ~ReleasesLate() {
    cpu_release(block, 64);
    cpu_release(cpu_allocate(64), 64);
  }
};
thread_local ReleasesLate releases_late;

void test_release_while_a_thread_ends() {
  const size_t allocated = memory_stats().allocated;
  std::thread([] {
    releases_late.block = nullptr;  // constructed before the thread's cache: destroyed after it
    releases_late.block = cpu_allocate(64);
  }).join();
  CHECK(memory_stats().allocated == allocated);
}

void test_fork_while_another_thread_allocates() {
#if defined(__unix__)
  std::atomic<bool> stop{false};
  std::thread busy([&] {
    while (!stop) cpu_release(cpu_allocate(kMiB), kMiB);
  });
  for (int i = 0; i < 20; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      for (size_t bytes : {size_t{64}, size_t{10000}, 3 * kMiB}) {
        void* block = cpu_allocate(bytes);
        std::memset(block, 1, bytes);
        cpu_release(block, bytes);
      }
      empty_cache();
      _exit(0);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  stop = true;
  busy.join();
#endif
}

}  // namespace

int main() {
  test_statistics_follow_requests();
  test_every_size_is_aligned_and_whole();
  test_random_lifetimes();
  test_released_blocks_are_used_again();
  test_large_blocks_lie_on_huge_pages();
  test_cap_drops_the_oldest();
  test_empty_cache_gives_everything_back();
  test_impossible_sizes_are_refused();
  test_many_threads_and_foreign_releases();
  test_release_while_a_thread_ends();
  test_fork_while_another_thread_allocates();
  return fb_test::report();
}
