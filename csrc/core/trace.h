// What ran when: spans of operators, derivatives, modules and of the user's own, in one buffer per
// thread. The profiler in Python starts and stops the recording and makes its tables of it.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "core/function_ref.h"

namespace fb::trace {

// What to record, as bits. No bit is set while nothing is recorded.
enum Option : uint32_t { kOn = 1, kShapes = 2, kMemory = 4, kModules = 8, kStack = 16 };

extern std::atomic<uint32_t> options [[gnu::visibility("hidden")]];

// The memory of storages that this thread allocated less what it released; core/storage.cpp counts.
extern constinit thread_local int64_t storage_bytes __attribute__((tls_model("initial-exec")));

// Says where in the user's program the thread is; called for what no operator stands around.
extern std::string (*call_stack)();

inline bool on() { return options.load(std::memory_order_relaxed) != 0; }
inline bool wants(Option o) { return options.load(std::memory_order_relaxed) & o; }

enum class Kind : uint8_t { Operator, Backward, Module, User };

struct Record {
  const std::string* name;
  const std::string* detail;                // an operator's overload; may be null
  const std::string* stack;                 // what call_stack said; may be null
  int64_t begin;                            // ns of the steady clock
  int64_t end;                              // 0 while it runs
  int64_t memory_before, memory_after;      // storage_bytes
  int64_t sequence;                         // of the node made (Operator) or run (Backward), or -1
  int32_t parent;                           // index of the span around it in its thread, or -1
  uint32_t arguments_begin, arguments_end;  // in Log::arguments
  Kind kind;
  bool in_place;
};

// All that one thread recorded.
struct Log {
  uint64_t thread = 0;  // the system's number of it
  uint32_t wanted = 0;  // the options of its recording
  std::vector<std::unique_ptr<Record[]>> chunks;
  uint32_t count = 0;
  std::vector<int64_t> arguments;
  std::unordered_set<std::string> names;  // those that no operator owns

  static constexpr uint32_t kChunk = 1024;
  Record& at(uint32_t i) const { return chunks[i / kChunk][i % kChunk]; }
};

struct What {
  Kind kind;
  const std::string& name;  // of an operator: kept by reference, so it must stay
  const std::string* detail = nullptr;
  bool in_place = false;
  int64_t sequence = -1;
};

// Where a span stands: to end it later. Not valid (and harmless) if nothing was recorded.
struct Mark {
  uint64_t session = 0;  // 0: nothing to end
  uint32_t index = 0;
  const void* writer = nullptr;
};

// `arguments` appends a description of the operator's arguments; called if shapes are wanted.
Mark begin(const What& what, FunctionRef<void(std::vector<int64_t>&)> arguments);
Mark begin(const What& what);
// `sequence` replaces the one given at the beginning unless it is -1. Spans inside that are still
// open end too. Another thread than the one that began cannot end it: it then ends with its parent.
void end(Mark mark, int64_t sequence = -1);

// A span of a scope.
class Span {
 public:
  explicit Span(const What& what) : mark_(begin(what)) {}
  ~Span() { end(mark_); }
  Span(const Span&) = delete;
  Span& operator=(const Span&) = delete;

 private:
  Mark mark_;
};

// There is one recording in the process, of all its threads; false if it is on already.
bool start(uint32_t wanted);
// What still runs ends here.
std::vector<std::unique_ptr<Log>> stop();

int64_t now_ns();

}  // namespace fb::trace
