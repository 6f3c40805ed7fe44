#include "core/machine.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <sched.h>
#endif

namespace fb {
namespace {

constexpr size_t kUnlimited = std::numeric_limits<size_t>::max();

// The number after `key` in a file of "key value" lines, in the file's own unit.
std::optional<size_t> read_field(const std::string& path, const std::string& key) {
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    if (line.compare(0, key.size(), key) == 0) {
      return static_cast<size_t>(std::strtoull(line.c_str() + key.size(), nullptr, 10));
    }
  }
  return std::nullopt;
}

// The number a file holds; nothing for "max", a negative number or no file.
std::optional<size_t> read_number(const std::string& path) {
  std::ifstream file(path);
  long long value = 0;
  if (!(file >> value) || value < 0) return std::nullopt;
  return static_cast<size_t>(value);
}

struct ControlGroup {
  std::string directory;  // without a slash at the end
  bool unified;           // version 2
};

// Adds `path` below `mount` and all its parents. Limits of a parent bind too, and inside a
// container the path named by the kernel may exist only in part.
void add_with_parents(const std::string& mount, std::string path, bool unified,
                      std::vector<ControlGroup>& groups) {
  for (;;) {
    while (!path.empty() && path.back() == '/') path.pop_back();
    groups.push_back({mount + path, unified});
    const size_t slash = path.rfind('/');
    if (slash == std::string::npos) return;
    path.resize(slash);
  }
}

// The control groups that bind this process for a controller ("cpu", "memory").
std::vector<ControlGroup> control_groups(const std::string& controller) {
  std::vector<ControlGroup> groups;
  std::ifstream file("/proc/self/cgroup");
  std::string line;  // "number:controllers:path"
  while (std::getline(file, line)) {
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (controllers.empty()) {
      add_with_parents("/sys/fs/cgroup", path, true, groups);
    } else if (("," + controllers + ",").find("," + controller + ",") != std::string::npos) {
      add_with_parents("/sys/fs/cgroup/" + controllers, path, false, groups);
    }
  }
  return groups;
}

struct GroupMemory {
  size_t limit;
  size_t used;  // without the file cache, which the kernel gives up first
};

std::vector<GroupMemory> group_memory() {
  std::vector<GroupMemory> found;
  for (const ControlGroup& group : control_groups("memory")) {
    const std::string& at = group.directory;
    const auto limit = read_number(at + (group.unified ? "/memory.max" : "/memory.limit_in_bytes"));
    if (!limit) continue;
    const size_t used =
        read_number(at + (group.unified ? "/memory.current" : "/memory.usage_in_bytes"))
            .value_or(0);
    const size_t reclaimable =
        read_field(at + "/memory.stat", group.unified ? "inactive_file " : "total_inactive_file ")
            .value_or(0);
    found.push_back({*limit, used - std::min(used, reclaimable)});
  }
  return found;
}

// Processors' worth of time a control group grants; nothing where it sets no quota.
std::optional<double> cpu_quota(const ControlGroup& group) {
  double quota = 0, period = 0;
  if (group.unified) {
    std::ifstream file(group.directory + "/cpu.max");
    if (!(file >> quota >> period)) return std::nullopt;
  } else {
    quota = static_cast<double>(read_number(group.directory + "/cpu.cfs_quota_us").value_or(0));
    period = static_cast<double>(read_number(group.directory + "/cpu.cfs_period_us").value_or(0));
  }
  if (quota <= 0 || period <= 0) return std::nullopt;
  return quota / period;
}

int affinity_count() {
#if defined(__linux__)
  std::vector<cpu_set_t> masks(16);  // 16,384 processors
  const size_t bytes = masks.size() * sizeof(cpu_set_t);
  if (sched_getaffinity(0, bytes, masks.data()) == 0) return CPU_COUNT_S(bytes, masks.data());
#endif
  return static_cast<int>(std::thread::hardware_concurrency());
}

}  // namespace

size_t memory_limit() {
  static const size_t limit = [] {
    const auto ram = read_field("/proc/meminfo", "MemTotal:");
    const auto swap = read_field("/proc/meminfo", "SwapTotal:");
    size_t bytes = ram ? (*ram + swap.value_or(0)) * 1024 : kUnlimited;
    for (const GroupMemory& group : group_memory()) bytes = std::min(bytes, group.limit);
    return bytes;
  }();
  return limit;
}

size_t memory_available() {
  const auto free = read_field("/proc/meminfo", "MemAvailable:");
  size_t bytes = free ? *free * 1024 : kUnlimited;
  for (const GroupMemory& group : group_memory()) {
    bytes = std::min(bytes, group.limit - std::min(group.limit, group.used));
  }
  return bytes;
}

int cpu_limit() {
  int count = affinity_count();
  for (const ControlGroup& group : control_groups("cpu")) {
    if (const auto quota = cpu_quota(group)) {
      count = std::min(count, static_cast<int>(std::ceil(std::min(*quota, 1e6))));
    }
  }
  return std::max(count, 1);
}

}  // namespace fb
