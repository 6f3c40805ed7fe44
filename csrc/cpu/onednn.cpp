#ifdef FB_ONEDNN
#include "cpu/onednn.h"

#include <dlfcn.h>
#include <signal.h>
#include <sys/auxv.h>

#include <list>
#include <memory>
#include <string_view>
#include <unordered_map>

#include "core/allocator.h"
#include "core/error.h"

namespace fb::inline FB_CPU_NAMESPACE::onednn {
namespace {

constexpr size_t kPrimitivesPerThread = 512;

// oneDNN brings its OpenMP along; a team of its own inside of our chunks would wait on barriers.
// The setting is OpenMP's per-thread one, and only for the copy of the runtime that oneDNN uses.
void use_one_openmp_thread() {
  using Setter = void (*)(int);
  static const Setter setter = [] {
    void* runtime = dlopen("libgomp.so.1", RTLD_LAZY | RTLD_NOLOAD);
    return reinterpret_cast<Setter>(runtime ? dlsym(runtime, "omp_set_num_threads") : nullptr);
  }();
  if (setter) setter(1);
}

// oneDNN's float32 kernels keep numbers below the stack pointer, where a signal's frame would be
// written over them: a Ctrl-C in the middle of a product broke the heap. Handlers that ask for it
// (Python's do) run on a stack of their own where there is one.
class SignalStack {
 public:
  SignalStack() {
    stack_t present{};
    if (sigaltstack(nullptr, &present) != 0 || !(present.ss_flags & SS_DISABLE)) return;
    const size_t size = (size_t{1} << 16) + getauxval(AT_MINSIGSTKSZ);
    memory_.reset(new char[size]);
    stack_t ours{};
    ours.ss_sp = memory_.get();
    ours.ss_size = size;
    sigaltstack(&ours, nullptr);
  }
  ~SignalStack() {
    stack_t present{};
    if (!memory_ || sigaltstack(nullptr, &present) != 0) return;
    if (present.ss_sp != memory_.get()) return;
    stack_t none{};
    none.ss_flags = SS_DISABLE;
    sigaltstack(&none, nullptr);
  }

 private:
  std::unique_ptr<char[]> memory_;
};

struct KeyHash {
  size_t operator()(const Key& key) const {
    return std::hash<std::string_view>()(
        {reinterpret_cast<const char*>(key.data()), key.size() * sizeof(int64_t)});
  }
};

class Thread {
 public:
  Thread() : stream(engine()) { use_one_openmp_thread(); }

  Executable& find(const Key& key, FunctionRef<Recipe()> make) {
    if (recent_ && *recent_key_ == key) return *recent_;
    auto found = by_key_.find(key);
    if (found == by_key_.end()) {
      Executable fresh(make());
      if (by_key_.size() == kPrimitivesPerThread) {
        by_key_.erase(order_.back().first);
        order_.pop_back();
      }
      order_.emplace_front(key, std::move(fresh));
      found = by_key_.emplace(key, order_.begin()).first;
    } else {
      order_.splice(order_.begin(), order_, found->second);
    }
    recent_key_ = &found->second->first;
    recent_ = &found->second->second;
    return *recent_;
  }

  dnnl::stream stream;

 private:
  SignalStack signal_stack_;
  using Order = std::list<std::pair<Key, Executable>>;
  Order order_;  // most recently used first
  std::unordered_map<Key, Order::iterator, KeyHash> by_key_;
  const Key* recent_key_ = nullptr;
  Executable* recent_ = nullptr;
};

Thread& thread() {
  static thread_local Thread state;
  return state;
}

void check(dnnl_status_t status, const char* what) {
  if (status == dnnl_out_of_memory)
    raise(ErrorKind::OutOfMemory, "oneDNN: not enough memory for ", what);
  FB_CHECK_KIND(Internal, status == dnnl_success, "oneDNN failed in ", what, " with status ",
                static_cast<int>(status), ". This is a bug in flambeau: please report it.");
}

}  // namespace

const dnnl::engine& engine() {
  // Never destroyed: threads may outlive the static objects.
  static const auto* the_engine = new dnnl::engine(dnnl::engine::kind::cpu, 0);
  return *the_engine;
}

bool fast_bfloat16() {
  static const bool fast = [] {
    auto isa = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
    auto wanted = static_cast<unsigned>(dnnl::cpu_isa::avx512_core_bf16);
    return (isa & wanted) == wanted;
  }();
  return fast;
}

Executable::Executable(Recipe recipe)
    : recipe_(std::move(recipe)), scratch_bytes_(recipe_.scratchpad.get_size()) {
  for (const auto& argument : recipe_.arguments)
    memories_.emplace_back(argument.layout, engine(), nullptr);
  memories_.emplace_back(recipe_.scratchpad, engine(), nullptr);
  for (size_t i = 0; i < memories_.size(); ++i) {
    int id = i < recipe_.arguments.size() ? recipe_.arguments[i].id : DNNL_ARG_SCRATCHPAD;
    bound_.push_back({id, memories_[i].get()});
  }
}

void Executable::run(std::initializer_list<const void*> addresses) {
  FB_ASSERT(addresses.size() == recipe_.arguments.size());
  size_t i = 0;
  for (const void* address : addresses) {
    check(dnnl_memory_set_data_handle(memories_[i++].get(), const_cast<void*>(address)),
          "binding memory");
  }
  auto release = [bytes = scratch_bytes_](void* p) { cpu_release(p, bytes); };
  std::unique_ptr<void, decltype(release)> scratch(cpu_allocate(scratch_bytes_), release);
  check(dnnl_memory_set_data_handle(memories_.back().get(), scratch.get()), "binding memory");
  check(dnnl_primitive_execute(recipe_.primitive.get(), thread().stream.get(),
                               static_cast<int>(bound_.size()), bound_.data()),
        "running a primitive");
}

Executable& cached(const Key& key, FunctionRef<Recipe()> make) { return thread().find(key, make); }

dnnl::primitive_attr attributes() {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attr;
}

}  // namespace fb::inline FB_CPU_NAMESPACE::onednn
#endif
