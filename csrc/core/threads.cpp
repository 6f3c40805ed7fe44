#include "core/threads.h"

#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>

#include "core/error.h"
#include "core/interrupt.h"
#include "core/machine.h"

#if defined(__linux__)
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif
#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#include <signal.h>
#endif

namespace fb {
namespace {

using Word = std::atomic<uint32_t>;
using Clock = std::chrono::steady_clock;

constexpr auto kHelperSpin = std::chrono::microseconds(50);  // between jobs
constexpr auto kCallerSpin = std::chrono::microseconds(20);  // for chunks a helper has begun
constexpr int kMaxThreads = 1024;
constexpr int kSlots = 16;  // callers that share the helpers
constexpr int64_t kMaxUnits = 1 << 15;
constexpr int kRemainingBits = 16;
constexpr uint64_t kRemainingMask = (uint64_t{1} << kRemainingBits) - 1;
constexpr uint32_t kOwnerSleeps = uint32_t{1} << 31;

// Sleeps while `word` holds `value`, perhaps a little longer or shorter; true if a signal came.
bool sleep_while(Word& word, uint32_t value) {
#if defined(__linux__)
  return syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0) != 0 &&
         errno == EINTR;
#else
  word.wait(value);
  return false;
#endif
}

void wake_sleepers(Word& word, int count) {
#if defined(__linux__)
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, count, nullptr, nullptr, 0);
#else
  for (; count > 0; --count) word.notify_one();
#endif
}

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

int current_processor() {
#if defined(__linux__)
  return sched_getcpu();
#else
  return -1;
#endif
}

// Polls for at most `limit`. Reading the clock costs as much as a few polls, so not each time.
template <class Condition>
bool spin_until(std::chrono::nanoseconds limit, Condition condition) {
  constexpr int kPollsPerLook = 8;
  if (condition()) return true;
  const auto end = Clock::now() + limit;
  do {
    for (int i = 0; i < kPollsPerLook; ++i) {
      pause();
      if (condition()) return true;
    }
  } while (Clock::now() < end);
  return false;
}

// A parallel_chunks call, on its caller's stack. A unit is one chunk or, of very many, a few.
struct Job {
  FunctionRef<void(int64_t)> body;
  int64_t chunks, units;
  std::atomic<bool> failed{false};
  std::exception_ptr error{};  // written by whoever set `failed`

  void run(int64_t unit) {
    if (failed.load(std::memory_order_relaxed)) return;
    const int64_t size = chunks / units, longer = chunks % units;
    int64_t chunk = unit * size + std::min(unit, longer);
    const int64_t end = chunk + size + (unit < longer ? 1 : 0);
    const CancelledBy scope(&failed);
    catching([&] {
      for (; chunk < end; ++chunk) body(chunk);
    });
  }
  // For its owner.
  void ask(bool signalled) {
    if (!failed.load(std::memory_order_relaxed) && (signalled || interrupt_due()))
      catching(ask_interrupt);
  }

 private:
  template <class F>
  void catching(F&& f) {
    try {
      f();
    } catch (...) {
      if (!failed.exchange(true)) error = std::current_exception();
    }
  }
};

// Where a caller publishes its job. `state` counts the units nobody has begun, below a serial
// number of the job: who takes one with a compare-and-swap knows that the job it read is still
// running, and the job cannot end before those units are `done`. A helper that comes too late
// touches nothing.
struct alignas(128) Slot {
  std::atomic<uint64_t> state{0};
  std::atomic<Job*> job{nullptr};
  std::atomic<int> processor{-1};  // where the owner was when it published
  std::atomic<bool> owned{false};
  alignas(64) Word done{0};  // units finished by helpers, and kOwnerSleeps
};

struct alignas(128) Pool {
  std::array<Slot, kSlots> slots;
  // Slots with units to take.
  alignas(128) std::atomic<uint32_t> open{0};
  // Helpers that look for work, or have been granted a permit to and will.
  alignas(128) std::atomic<int> looking{0};
  // Helpers asleep that no permit is on its way to.
  std::atomic<int> sleeping{0};
  Word permits{0};
  alignas(128) std::atomic<int> helpers{0};  // alive; changes under the mutex
  std::atomic<int> wanted{0};                // num_threads() - 1
  std::atomic<int> threads{0};               // 0: not decided yet
  std::atomic<bool> exhausted{false};        // the system refused a thread
  std::mutex mutex;
};

// Never destroyed: helpers are detached and may outlive the static objects.
constinit union Immortal {
  constexpr Immortal() : pool() {}
  ~Immortal() {}
  Pool pool;
} immortal;
Pool& pool = immortal.pool;

#if defined(__linux__)
[[gnu::tls_model("initial-exec")]]
#endif
thread_local bool inside_region = false;

bool take_one(std::atomic<int>& count) {
  int n = count.load();
  while (n > 0) {
    if (count.compare_exchange_weak(n, n - 1)) return true;
  }
  return false;
}

// Wakes helpers for `units`, unless enough are looking already. At most two: they wake the others,
// so the caller gets to work at once.
void wake_helpers(int64_t units) {
  if (pool.sleeping.load() == 0) return;
  const int64_t missing = std::min<int64_t>(units - pool.looking.load(), 2);
  int granted = 0;
  while (granted < missing && take_one(pool.sleeping)) ++granted;
  if (granted == 0) return;
  pool.looking.fetch_add(granted);
  pool.permits.fetch_add(static_cast<uint32_t>(granted));
  wake_sleepers(pool.permits, granted);
}

// Takes a unit of the slot's job: returns the job, or nullptr if none is left.
Job* take_unit(Slot& slot, int64_t& unit, int64_t& left) {
  uint64_t state = slot.state.load(std::memory_order_acquire);
  while ((state & kRemainingMask) != 0) {
    Job* job = slot.job.load(std::memory_order_relaxed);
    if (slot.state.compare_exchange_weak(state, state - 1, std::memory_order_acq_rel,
                                         std::memory_order_acquire)) {
      left = static_cast<int64_t>(state & kRemainingMask) - 1;
      unit = job->units - left - 1;
      if (left == 0) pool.open.fetch_and(~(1u << (&slot - pool.slots.data())));
      return job;
    }
  }
  return nullptr;
}

// Works on a slot's job until no unit is left; false if there was none.
bool help(Slot& slot) {
  int64_t unit, left;
  Job* job = take_unit(slot, unit, left);
  if (job == nullptr) return false;
  pool.looking.fetch_sub(1);
  if (left > 0) wake_helpers(left);
  do {
    job->run(unit);
    if (slot.done.fetch_add(1, std::memory_order_acq_rel) & kOwnerSleeps) {
      wake_sleepers(slot.done, 1);
    }
  } while ((job = take_unit(slot, unit, left)) != nullptr);
  pool.looking.fetch_add(1);
  return true;
}

// What a round over all jobs came to. `displaced`: the helper ran where the job's owner had been,
// so that to spin there would keep the owner waiting.
struct Round {
  bool helped = false, displaced = false;
};

Round help_anyone() {
  Round round;
  for (uint32_t open = pool.open.load(); open != 0; open &= open - 1) {
    Slot& slot = pool.slots[std::countr_zero(open)];
    const int owner = slot.processor.load(std::memory_order_relaxed);
    if (!help(slot)) continue;
    round.helped = true;
    round.displaced |= owner >= 0 && owner == current_processor();
  }
  return round;
}

bool surplus() {
  return pool.helpers.load(std::memory_order_relaxed) > pool.wanted.load(std::memory_order_relaxed);
}

void wake_surplus() {
  if (surplus()) wake_helpers(kMaxThreads);
}

void sleep_until_permitted() {
  pool.looking.fetch_sub(1);
  pool.sleeping.fetch_add(1);
  // A job published before the caller could see us asleep: stay, unless a permit is on its way.
  if ((pool.open.load() != 0 || surplus()) && take_one(pool.sleeping)) {
    pool.looking.fetch_add(1);
    return;
  }
  for (;;) {
    uint32_t permits = pool.permits.load();
    while (permits > 0) {
      if (pool.permits.compare_exchange_weak(permits, permits - 1)) return;
    }
    sleep_while(pool.permits, 0);
  }
}

bool work_is_open() { return pool.open.load(std::memory_order_relaxed) != 0; }

bool leave_if_surplus() {
  if (!surplus()) return false;
  {
    const std::lock_guard lock(pool.mutex);
    if (!surplus()) return false;
    pool.helpers.fetch_sub(1);
    pool.looking.fetch_sub(1);
  }
  wake_surplus();
  return true;
}

// A woken helper must not displace its caller, nor another process in the middle of its work: the
// caller would lose more than the helper contributes.
void yield_to_others() {
#if defined(__linux__)
  sched_param parameters{};
  int policy = 0;
  if (pthread_getschedparam(pthread_self(), &policy, &parameters) == 0 && policy == SCHED_OTHER) {
    pthread_setschedparam(pthread_self(), SCHED_BATCH, &parameters);
  }
#endif
}

void helper_main() {
  inside_region = true;
  yield_to_others();
  while (!leave_if_surplus()) {
    const Round round = help_anyone();
    if (round.helped && !round.displaced) continue;
    if (round.displaced || !spin_until(kHelperSpin, work_is_open)) sleep_until_permitted();
  }
}

void start_helper() {
  pool.helpers.fetch_add(1);
  pool.looking.fetch_add(1);
  try {
    std::thread(helper_main).detach();
  } catch (const std::system_error&) {  // work goes on with the helpers there are
    pool.helpers.fetch_sub(1);
    pool.looking.fetch_sub(1);
    pool.exhausted.store(true);
  }
}

// Starts helpers until there are `count`. They take no signals: those are the application's.
void start_helpers(int count) {
  const std::lock_guard lock(pool.mutex);
#if defined(__unix__) || defined(__APPLE__)
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
#endif
  while (pool.helpers.load() < count && !pool.exhausted.load()) start_helper();
#if defined(__unix__) || defined(__APPLE__)
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
#endif
}

#if defined(__unix__) || defined(__APPLE__)
// The child of a fork has no helpers, and the jobs of the parent's other threads are not its own.
void forget_helpers() {
  for (Slot& slot : pool.slots) {
    slot.state.store(slot.state.load() & ~kRemainingMask);
    slot.owned.store(false);
  }
  pool.open.store(0);
  pool.looking.store(0);
  pool.sleeping.store(0);
  pool.permits.store(0);
  pool.helpers.store(0);
  pool.exhausted.store(false);
  pool.mutex.unlock();
}

[[maybe_unused]] const int fork_handlers =
    pthread_atfork([] { pool.mutex.lock(); }, [] { pool.mutex.unlock(); }, forget_helpers);
#endif

int default_threads() {
  const char* text = std::getenv("FLAMBEAU_NUM_THREADS");
  if (text == nullptr || *text == '\0') {
    return std::min(cpu_limit(), kMaxThreads);
  }
  int count = 0;
  const char* end = text + std::strlen(text);
  const auto parsed = std::from_chars(text, end, count);
  FB_CHECK_VALUE(
      parsed.ec == std::errc() && parsed.ptr == end && count >= 1 && count <= kMaxThreads,
      "FLAMBEAU_NUM_THREADS must be a whole number from 1 to ", kMaxThreads, ", got '", text, "'.");
  return count;
}

int decide_threads() {
  const int count = default_threads();
  const std::lock_guard lock(pool.mutex);
  if (pool.threads.load() == 0) {
    pool.wanted.store(count - 1);
    pool.threads.store(count);
  }
  return pool.threads.load();
}

Slot* own_slot() {
  for (Slot& slot : pool.slots) {
    if (!slot.owned.load(std::memory_order_relaxed) &&
        !slot.owned.exchange(true, std::memory_order_acquire)) {
      return &slot;
    }
  }
  return nullptr;
}

void publish(Slot& slot, Job& job) {
  slot.job.store(&job, std::memory_order_relaxed);
  slot.processor.store(current_processor(), std::memory_order_relaxed);
  slot.done.store(0, std::memory_order_relaxed);
  const uint64_t serial = (slot.state.load(std::memory_order_relaxed) >> kRemainingBits) + 1;
  // In this order, because who takes the last unit closes the slot, perhaps at once.
  pool.open.fetch_or(1u << (&slot - pool.slots.data()));
  slot.state.store((serial << kRemainingBits) | static_cast<uint64_t>(job.units),
                   std::memory_order_release);
  wake_helpers(job.units - 1);
}

void wait_for_helpers(Slot& slot, Job& job, uint32_t units) {
  const auto finished = [&] { return slot.done.load(std::memory_order_acquire) == units; };
  if (spin_until(kCallerSpin, finished)) return;
  uint32_t done = slot.done.fetch_or(kOwnerSleeps) | kOwnerSleeps;
  while (done != (units | kOwnerSleeps)) {
    job.ask(sleep_while(slot.done, done));
    done = slot.done.load(std::memory_order_acquire);
  }
}

void run_shared(Slot& slot, Job& job) {
  publish(slot, job);
  inside_region = true;
  int64_t unit, left, mine = 0;
  for (; take_unit(slot, unit, left) != nullptr; ++mine) {
    if (mine > 0) job.ask(false);
    job.run(unit);
  }
  inside_region = false;
  wait_for_helpers(slot, job, static_cast<uint32_t>(job.units - mine));
  slot.owned.store(false, std::memory_order_release);
}

}  // namespace

int num_threads() {
  const int count = pool.threads.load(std::memory_order_relaxed);
  return count != 0 ? count : decide_threads();
}

void set_num_threads(int n) {
  FB_CHECK(n >= 1 && n <= kMaxThreads, "set_num_threads expects a positive integer of at most ",
           kMaxThreads, ", got ", n, ".");
  {
    const std::lock_guard lock(pool.mutex);
    pool.wanted.store(n - 1);
    pool.threads.store(n);
    pool.exhausted.store(false);
  }
  wake_surplus();
}

bool in_parallel_region() { return inside_region; }

void parallel_chunks(int64_t chunks, FunctionRef<void(int64_t)> body) {
  Slot* slot = nullptr;
  const int threads = chunks > 1 && !inside_region ? num_threads() : 1;
  if (threads > 1) {
    const int helpers = static_cast<int>(std::min<int64_t>(chunks, threads)) - 1;
    if (pool.helpers.load(std::memory_order_relaxed) < helpers &&
        !pool.exhausted.load(std::memory_order_relaxed)) {
      start_helpers(helpers);
    }
    slot = own_slot();
  }
  if (slot == nullptr) {
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
      if (chunk > 0 && !inside_region) check_interrupt();
      body(chunk);
    }
    return;
  }
  Job job{body, chunks, std::min(chunks, kMaxUnits)};
  run_shared(*slot, job);
  if (job.error) std::rethrow_exception(std::move(job.error));
}

}  // namespace fb
