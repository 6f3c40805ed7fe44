#include "core/device.h"

#include <charconv>

#include "core/error.h"

namespace fb {
namespace {
constexpr std::string_view kNames[kDeviceTypes] = {"cpu", "meta", "cuda", "emulated"};
}

std::string Device::str() const {
  std::string text(kNames[static_cast<int>(type)]);
  return index < 0 ? text : text + ":" + std::to_string(index);
}

Device Device::parse(std::string_view text) {
  auto colon = text.find(':');
  std::string_view name = text.substr(0, colon);
  for (int i = 0; i < kDeviceTypes; ++i) {
    if (name != kNames[i]) continue;
    Device device{static_cast<DeviceType>(i), -1};
    if (colon == std::string_view::npos) return device;
    std::string_view digits = text.substr(colon + 1);
    int index = -1;
    auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
    if (code != std::errc() || end != digits.data() + digits.size() || index < 0 || index > 127)
      break;
    device.index = static_cast<int8_t>(index);
    return device;
  }
  raise(
      ErrorKind::Runtime,
      "Expected one of cpu, meta, cuda device type at start of device string, or an index after ':', but got: '",
      text, "'");
}

}  // namespace fb
