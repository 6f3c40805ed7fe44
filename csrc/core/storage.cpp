#include "core/storage.h"

#include <algorithm>
#include <cstring>

#include "core/allocator.h"
#include "core/error.h"

namespace fb {
namespace {
DeviceMemory g_memory[kDeviceTypes] = {{cpu_allocate, cpu_release}, {}, {}, {}};
}

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
  return Ref<Storage>(new Storage(memory.allocate(nbytes), nbytes, device));
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
    data_ = data;
  }
  nbytes_ = nbytes;
}

void* Storage::operator new(size_t n) { return cpu_allocate(n); }
void Storage::operator delete(void* p, size_t n) { cpu_release(p, n); }

}  // namespace fb
