#include "ops/kernel.h"

#include "core/error.h"

namespace fb {
namespace {
std::vector<KernelSlot*>& slots() {
  static std::vector<KernelSlot*> list;
  return list;
}
}  // namespace

void KernelSlot::install(DeviceType type, void* function, int rank) {
  bool known = false;
  for (void* f : table_) known |= f != nullptr;
  if (!known) slots().push_back(this);
  int d = static_cast<int>(type);
  if (table_[d] && rank <= rank_[d]) return;
  table_[d] = function;
  rank_[d] = rank;
}

std::vector<KernelSlot*> KernelSlot::all() { return slots(); }

void KernelSlot::emulate() { table_[static_cast<int>(DeviceType::Emulated)] = emulated_; }

void KernelSlot::raise_missing(Device device) const {
  raise(ErrorKind::NotImplemented, "Could not run '", name_, "' on the device '", device,
        "': there is no such kernel");
}

}  // namespace fb
