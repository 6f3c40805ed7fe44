// Vectors whose memory comes from the caching allocator: cheap enough for every call.
#pragma once
#include <vector>

#include "core/allocator.h"
#include "core/tensor.h"

namespace fb {

template <class T>
struct PoolAllocator {
  using value_type = T;
  PoolAllocator() = default;
  template <class U>
  PoolAllocator(const PoolAllocator<U>&) {}
  T* allocate(size_t n) { return static_cast<T*>(cpu_allocate(n * sizeof(T))); }
  void deallocate(T* p, size_t n) noexcept { cpu_release(p, n * sizeof(T)); }
  bool operator==(const PoolAllocator&) const { return true; }
};

template <class T>
using PoolVector = std::vector<T, PoolAllocator<T>>;
using Tensors = PoolVector<Tensor>;

}  // namespace fb
