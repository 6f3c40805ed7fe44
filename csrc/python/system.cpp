// Threads, memory, default types, the emulated device.
#include <nanobind/stl/string.h>

#include "core/allocator.h"
#include "core/precision.h"
#include "core/threads.h"
#include "ops/kernel.h"
#include "python/caster.h"

#if defined(__linux__)
#include <fcntl.h>
#endif

namespace fb::py {
namespace {

nb::dict stats() {
  MemoryStats s = memory_stats();
  nb::dict d;
  d["allocated"] = s.allocated;
  d["reserved"] = s.reserved;
  d["peak_allocated"] = s.peak_allocated;
  d["peak_reserved"] = s.peak_reserved;
  d["allocations"] = s.allocations;
  d["cache_hits"] = s.cache_hits;
  return d;
}

// A second backend for tests: CPU memory behind kernels of its own that count their calls.
void register_emulated_device() {
  install_device_memory(DeviceType::Emulated, {cpu_allocate, cpu_release});
  for (KernelSlot* slot : KernelSlot::all()) slot->emulate();
}

nb::dict emulated_calls() {
  nb::dict d;
  for (KernelSlot* slot : KernelSlot::all())
    if (slot->emulated_calls) d[slot->name()] = slot->emulated_calls;
  return d;
}

// Storages only grow: tensors that use the memory would otherwise reach beyond its end.
void grow_storage(const Tensor& t, size_t nbytes) {
  FB_CHECK(nbytes >= t.storage()->nbytes(), "resize_(): a storage of ", t.storage()->nbytes(),
           " bytes cannot shrink to ", nbytes, ": tensors may still use all of it");
  if (nbytes > t.storage()->nbytes()) t.storage()->resize(nbytes);
}

// Has the system store this part of a file while the caller goes on; errors show at the next fsync.
void begin_storing([[maybe_unused]] int file, [[maybe_unused]] int64_t offset,
                   [[maybe_unused]] int64_t nbytes) {
#if defined(__linux__)
  sync_file_range(file, offset, nbytes, SYNC_FILE_RANGE_WRITE);
#endif
}

}  // namespace

void init_system(PyObject* module) {
  nb::module_ m = nb::borrow<nb::module_>(module);
  m.def("get_num_threads", num_threads);
  m.def("set_num_threads", set_num_threads);
  m.def("_set_bfloat16_products", [](bool allowed) { bfloat16_products = allowed; });
  m.def("_memory_stats", stats);
  m.def("_reset_peak_memory", reset_peak_memory);
  m.def("_empty_cache", empty_cache);
  m.def("_set_memory_cap", set_memory_cap);
  m.def("_begin_storing", begin_storing, nb::call_guard<nb::gil_scoped_release>());
  m.def("_grow_storage", grow_storage);
  m.def("_share_storage", [](const Tensor& t) { t.storage()->share(); });
  m.def("_is_storage_shared", [](const Tensor& t) { return t.storage()->shared(); });
  m.def("_is_storage_resizable", [](const Tensor& t) { return t.storage()->resizable(); });
  m.def("get_default_dtype", default_dtype);
  m.def("_set_default_dtype", set_default_dtype);
  m.def("promote_types", promote_types, nb::arg("type1"), nb::arg("type2"));
  m.def("can_cast", can_cast, nb::arg("from_"), nb::arg("to"));
  m.def("_register_emulated_device", register_emulated_device);
  m.def("_emulated_calls", emulated_calls);
}

}  // namespace fb::py
