#include "core/storage.h"

#include <algorithm>
#include <cstring>

#include "core/allocator.h"
#include "core/error.h"
#include "core/trace.h"

#if defined(__unix__) || defined(__APPLE__)
#include <sys/mman.h>
#endif

namespace fb {
namespace {
DeviceMemory g_memory[kDeviceTypes] = {{cpu_allocate, cpu_release}, {}, {}, {}};

// Shared memory of a storage, and what it had before: arrays may still look at that.
struct SharedPages {
  void* data;
  size_t nbytes;
  void* old_data;
  void (*old_free)(void*);
  void* old_context;
};

#if defined(__unix__) || defined(__APPLE__)
void* map_shared(size_t nbytes) {
  void* data = mmap(nullptr, nbytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  FB_CHECK(data != MAP_FAILED, "share_memory_(): the system has no ", nbytes,
           " bytes of shared memory to give");
  return data;
}

void unmap_shared(void* context) {
  auto* pages = static_cast<SharedPages*>(context);
  munmap(pages->data, pages->nbytes);
  if (pages->old_free) {
    pages->old_free(pages->old_context);
  } else {
    cpu_release(pages->old_data, pages->nbytes);
    trace::storage_bytes -= static_cast<int64_t>(pages->nbytes);
  }
  delete pages;
}
#else
void* map_shared(size_t) { raise(ErrorKind::Runtime, "share_memory_() is not supported here"); }
void unmap_shared(void*) {}
#endif

}  // namespace

void install_device_memory(DeviceType type, DeviceMemory memory) {
  g_memory[static_cast<int>(type)] = memory;
}

bool device_available(DeviceType type) {
  return type == DeviceType::Meta || g_memory[static_cast<int>(type)].allocate;
}

Ref<Storage> Storage::allocate(size_t nbytes, Device device) {
  const DeviceMemory& memory = g_memory[static_cast<int>(device.type)];
  if (!memory.allocate) {
    FB_CHECK(device.type == DeviceType::Meta, "flambeau was built without support for the device ",
             device, ": use 'cpu' or 'meta'");
    return Ref<Storage>(new Storage(nullptr, nbytes, device));
  }
  Ref<Storage> s(new Storage(memory.allocate(nbytes), nbytes, device));
  trace::storage_bytes += static_cast<int64_t>(nbytes);
  return s;
}

Ref<Storage> Storage::borrow(void* data, size_t nbytes, Device device, void (*free)(void*),
                             void* context) {
  Ref<Storage> s(new Storage(data, nbytes, device));
  s->free_ = free;
  s->context_ = context;
  return s;
}

Storage::~Storage() {
  if (free_) {
    free_(context_);
  } else if (data_) {
    g_memory[static_cast<int>(device_.type)].release(data_, nbytes_);
    trace::storage_bytes -= static_cast<int64_t>(nbytes_);
  }
}

void Storage::destroy(Storage* s) { delete s; }

void Storage::resize(size_t nbytes) {
  FB_CHECK(resizable(), "Trying to resize storage that is not resizable");
  const DeviceMemory& memory = g_memory[static_cast<int>(device_.type)];
  if (memory.allocate) {
    void* data = memory.allocate(nbytes);
    if (data && data_) std::memcpy(data, data_, std::min(nbytes, nbytes_));
    if (data_) memory.release(data_, nbytes_);
    trace::storage_bytes += static_cast<int64_t>(nbytes) - static_cast<int64_t>(nbytes_);
    data_ = data;
  }
  nbytes_ = nbytes;
}

void Storage::share() {
  if (shared() || nbytes_ == 0) return;
  FB_CHECK(device_.type == DeviceType::CPU,
           "share_memory_(): only memory of the CPU can be shared, ", "but the tensor is on ",
           device_);
  void* data = map_shared(nbytes_);
  std::memcpy(data, data_, nbytes_);
  context_ = new SharedPages{data, nbytes_, data_, free_, context_};
  free_ = unmap_shared;
  data_ = data;
}

bool Storage::shared() const { return free_ == unmap_shared; }

void* Storage::operator new(size_t n) { return cpu_allocate(n); }
void Storage::operator delete(void* p, size_t n) { cpu_release(p, n); }

}  // namespace fb
