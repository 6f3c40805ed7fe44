// A block of memory on one device, shared by all tensors that view it.
#pragma once
#include <atomic>
#include <cstddef>

#include "core/device.h"
#include "core/intrusive.h"

namespace fb {

// How a device hands out memory. The CPU's is in core/allocator.h; other backends install theirs.
struct DeviceMemory {
  void* (*allocate)(size_t nbytes) = nullptr;
  void (*release)(void* data, size_t nbytes) noexcept = nullptr;
};
void install_device_memory(DeviceType type, DeviceMemory memory);
bool device_available(DeviceType type);

class Storage : public Counted {
 public:
  // Memory of the device's own allocator, uninitialised. Meta storages have a size and no memory.
  static Ref<Storage> allocate(size_t nbytes, Device device);
  // Memory that belongs to somebody else; `free(context)` is called once when the storage goes.
  static Ref<Storage> borrow(void* data, size_t nbytes, Device device, void (*free)(void*),
                             void* context);
  static void destroy(Storage* s);

  void* data() const { return data_; }
  size_t nbytes() const { return nbytes_; }
  Device device() const { return device_; }
  // Grows or shrinks in place, keeping the content up to the smaller size.
  void resize(size_t nbytes);
  bool resizable() const { return free_ == nullptr; }
  // Moves the content into pages that processes forked from now on see as well, with each other's
  // changes.
  void share();
  bool shared() const;

  // Bumped by every in-place change; saved tensors compare it.
  uint32_t version() const { return version_.load(std::memory_order_relaxed); }
  void bump_version() { version_.fetch_add(1, std::memory_order_relaxed); }

  static void* operator new(size_t n);
  static void operator delete(void* p, size_t n);

 private:
  Storage(void* data, size_t nbytes, Device device)
      : data_(data), nbytes_(nbytes), device_(device) {}
  ~Storage();

  void* data_;
  size_t nbytes_;
  Device device_;
  std::atomic<uint32_t> version_{0};
  void (*free_)(void*) = nullptr;
  void* context_ = nullptr;
};

}  // namespace fb
