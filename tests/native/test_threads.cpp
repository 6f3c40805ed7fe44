#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#if defined(__unix__)
#include <sys/wait.h>
#include <unistd.h>
#endif

#include "check.h"
#include "core/error.h"
#include "core/machine.h"
#include "core/threads.h"

namespace {

using namespace fb;

int twice(int x) { return 2 * x; }

int apply(FunctionRef<int(int)> function, int x) { return function(x); }

void test_function_ref() {
  int calls = 0;
  const auto count = [&calls](int x) { return calls += x; };
  CHECK(apply(count, 3) == 3);
  CHECK(apply(count, 4) == 7);
  CHECK(apply(twice, 5) == 10);
  CHECK(apply(&twice, 6) == 12);
  auto owner = [p = std::make_unique<int>(8)](int x) mutable { return *p += x; };
  CHECK(apply(owner, 1) == 9);
  FunctionRef<int(int)> reference = owner;
  FunctionRef<int(int)> copy = reference;
  CHECK(copy(1) == 10);
}

void check_each_chunk_once(int64_t chunks) {
  std::vector<std::atomic<int>> seen(static_cast<size_t>(chunks));
  parallel_chunks(chunks, [&](int64_t i) { seen[static_cast<size_t>(i)].fetch_add(1); });
  bool once = true;
  for (const auto& count : seen) once = once && count.load() == 1;
  CHECK(once);
}

void test_each_chunk_runs_once() {
  for (int threads : {1, 2, 3, 8}) {
    set_num_threads(threads);
    CHECK(num_threads() == threads);
    for (int64_t chunks : {0, 1, 2, 3, 7, 64, 1000, 100003}) check_each_chunk_once(chunks);
    for (int repeat = 0; repeat < 300; ++repeat) check_each_chunk_once(1 + repeat % 9);
  }
}

void test_helpers_take_part() {
  set_num_threads(3);
  // Each chunk waits for the others: this ends only if three threads run at once.
  std::atomic<int> arrived{0};
  parallel_chunks(3, [&](int64_t) {
    ++arrived;
    while (arrived < 3) std::this_thread::yield();
  });
  CHECK(arrived == 3);
}

void test_number_of_threads() {
  CHECK_RAISES(ErrorKind::Runtime, "positive integer", set_num_threads(0));
  CHECK_RAISES(ErrorKind::Runtime, "positive integer", set_num_threads(-3));
  CHECK(cpu_limit() >= 1);
  // Down and up again while helpers come and go.
  for (int threads : {8, 1, 5, 2, 8, 3}) {
    set_num_threads(threads);
    check_each_chunk_once(50);
    CHECK(num_threads() == threads);
  }
}

void test_ranges_are_covered() {
  set_num_threads(3);
  struct Range {
    int64_t begin, end, grain;
  };
  for (Range range : {Range{0, 0, 1},
                      {5, 3, 1},
                      {0, 1, 1},
                      {-7, 8, 4},
                      {3, 103, 7},
                      {0, 1000, 1},
                      {0, 1000, 0},
                      {0, 10, 100},
                      {10, 20000, 1000}}) {
    const int64_t length = std::max<int64_t>(range.end - range.begin, 0);
    std::vector<std::atomic<int>> seen(static_cast<size_t>(length));
    std::atomic<bool> short_piece{false};
    parallel_for(range.begin, range.end, range.grain, [&](int64_t b, int64_t e) {
      if (e - b < std::min(range.grain, length)) short_piece = true;
      for (int64_t i = b; i < e; ++i) seen[static_cast<size_t>(i - range.begin)].fetch_add(1);
    });
    CHECK(!short_piece);
    for (const auto& count : seen) CHECK(count == 1);
  }
  constexpr int64_t kFar = int64_t{1} << 62;
  std::atomic<int64_t> total{0};
  parallel_for(0, kFar, 1, [&](int64_t b, int64_t e) { total += e - b; });
  CHECK(total == kFar);
}

void test_nested_calls_run_in_the_caller() {
  set_num_threads(4);
  CHECK(!in_parallel_region());
  std::atomic<int> runs{0}, foreign{0}, outside{0};
  parallel_chunks(8, [&](int64_t) {
    if (!in_parallel_region()) ++outside;
    const std::thread::id self = std::this_thread::get_id();
    const auto inner = [&](int64_t) {
      ++runs;
      if (std::this_thread::get_id() != self) ++foreign;
    };
    parallel_chunks(5, inner);
    parallel_for(0, 100, 1, [&](int64_t b, int64_t e) {
      if (e - b == 100) inner(0);
    });
  });
  CHECK(runs == 48);
  CHECK(foreign == 0);
  CHECK(outside == 0);
  CHECK(!in_parallel_region());
}

void test_exceptions_reach_the_caller() {
  for (int threads : {1, 4}) {
    set_num_threads(threads);
    for (int64_t bad : {0, 5, 63}) {
      std::string message;
      try {
        parallel_chunks(64, [&](int64_t i) {
          if (i == bad) throw std::runtime_error("chunk " + std::to_string(i));
        });
      } catch (const std::runtime_error& error) {
        message = error.what();
      }
      CHECK(message == "chunk " + std::to_string(bad));
      CHECK(!in_parallel_region());
    }
    int caught = 0;
    for (int repeat = 0; repeat < 50; ++repeat) {
      try {
        parallel_chunks(4, [](int64_t i) { throw i; });
      } catch (int64_t) {
        ++caught;
      }
    }
    CHECK(caught == 50);
    check_each_chunk_once(64);
  }
}

void test_many_callers_at_once() {
  set_num_threads(4);
  constexpr int kCallers = 20;  // more than there are slots
  std::atomic<int64_t> total{0};
  std::vector<std::thread> callers;
  for (int c = 0; c < kCallers; ++c) {
    callers.emplace_back([&] {
      for (int repeat = 0; repeat < 100; ++repeat) {
        std::atomic<int64_t> sum{0};
        parallel_chunks(10, [&](int64_t i) { sum += i; });
        total += sum;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  CHECK(total == int64_t{kCallers} * 100 * 45);
}

// A caller must not wait for another caller's job, however long that takes.
void test_callers_do_not_wait_for_each_other() {
  set_num_threads(2);
  std::atomic<int> holding{0};
  std::atomic<bool> release{false};
  std::thread holder([&] {
    parallel_chunks(2, [&](int64_t) {
      ++holding;
      while (!release) std::this_thread::yield();
    });
  });
  while (holding < 2) std::this_thread::yield();
  for (int repeat = 0; repeat < 20; ++repeat) check_each_chunk_once(8);
  release = true;
  holder.join();
}

void test_helpers_wake_from_sleep() {
  set_num_threads(4);
  for (int repeat = 0; repeat < 20; ++repeat) {
    std::this_thread::sleep_for(std::chrono::microseconds(repeat * 50));
    std::atomic<int> arrived{0};
    parallel_chunks(4, [&](int64_t) {
      ++arrived;
      while (arrived < 4) std::this_thread::yield();
    });
    CHECK(arrived == 4);
  }
}

void test_forked_child_has_its_own_helpers() {
#if defined(__unix__)
  set_num_threads(3);
  check_each_chunk_once(10);
  std::atomic<bool> stop{false};
  std::thread busy([&] {
    while (!stop) parallel_chunks(4, [](int64_t) {});
  });
  for (int i = 0; i < 10; ++i) {
    const pid_t child = fork();
    if (child == 0) {
#if defined(__SANITIZE_THREAD__)
      _exit(0);  // ThreadSanitizer ends a forked child that starts a thread
#endif
      std::atomic<int> arrived{0};
      parallel_chunks(3, [&](int64_t) {
        ++arrived;
        while (arrived < 3) std::this_thread::yield();
      });
      _exit(arrived == 3 ? 0 : 1);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  stop = true;
  busy.join();
  check_each_chunk_once(10);
#endif
}

}  // namespace

int main() {
  test_function_ref();
  test_number_of_threads();
  test_each_chunk_runs_once();
  test_helpers_take_part();
  test_ranges_are_covered();
  test_nested_calls_run_in_the_caller();
  test_exceptions_reach_the_caller();
  test_many_callers_at_once();
  test_callers_do_not_wait_for_each_other();
  test_helpers_wake_from_sleep();
  test_forked_child_has_its_own_helpers();
  return fb_test::report();
}
