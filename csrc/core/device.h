#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace fb {

// `Emulated` is CPU memory behind a kernel table of its own: the tests register it to prove that
// nothing outside csrc/cpu assumes the CPU.
enum class DeviceType : uint8_t { CPU, Meta, CUDA, Emulated };
constexpr int kDeviceTypes = 4;

struct Device {
  DeviceType type = DeviceType::CPU;
  int8_t index = -1;  // -1: the current one
  bool operator==(const Device&) const = default;
  std::string str() const;
  // "cpu", "meta", "cuda:0"; anything else is an error that lists what there is.
  static Device parse(std::string_view text);
};

template <class Stream>
Stream& operator<<(Stream& s, Device d) {
  s << d.str();
  return s;
}

}  // namespace fb
