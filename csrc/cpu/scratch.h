// Working memory of one thread.
#pragma once
#include "core/allocator.h"
#include "cpu/cpu.h"

namespace fb::inline FB_CPU_NAMESPACE {

// Uninitialised memory for n numbers, for the duration of a scope; none for n = 0.
template <class T>
class Scratch {
 public:
  explicit Scratch(int64_t n) : count_(n), data_(static_cast<T*>(cpu_allocate(bytes()))) {}
  ~Scratch() {
    if (data_) cpu_release(data_, bytes());
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  T* data() const { return data_; }
  operator T*() const { return data_; }

 private:
  size_t bytes() const { return static_cast<size_t>(count_) * sizeof(T); }
  int64_t count_;
  T* data_;
};

}  // namespace fb::inline FB_CPU_NAMESPACE
