// The graph as Python sees it.
#pragma once
#include "autograd/variable.h"
#include "python/py.h"

namespace fb::py {

// A new reference to the Python object of a node; None for a null one.
PyObject* wrap_node(const Ref<Node>& node);
// The collector's view of the Python hooks that a tensor holds.
int traverse_hooks(const Tensor& t, visitproc visit, void* arg);
void clear_hooks(const Tensor& t);

}  // namespace fb::py
