// oneDNN as our kernels use it: each call runs on the calling thread alone, inside chunks of our
// own pool; primitives are kept by shape, their scratch memory comes from our allocator.
#pragma once
#ifdef FB_ONEDNN
#include <dnnl.hpp>
#include <initializer_list>
#include <vector>

#include "core/function_ref.h"
#include "core/small_vector.h"
#include "cpu/cpu.h"

namespace fb::inline FB_CPU_NAMESPACE::onednn {

// Created at the first call; there is one per process.
const dnnl::engine& engine();
// Whether products of bfloat16 are more than conversions to float32 on this machine.
bool fast_bfloat16();

// What a primitive was made for: numbers in any order that tell apart all primitives of a program.
using Key = SmallVector<int64_t, 32>;

// A primitive and the layouts of its arguments, in the order in which run() takes their addresses.
struct Recipe {
  struct Argument {
    int id;  // DNNL_ARG_SRC, ...
    dnnl::memory::desc layout;
  };
  dnnl::primitive primitive;
  std::vector<Argument> arguments;
  dnnl::memory::desc scratchpad;
};

// A primitive of the calling thread.
class Executable {
 public:
  explicit Executable(Recipe recipe);
  void run(std::initializer_list<const void*> addresses);
  const dnnl::memory::desc& layout(size_t argument) const {
    return recipe_.arguments[argument].layout;
  }

 private:
  Recipe recipe_;
  std::vector<dnnl::memory> memories_;
  std::vector<dnnl_exec_arg_t> bound_;
  size_t scratch_bytes_;
};

// The thread's primitive for the key, made at first use. The least recently used go when there are
// too many, so the reference is good until the next call.
Executable& cached(const Key& key, FunctionRef<Recipe()> make);

// Attributes that every primitive of ours has.
dnnl::primitive_attr attributes();

}  // namespace fb::inline FB_CPU_NAMESPACE::onednn
#endif
