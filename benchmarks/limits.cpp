// What the machine can do at most: products of numbers in registers, and bytes from and to memory.
// `limits float32`, `limits bfloat16` or `limits memory` prints operations or bytes a second, of all
// cores together; 0 where the processor has no instruction for it.

#include <immintrin.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#ifdef __AMX_BF16__
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace {

using Clock = std::chrono::steady_clock;

#ifdef __AVX512F__
constexpr int kBytes = 64, kAccumulators = 24;
#else
constexpr int kBytes = 32, kAccumulators = 12;
#endif
typedef float Floats __attribute__((vector_size(kBytes)));

volatile float sink;

double multiply_add(long times) {
  Floats sums[kAccumulators] = {};
  for (Floats& sum : sums) asm volatile("" : "+x"(sum));  // or the compiler sees they are equal
  Floats factor = Floats{} + 0.999f, addend = Floats{} + 0.001f;
  for (long i = 0; i < times; ++i) {
#pragma GCC unroll 24
    for (Floats& sum : sums) sum = sum * factor + addend;
    asm volatile("" : "+x"(factor), "+x"(addend));
  }
  for (const Floats& sum : sums) sink = sum[0];
  return 2.0 * (kBytes / sizeof(float)) * kAccumulators * double(times);
}

#if defined(__AMX_BF16__)
double multiply_bfloat16(long times) {
  constexpr long kRequest = 0x1023, kTileData = 18;
  if (syscall(SYS_arch_prctl, kRequest, kTileData)) return 0;
  struct alignas(64) Config {
    unsigned char palette = 1, start = 0, reserved[14] = {};
    unsigned short bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    unsigned char rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
  } config;
  _tile_loadconfig(&config);
  _tile_zero(4), _tile_zero(5), _tile_zero(6), _tile_zero(7);
  for (long i = 0; i < times; ++i) {
    _tile_dpbf16ps(0, 4, 6), _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6), _tile_dpbf16ps(3, 5, 7);
  }
  _tile_release();
  return 4.0 * 2 * 16 * 16 * 32 * double(times);
}
#elif defined(__AVX512BF16__)
double multiply_bfloat16(long times) {
  __m512 sums[kAccumulators] = {};
  for (__m512& sum : sums) asm volatile("" : "+x"(sum));
  __m512bh a{}, b{};
  for (long i = 0; i < times; ++i) {
#pragma GCC unroll 24
    for (__m512& sum : sums) sum = _mm512_dpbf16_ps(sum, a, b);
    asm volatile("" : "+x"(a), "+x"(b));
  }
  for (const __m512& sum : sums) sink = sum[0];
  return 2.0 * 32 * kAccumulators * double(times);
}
#else
double multiply_bfloat16(long) { return 0; }
#endif

// a = b + c over more than any cache holds; results go past the caches.
struct Triad {
  static constexpr size_t kCount = (32u << 20) / kBytes;
  std::unique_ptr<Floats[]> a{new Floats[kCount]}, b{new Floats[kCount]}, c{new Floats[kCount]};

  Triad() {
    for (auto* part : {&a, &b, &c}) std::memset(static_cast<void*>(part->get()), 0, kCount * kBytes);
  }

  double operator()(long times) {
    for (long repeat = 0; repeat < times; ++repeat) {
      for (size_t i = 0; i < kCount; ++i) {
        const Floats sum = b[i] + c[i];
#ifdef __AVX512F__
        _mm512_stream_ps(reinterpret_cast<float*>(&a[i]), __m512(sum));
#else
        _mm256_stream_ps(reinterpret_cast<float*>(&a[i]), __m256(sum));
#endif
      }
    }
    return 3.0 * kBytes * kCount * double(times);
  }
};

// The rate of the best of some short runs in which every core works.
template <class Work>
double best(Work make, long times) {
  const int cores = std::max(1u, std::thread::hardware_concurrency());
  double rate = 0;
  for (int round = 0; round < 5; ++round) {
    std::atomic<int> waiting{cores};
    std::atomic<double> done{0};
    std::vector<std::thread> threads;
    std::atomic<Clock::rep> start{0};
    for (int core = 0; core < cores; ++core) {
      threads.emplace_back([&] {
        auto work = make();
        if (--waiting == 0) start = Clock::now().time_since_epoch().count();
        while (waiting) {
        }
        done += work(times);
      });
    }
    for (auto& thread : threads) thread.join();
    const auto took = Clock::now().time_since_epoch().count() - start;
    rate = std::max(rate, done / std::chrono::duration<double>(Clock::duration(took)).count());
  }
  return rate;
}

}  // namespace

int main(int, char** arguments) {
  const std::string what = arguments[1] ? arguments[1] : "";
  double rate = 0;
  if (what == "float32") rate = best([] { return multiply_add; }, 2'000'000);
  if (what == "bfloat16") rate = best([] { return multiply_bfloat16; }, 2'000'000);
  if (what == "memory") rate = best([] { return Triad(); }, 4);
  std::printf("%.6e\n", rate);
}
