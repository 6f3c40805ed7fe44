// Anomaly mode: nodes remember where they were made. The Python side fills the hooks in.
#pragma once
#include <memory>

#include "autograd/node.h"

namespace fb {

struct AnomalyHooks {
  std::shared_ptr<void> (*capture)() = nullptr;
  void (*report)(const Node& node) = nullptr;
};
extern AnomalyHooks anomaly_hooks;

}  // namespace fb
