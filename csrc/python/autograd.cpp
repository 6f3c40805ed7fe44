// Backward, gradient modes, nodes and hooks.
#include "python/autograd.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <unordered_set>

#include "autograd/accumulate.h"
#include "autograd/anomaly.h"
#include "autograd/engine.h"
#include "python/call.h"
#include "python/caster.h"

namespace fb::py {
namespace {

// --- hooks ---------------------------------------------------------------------------------------

// A Python callable that a handle may take away again.
struct Callable {
  Object function;
  ~Callable() {
    if (!function) return;
    AcquireGil gil;
    function = Object();
  }
  void remove() { function = Object(); }
};

struct PyTensorHook : TensorHook, Callable {
  Tensor call(const Tensor& grad) override {
    AcquireGil gil;
    if (!function) return {};
    Object argument = check(wrap(grad));
    Object held = function;
    Object result = check(PyObject_CallOneArg(held.get(), argument.get()));
    if (result.get() == Py_None) return {};
    FB_CHECK_TYPE(is_tensor(result.get()), "hooks must return None or a Tensor, but got ",
                  Py_TYPE(result.get())->tp_name);
    const Tensor& t = tensor_of(result.get());
    FB_CHECK(same_shape(t.sizes(), grad.sizes()), "hook has changed the size of value");
    return t;
  }
};

Object tuple_of(const Tensors& list) { return check(wrap_list(list)); }

void replace(Tensors& grads, PyObject* result) {
  if (result == Py_None) return;
  if (is_tensor(result) && grads.size() == 1) {
    grads[0] = tensor_of(result);
    return;
  }
  FB_CHECK_TYPE(
      PyTuple_Check(result) && static_cast<size_t>(PyTuple_GET_SIZE(result)) == grads.size(),
      "hooks must return None or a tuple of ", grads.size(), " gradients");
  for (size_t i = 0; i < grads.size(); ++i) {
    PyObject* o = PyTuple_GET_ITEM(result, static_cast<Py_ssize_t>(i));
    FB_CHECK_TYPE(o == Py_None || is_tensor(o), "hooks must return tensors, but got ",
                  Py_TYPE(o)->tp_name);
    grads[i] = o == Py_None ? Tensor() : tensor_of(o);
  }
}

struct PyNodeHook : NodeHook, Callable {
  bool is_pre = false;
  void before(Tensors& grad_outputs) override {
    if (!is_pre) return;
    AcquireGil gil;
    if (!function) return;
    Object args = tuple_of(grad_outputs);
    replace(grad_outputs, check(PyObject_CallOneArg(function.get(), args.get())).get());
  }
  void after(Tensors& grad_inputs, const Tensors& grad_outputs) override {
    if (is_pre) return;
    AcquireGil gil;
    if (!function) return;
    Object in = tuple_of(grad_inputs), out = tuple_of(grad_outputs);
    PyObject* stack[] = {in.get(), out.get()};
    replace(grad_inputs, check(PyObject_Vectorcall(function.get(), stack, 2, nullptr)).get());
  }
};

// What register_hook returns.
struct RemovableHandle {
  std::weak_ptr<void> owner;
  Callable* callable = nullptr;
  void remove() {
    if (auto alive = owner.lock()) callable->remove();
  }
};

template <class Hook>
RemovableHandle handle_of(const std::shared_ptr<Hook>& hook) {
  return {hook, hook.get()};
}

RemovableHandle register_hook(const Tensor& t, nb::callable function) {
  auto hook = std::make_shared<PyTensorHook>();
  hook->function = Object::borrow(function.ptr());
  add_hook(t, hook);
  return handle_of(hook);
}

RemovableHandle register_accumulate_hook(const Tensor& t, nb::callable function) {
  FB_CHECK(
      is_leaf(t) && requires_grad(t),
      "post accumulate grad hooks cannot be registered on non-leaf tensors or tensors that don't require grad");
  auto hook = std::make_shared<PyTensorHook>();
  hook->function = Object::borrow(function.ptr());
  struct Ignoring : TensorHook {
    std::shared_ptr<PyTensorHook> inner;
    Tensor call(const Tensor& leaf) override {
      AcquireGil gil;
      if (!inner->function) return {};
      Object argument = check(wrap(leaf));
      check(PyObject_CallOneArg(inner->function.get(), argument.get()));
      return {};
    }
  };
  auto outer = std::make_shared<Ignoring>();
  outer->inner = hook;
  autograd_meta_or_new(t).after_accumulate_hooks.push_back(outer);
  return handle_of(hook);
}

// --- nodes ---------------------------------------------------------------------------------------

struct PyNode {
  PyObject_HEAD Ref<Node> node;
  PyObject* dict;
};
PyTypeObject* g_node_type;

const Ref<Node>& node_in(PyObject* o) { return reinterpret_cast<PyNode*>(o)->node; }

void node_dealloc(PyObject* self) {
  auto* p = reinterpret_cast<PyNode*>(self);
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  p->node->python = nullptr;
  Py_CLEAR(p->dict);
  p->node.~Ref<Node>();
  type->tp_free(self);
  Py_DECREF(type);
}
int node_traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(reinterpret_cast<PyNode*>(self)->dict);
  return 0;
}
int node_clear(PyObject* self) {
  Py_CLEAR(reinterpret_cast<PyNode*>(self)->dict);
  return 0;
}
PyObject* node_repr(PyObject* self) {
  return guarded([&] {
    return PyUnicode_FromFormat("<%s object at %p>", node_in(self)->name().c_str(), self);
  });
}
PyObject* node_name(PyObject* self, PyObject*) {
  return guarded([&] { return PyUnicode_FromString(node_in(self)->name().c_str()); });
}
PyObject* node_sequence(PyObject* self, PyObject*) {
  return PyLong_FromUnsignedLongLong(node_in(self)->sequence());
}
PyObject* node_next(PyObject* self, void*) {
  return guarded([&]() -> PyObject* {
    auto& edges = node_in(self)->edges;
    Object tuple = check(PyTuple_New(static_cast<Py_ssize_t>(edges.size())));
    for (size_t i = 0; i < edges.size(); ++i) {
      Object node = check(wrap_node(edges[i].node));
      PyTuple_SET_ITEM(tuple.get(), static_cast<Py_ssize_t>(i),
                       check(Py_BuildValue("(OI)", node.get(), edges[i].slot)).release());
    }
    return tuple.release();
  });
}
PyObject* node_variable(PyObject* self, void*) {
  auto* sink = dynamic_cast<AccumulateGrad*>(node_in(self).get());
  if (sink) return wrap(sink->variable());
  PyErr_Format(PyExc_AttributeError, "'%s' object has no attribute 'variable'",
               node_in(self)->name().c_str());
  return nullptr;
}
PyObject* node_metadata(PyObject* self, void*) {
  auto* p = reinterpret_cast<PyNode*>(self);
  if (!p->dict) p->dict = PyDict_New();
  return Py_XNewRef(p->dict);
}
PyObject* register_node_hook(PyObject* self, PyObject* function, bool pre) {
  return guarded([&]() -> PyObject* {
    auto hook = std::make_shared<PyNodeHook>();
    hook->function = Object::borrow(function);
    hook->is_pre = pre;
    node_in(self)->hooks_or_new().node_hooks.push_back(hook);
    return nb::cast(handle_of(hook)).release().ptr();
  });
}
PyObject* node_register_hook(PyObject* self, PyObject* function) {
  return register_node_hook(self, function, false);
}
PyObject* node_register_prehook(PyObject* self, PyObject* function) {
  return register_node_hook(self, function, true);
}

PyMethodDef kNodeMethods[] = {{"name", node_name, METH_NOARGS, "Name of the operation."},
                              {"_sequence_nr", node_sequence, METH_NOARGS, nullptr},
                              {"register_hook", node_register_hook, METH_O,
                               "Calls fn(grad_inputs, grad_outputs) after the node ran."},
                              {"register_prehook", node_register_prehook, METH_O,
                               "Calls fn(grad_outputs) before the node runs."},
                              {nullptr, nullptr, 0, nullptr}};
PyGetSetDef kNodeGetters[] = {
    {"next_functions", node_next, nullptr, "Nodes that receive this node's gradients.", nullptr},
    {"variable", node_variable, nullptr, "The leaf of an accumulator.", nullptr},
    {"metadata", node_metadata, nullptr, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

// --- backward ------------------------------------------------------------------------------------

Tensors tensors_from(PyObject* o, const char* what) {
  Tensors list;
  if (!o || o == Py_None) return list;
  if (is_tensor(o)) {
    list.push_back(tensor_of(o));
    return list;
  }
  Object fast = check(PySequence_Fast(o, what));
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(fast.get()); ++i) {
    PyObject* item = PySequence_Fast_GET_ITEM(fast.get(), i);
    FB_CHECK_TYPE(item == Py_None || is_tensor(item), what, ": expected tensors, but got ",
                  Py_TYPE(item)->tp_name);
    list.push_back(item == Py_None ? Tensor() : tensor_of(item));
  }
  return list;
}

// --- transformations of functions ----------------------------------------------------------------

// _reaches_other_leaves(tensors, own): whether their graph leads to any leaf but the given ones.
bool reaches_other_leaves(nb::object roots_given, nb::object own_given) {
  const Tensors roots = tensors_from(roots_given.ptr(), "tensors"),
                own = tensors_from(own_given.ptr(), "own");
  std::vector<const Node*> stack;
  std::unordered_set<const Node*> seen;
  std::unordered_set<const TensorImpl*> leaves;
  for (const Tensor& t : own) leaves.insert(t.impl());
  auto visit = [&](const Node* node) {
    if (node && seen.insert(node).second) stack.push_back(node);
  };
  std::vector<Edge> edges;  // leaves' accumulators live as long as somebody holds them
  for (const Tensor& t : roots) {
    edges.push_back(gradient_edge(t));
    visit(edges.back().node.get());
  }
  while (!stack.empty()) {
    const Node* node = stack.back();
    stack.pop_back();
    if (auto* sink = dynamic_cast<const AccumulateGrad*>(node)) {
      if (!leaves.count(sink->variable().impl())) return true;
    }
    for (const Edge& edge : node->edges) visit(edge.node.get());
  }
  return false;
}

Tensors backward_released(const Tensors& roots, Tensors grads, const Tensors& inputs,
                          const BackwardOptions& options) {
  ReleaseGil release;
  return run_backward(roots, std::move(grads), inputs, options);
}

// _run_backward(tensors, grad_tensors, retain_graph, create_graph, inputs, allow_unused,
// accumulate)
PyObject* py_run_backward(PyObject*, PyObject* const* args, Py_ssize_t nargs) {
  return guarded([&]() -> PyObject* {
    FB_CHECK_TYPE(nargs == 7, "_run_backward takes 7 arguments, but got ", nargs);
    Tensors roots = tensors_from(args[0], "tensors"), grads = tensors_from(args[1], "grad_tensors");
    grads.resize(roots.size());
    BackwardOptions options{.retain_graph = args[2] == Py_True,
                            .create_graph = args[3] == Py_True,
                            .accumulate = args[6] == Py_True,
                            .allow_unused = args[5] == Py_True};
    Tensors found =
        backward_released(roots, std::move(grads), tensors_from(args[4], "inputs"), options);
    if (options.accumulate) Py_RETURN_NONE;
    return wrap_list(found);
  });
}

// Tensor.backward(gradient=None, retain_graph=None, create_graph=False, inputs=None)
PyObject* tensor_backward(PyObject*, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    PyObject *self, *gradient = Py_None, *retain = Py_None, *create = Py_False, *inputs = Py_None;
    static const char* names[] = {"self",         "gradient", "retain_graph",
                                  "create_graph", "inputs",   nullptr};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|OOOO:backward", const_cast<char**>(names),
                                     &self, &gradient, &retain, &create, &inputs))
      throw PythonError();
    FB_CHECK_TYPE(is_tensor(self), "backward(): expected a Tensor, but got ",
                  Py_TYPE(self)->tp_name);
    FB_CHECK_TYPE(gradient == Py_None || is_tensor(gradient),
                  "gradients can be either Tensors or None, but got ", Py_TYPE(gradient)->tp_name);
    int create_graph = PyObject_IsTrue(create),
        retain_graph = retain == Py_None ? create_graph : PyObject_IsTrue(retain);
    Tensors grads(1);
    if (gradient != Py_None) grads[0] = tensor_of(gradient);
    Tensors targets = tensors_from(inputs, "inputs");
    FB_CHECK(inputs == Py_None || !targets.empty(),
             "'inputs' argument to backward() cannot be empty.");
    backward_released(Tensors{tensor_of(self)}, std::move(grads), targets,
                      {.retain_graph = retain_graph != 0, .create_graph = create_graph != 0});
    Py_RETURN_NONE;
  });
}

PyMethodDef kFunctions[] = {
    {"_run_backward", as_method(py_run_backward), METH_FASTCALL, nullptr},
    {"_tensor_backward", as_method(tensor_backward), METH_VARARGS | METH_KEYWORDS, nullptr},
    {nullptr, nullptr, 0, nullptr}};

// --- anomaly mode --------------------------------------------------------------------------------

std::shared_ptr<void> capture_trace() {
  AcquireGil gil;
  try {
    nb::object lines = nb::module_::import_("traceback").attr("format_stack")();
    auto text = std::make_shared<std::string>();
    for (nb::handle line : lines) *text += nb::cast<std::string>(line);
    return text;
  } catch (nb::python_error&) {
    return nullptr;
  }
}

void report_trace(const Node& node) {
  AcquireGil gil;
  std::string text = concat("Error detected in ", node.name(),
                            ". Traceback of forward call that caused the error:\n",
                            *static_cast<std::string*>(node.trace.get()));
  if (PyErr_WarnEx(PyExc_UserWarning, text.c_str(), 1) < 0) PyErr_Clear();
}

}  // namespace

PyObject* wrap_node(const Ref<Node>& node) {
  if (!node) Py_RETURN_NONE;
  if (node->python) return Py_NewRef(static_cast<PyObject*>(node->python));
  PyObject* o = g_node_type->tp_alloc(g_node_type, 0);
  if (!o) throw PythonError();
  new (&reinterpret_cast<PyNode*>(o)->node) Ref<Node>(node);
  node->python = o;
  return o;
}

int traverse_hooks(const Tensor& t, visitproc visit, void* arg) {
  auto* meta = autograd_meta(t);
  if (!meta) return 0;
  for (auto& hook : meta->hooks)
    if (auto* python = dynamic_cast<PyTensorHook*>(hook.get())) Py_VISIT(python->function.get());
  return 0;
}

void clear_hooks(const Tensor& t) {
  if (auto* meta = autograd_meta(t)) meta->hooks.clear();
}

void init_autograd(PyObject* module) {
  PyType_Slot slots[] = {{Py_tp_dealloc, reinterpret_cast<void*>(node_dealloc)},
                         {Py_tp_traverse, reinterpret_cast<void*>(node_traverse)},
                         {Py_tp_clear, reinterpret_cast<void*>(node_clear)},
                         {Py_tp_repr, reinterpret_cast<void*>(node_repr)},
                         {Py_tp_methods, kNodeMethods},
                         {Py_tp_getset, kNodeGetters},
                         {0, nullptr}};
  PyType_Spec spec{"flambeau.autograd.Node", sizeof(PyNode), 0,
                   Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                   slots};
  g_node_type = reinterpret_cast<PyTypeObject*>(check(PyType_FromSpec(&spec)).release());
  check(PyObject_SetAttrString(module, "Node", reinterpret_cast<PyObject*>(g_node_type)));
  check(PyModule_AddFunctions(module, kFunctions));
  Object backward = check(PyObject_GetAttrString(module, "_tensor_backward"));
  Object method = check(PyInstanceMethod_New(backward.get()));
  check(PyObject_SetAttrString(reinterpret_cast<PyObject*>(TensorType), "backward", method.get()));
  anomaly_hooks = {capture_trace, report_trace};

  nb::module_ m = nb::borrow<nb::module_>(module);
  nb::class_<RemovableHandle>(m, "RemovableHandle")
      .def("remove", &RemovableHandle::remove)
      .def("__enter__", [](nb::object self) { return self; })
      .def("__exit__", [](RemovableHandle& self, nb::args) { self.remove(); });
  m.def("_register_hook", register_hook);
  m.def("_register_accumulate_hook", register_accumulate_hook);
  m.def("_reaches_other_leaves", reaches_other_leaves);
  m.def("is_grad_enabled", [] { return tls.grad; });
  m.def("_set_grad_enabled", [](bool on) { tls.grad = on; });
  m.def("is_inference_mode_enabled", [] { return tls.inference; });
  m.def("_set_inference", [](bool on) { tls.inference = on; });
  m.def("is_anomaly_enabled", [] { return tls.anomaly; });
  m.def("_set_anomaly", [](bool on, bool check_nan) {
    tls.anomaly = on;
    tls.anomaly_check_nan = check_nan;
  });
}

}  // namespace fb::py
