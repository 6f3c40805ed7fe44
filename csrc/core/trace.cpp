#include "core/trace.h"

#include <chrono>
#include <functional>
#include <mutex>
#include <thread>

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace fb::trace {

std::atomic<uint32_t> options{0};
std::string (*call_stack)() = nullptr;
constinit thread_local int64_t storage_bytes __attribute__((tls_model("initial-exec"))) = 0;

namespace {

// A thread's place to write. Its lock is contended only at the moment of stop().
struct Writer {
  std::mutex mutex;
  uint64_t session = 0;  // of `log`
  std::unique_ptr<Log> log;
  int32_t open = -1;  // the innermost span that runs
};

struct Session {
  std::mutex mutex;
  uint64_t number = 0;
  std::vector<std::shared_ptr<Writer>> writers;  // those that wrote in this session
};

// Never destroyed: threads may still run after main().
Session& session() {
  static auto* s = new Session;
  return *s;
}
std::atomic<uint64_t> current_session{0};

#if defined(__unix__) || defined(__APPLE__)
// A forked child records nothing: nobody there would collect it.
[[maybe_unused]] const int fork_handlers =
    pthread_atfork([] { session().mutex.lock(); }, [] { session().mutex.unlock(); },
                   [] {
                     session().mutex.unlock();
                     options.store(0, std::memory_order_relaxed);
                   });
#endif

uint64_t thread_number() {
#if defined(__linux__)
  return static_cast<uint64_t>(syscall(SYS_gettid));
#else
  return std::hash<std::thread::id>()(std::this_thread::get_id()) & 0x7fffffff;
#endif
}

Writer& own_writer() {
  thread_local const auto writer = std::make_shared<Writer>();
  const uint64_t now = current_session.load(std::memory_order_acquire);
  if (writer->session == now) return *writer;
  Session& s = session();
  const std::lock_guard lock(s.mutex);
  if (s.number != now || !on()) return *writer;  // it has just been stopped
  const std::lock_guard own(writer->mutex);
  writer->session = now;
  writer->log = std::make_unique<Log>();
  writer->log->thread = thread_number();
  writer->log->wanted = options.load(std::memory_order_relaxed);
  writer->open = -1;
  s.writers.push_back(writer);
  return *writer;
}

int64_t memory(const Log& log) { return log.wanted & kMemory ? storage_bytes : 0; }

void close(Log& log, Writer& writer, uint32_t index, int64_t at) {
  const int64_t held = memory(log);
  // An inner span that was left open, say by a generator that was never finished, ends here.
  while (writer.open >= 0 && static_cast<uint32_t>(writer.open) >= index) {
    Record& r = log.at(static_cast<uint32_t>(writer.open));
    r.end = at;
    r.memory_after = held;
    writer.open = r.parent;
  }
}

bool wants_stack(Writer& writer, Kind kind) {
  if (kind != Kind::Operator && kind != Kind::User) return false;
  const std::lock_guard lock(writer.mutex);
  if (!writer.log || !(writer.log->wanted & kStack) || !call_stack) return false;
  if (writer.open < 0) return true;
  const Kind around = writer.log->at(static_cast<uint32_t>(writer.open)).kind;
  return around == Kind::User || around == Kind::Module;
}

}  // namespace

int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

Mark begin(const What& what, FunctionRef<void(std::vector<int64_t>&)> arguments) {
  Writer& writer = own_writer();
  std::string stack;
  // Asked for without the lock: it takes that of the interpreter.
  if (wants(kStack) && wants_stack(writer, what.kind)) stack = call_stack();
  const std::lock_guard lock(writer.mutex);
  if (!writer.log) return {};
  Log& log = *writer.log;
  if (log.count == log.chunks.size() * Log::kChunk)
    log.chunks.push_back(std::make_unique_for_overwrite<Record[]>(Log::kChunk));
  const uint32_t index = log.count;
  Record& r = log.at(index);
  r.name = what.kind == Kind::Operator ? &what.name : &*log.names.insert(what.name).first;
  r.detail = what.detail;
  r.stack = stack.empty() ? nullptr : &*log.names.insert(std::move(stack)).first;
  r.end = 0;
  r.sequence = what.sequence;
  r.parent = writer.open;
  r.kind = what.kind;
  r.in_place = what.in_place;
  r.arguments_begin = static_cast<uint32_t>(log.arguments.size());
  if (log.wanted & kShapes) arguments(log.arguments);
  r.arguments_end = static_cast<uint32_t>(log.arguments.size());
  r.memory_before = r.memory_after = memory(log);
  ++log.count;  // now that nothing can fail any more
  writer.open = static_cast<int32_t>(index);
  r.begin = now_ns();
  return {writer.session, index, &writer};
}

Mark begin(const What& what) {
  return begin(what, [](std::vector<int64_t>&) {});
}

void end(Mark mark, int64_t sequence) {
  if (mark.session == 0) return;
  const int64_t at = now_ns();
  Writer& writer = own_writer();
  const std::lock_guard lock(writer.mutex);
  if (!writer.log || writer.session != mark.session || &writer != mark.writer) return;
  Log& log = *writer.log;
  Record& r = log.at(mark.index);
  if (r.end != 0) return;  // ended with a span around it
  if (sequence >= 0) r.sequence = sequence;
  close(log, writer, mark.index, at);
}

bool start(uint32_t wanted) {
  Session& s = session();
  const std::lock_guard lock(s.mutex);
  if (on()) return false;
  s.writers.clear();
  current_session.store(++s.number, std::memory_order_release);
  options.store(wanted | kOn, std::memory_order_release);
  return true;
}

std::vector<std::unique_ptr<Log>> stop() {
  Session& s = session();
  const std::lock_guard lock(s.mutex);
  options.store(0, std::memory_order_release);
  std::vector<std::unique_ptr<Log>> logs;
  for (auto& writer : s.writers) {
    const std::lock_guard own(writer->mutex);
    Log& log = *writer->log;
    const int64_t at = now_ns();  // after all that this thread began
    for (int32_t i = writer->open; i >= 0; i = log.at(static_cast<uint32_t>(i)).parent)
      log.at(static_cast<uint32_t>(i)).end = at;
    writer->open = -1;
    logs.push_back(std::move(writer->log));
  }
  s.writers.clear();
  return logs;
}

}  // namespace fb::trace
