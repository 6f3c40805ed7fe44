// Kernel slots: one function per device behind each name. A room calls `kernels::softmax(out,
// input, dim)`; the slot picks the device of the first tensor. On the meta device nothing runs,
// because kernels only ever write into tensors they are given.
//
//   ops/norm_kernels.h:  FB_KERNEL(softmax, const Tensor& out, const Tensor& input, int64_t dim)
//   cpu/norm.cpp:        CPU_KERNEL(softmax, softmax_cpu)
#pragma once
#include "core/tensor_list.h"

namespace fb {

class KernelSlot {
 public:
  explicit constexpr KernelSlot(const char* name) : name_(name) {}
  const char* name() const { return name_; }
  // A higher rank replaces a lower one: instruction sets of the same device.
  void install(DeviceType type, void* function, int rank);
  void* get(DeviceType type) const { return table_[static_cast<int>(type)]; }
  // All slots that have a kernel, for tests and coverage tables.
  static std::vector<KernelSlot*> all();
  // Installs, for the emulated device, a function that counts the call and runs the CPU's kernel.
  void emulate();
  uint64_t emulated_calls = 0;

 protected:
  [[noreturn]] void raise_missing(Device device) const;
  void* emulated_ = nullptr;

 private:
  const char* name_;
  void* table_[kDeviceTypes] = {};
  int rank_[kDeviceTypes] = {};
};

namespace detail {
inline Device device_of(const Tensor& t) { return t.device(); }
inline Device device_of(std::span<const Tensor> list) {
  return list.empty() ? Device{} : list[0].device();
}
}  // namespace detail

template <class Tag, class Signature>
class Kernel;
template <class Tag, class First, class... Rest>
class Kernel<Tag, void(First, Rest...)> : public KernelSlot {
 public:
  using Function = void (*)(First, Rest...);
  explicit constexpr Kernel(const char* name) : KernelSlot(name) { emulated_ = nullptr; }
  void operator()(First first, Rest... rest) {
    Device device = detail::device_of(first);
    if (device.type == DeviceType::Meta) return;
    auto function = reinterpret_cast<Function>(get(device.type));
    if (__builtin_expect(!function, 0)) raise_missing(device);
    function(first, rest...);
  }
  struct Installer {
    Installer(Kernel& slot, Function f, DeviceType type, int rank) {
      slot.emulated_ = reinterpret_cast<void*>(+[](First first, Rest... rest) {
        auto& self = Tag::slot();
        ++self.emulated_calls;
        reinterpret_cast<Function>(self.get(DeviceType::CPU))(first, rest...);
      });
      slot.install(type, reinterpret_cast<void*>(f), rank);
    }
  };
};

}  // namespace fb

#define FB_KERNEL(name, ...)                                                \
  namespace fb::kernels {                                                   \
  struct name##_tag;                                                        \
  inline constinit ::fb::Kernel<name##_tag, void(__VA_ARGS__)> name{#name}; \
  struct name##_tag {                                                       \
    static auto& slot() { return name; }                                    \
  };                                                                        \
  }
