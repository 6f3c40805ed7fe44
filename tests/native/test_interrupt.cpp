#include "core/interrupt.h"

#include <atomic>
#include <chrono>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include "check.h"
#include "core/generator.h"
#include "core/threads.h"

namespace {

using namespace fb;

struct Stop : std::runtime_error {
  Stop() : std::runtime_error("stop") {}
};

std::atomic<int> calls{0};
std::atomic<bool> stopping{false};
std::thread::id owner;

void hook() {
  ++calls;
  if (stopping && std::this_thread::get_id() == owner) throw Stop();
}

template <class F>
bool stops(F&& f) {
  stopping = true;
  bool stopped = false;
  try {
    f();
  } catch (const Stop&) {
    stopped = true;
  }
  stopping = false;
  return stopped;
}

void sleep_a_little() { std::this_thread::sleep_for(std::chrono::milliseconds(1)); }

void test_short_work_is_not_asked() {
  restart_interrupt_clock();
  const int before = calls;
  for (int i = 0; i < 100; ++i) parallel_chunks(1, [](int64_t) {});
  CHECK(calls == before);
}

void test_long_loops_stop() {
  for (int threads : {1, 2, 4}) {
    set_num_threads(threads);
    std::atomic<int64_t> done{0};
    constexpr int64_t kChunks = 1'000'000;
    CHECK(stops([&] {
      parallel_chunks(kChunks, [&](int64_t) {
        sleep_a_little();
        ++done;
      });
    }));
    CHECK(done < kChunks);
    // The pool works on.
    done = 0;
    parallel_chunks(1000, [&](int64_t) { ++done; });
    CHECK(done == 1000);
  }
}

void test_chunks_are_cancelled() {
  set_num_threads(4);
  CHECK(stops([&] {
    parallel_chunks(4, [&](int64_t) {
      for (;;) {  // in helpers, which the hook does not stop, until the owner has failed
        sleep_a_little();
        check_interrupt();
      }
    });
  }));
  CHECK(stops([&] {
    for (;;) {
      sleep_a_little();
      check_interrupt();
    }
  }));
}

void test_interrupts_can_be_held() {
  set_num_threads(2);
  {
    const HoldInterrupts hold;
    CHECK(!stops([&] {
      for (int i = 0; i < 100; ++i) {
        sleep_a_little();
        check_interrupt();
      }
      parallel_chunks(200, [](int64_t) { sleep_a_little(); });
    }));
  }
}

void test_generators_are_left_in_order() {
  Generator generator(3), reference(3);
  int64_t drawn = 0;
  CHECK(stops([&] {
    const std::lock_guard lock(generator.mutex());
    for (;; ++drawn) generator.random();
  }));
  // The draw that was given up is the next one.
  bool same = true;
  {
    const std::scoped_lock lock(generator.mutex(), reference.mutex());
    for (int64_t i = 0; i < drawn; ++i) reference.random();
    for (int i = 0; i < 5000; ++i) same = same && generator.random() == reference.random();
  }
  CHECK(same);
}

void test_generators_are_shared_while_asking() {
  Generator generator(3);
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      for (int round = 0; round < 20; ++round) {
        const std::lock_guard lock(generator.mutex());
        for (int i = 0; i < 1 << 20; ++i) {
          int64_t count;
          if (i % 3 == 0) {
            generator.take(7, count);
          } else {
            generator.random();
          }
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(calls > 0);
}

}  // namespace

int main() {
  owner = std::this_thread::get_id();
  set_interrupt_hook(hook);
  test_short_work_is_not_asked();
  test_long_loops_stop();
  test_chunks_are_cancelled();
  test_interrupts_can_be_held();
  test_generators_are_left_in_order();
  test_generators_are_shared_while_asking();
  return fb_test::report();
}
