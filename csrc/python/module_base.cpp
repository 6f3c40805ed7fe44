// Base of nn.Module: calls without a Python frame of their own, and attributes from the three
// dictionaries without a Python call.
#include "core/trace.h"
#include "python/py.h"

namespace fb::py {
namespace {

// A field of our own makes this the base that decides the layout, so that a module may change its
// class whatever is mixed in (lazy modules do). Subclasses bring the dictionary.
struct PyModule {
  PyObject_HEAD void* unused;
};

PyTypeObject* g_type;
PyObject* g_dict_names[3];   // where parameters, modules and buffers are
PyObject* g_getattr;         // "__getattr__"
PyObject* g_getattribute;    // "__getattribute__"
PyObject* g_forward;         // "forward"
PyObject* g_has_call_hooks;  // "_has_call_hooks"
PyObject* g_call_hooked;     // "_call_hooked"
PyObject* g_own_getattr;     // our __getattr__, as subclasses inherit it
PyObject* g_global_hooks;    // dictionary of the hooks of all modules
PyObject* g_note_path;       // note_module_path(error, module)
PyObject* g_module_path;     // module_path(root, module), set by flambeau.profiler

// Borrowed; null if there is none yet.
PyObject* dict_of(PyObject* self) {
  PyObject** slot = _PyObject_GetDictPtr(self);
  return slot ? *slot : nullptr;
}

// A new reference to the parameter, module or buffer; null without an exception if there is none.
PyObject* find_member(PyObject* self, PyObject* name) {
  PyObject* state = dict_of(self);
  if (!state) return nullptr;
  for (PyObject* dict_name : g_dict_names) {
    PyObject* members = PyDict_GetItemWithError(state, dict_name);
    if (!members || !PyDict_Check(members)) continue;
    if (PyObject* value = PyDict_GetItemWithError(members, name)) return Py_NewRef(value);
  }
  return nullptr;
}

PyObject* no_attribute(PyObject* self, PyObject* name) {
  if (!PyErr_Occurred()) {
    PyErr_Format(PyExc_AttributeError, "'%.200s' object has no attribute '%U'",
                 _PyType_Name(Py_TYPE(self)), name);
  }
  return nullptr;
}

PyObject* module_getattro(PyObject* self, PyObject* name) {
  // Most names are no instance attributes; look further before the error is made.
  PyObject* found = _PyObject_GenericGetAttrWithDict(self, name, nullptr, 1);
  if (found || PyErr_Occurred()) return found;
  found = find_member(self, name);
  return found ? found : no_attribute(self, name);
}

// What super().__getattr__(name) reaches.
PyObject* module_getattr(PyObject* self, PyObject* name) {
  PyObject* found = PyUnicode_Check(name) ? find_member(self, name) : nullptr;
  return found ? found : no_attribute(self, name);
}

// A class without a __getattr__ of its own needs no Python-level look-up.
PyObject* init_subclass(PyObject* cls, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    auto* type = reinterpret_cast<PyTypeObject*>(cls);
    PyObject* generic = _PyType_Lookup(&PyBaseObject_Type, g_getattribute);
    if (_PyType_Lookup(type, g_getattr) == g_own_getattr &&
        _PyType_Lookup(type, g_getattribute) == generic) {
      type->tp_getattro = module_getattro;
      PyType_Modified(type);
    }
    // Others in the hierarchy may want to know of the class too.
    Object super = check(PyObject_CallFunctionObjArgs(reinterpret_cast<PyObject*>(&PySuper_Type),
                                                      g_type, cls, nullptr));
    Object next = check(PyObject_GetAttrString(super.get(), "__init_subclass__"));
    return check(PyObject_Call(next.get(), args, kwargs)).release();
  });
}

// Puts the path of the failing submodule into a note of the exception in flight.
void note_path(PyObject* self) {
  if (!g_note_path || !PyErr_ExceptionMatches(PyExc_Exception)) return;
  PyObject *type, *value, *trace;
  PyErr_Fetch(&type, &value, &trace);
  PyErr_NormalizeException(&type, &value, &trace);
  if (trace) PyException_SetTraceback(value, trace);
  PyObject* done = PyObject_CallFunctionObjArgs(g_note_path, value, self, nullptr);
  if (!done) PyErr_Clear();  // a note that fails must not hide the error
  Py_XDECREF(done);
  PyErr_Restore(type, value, trace);
}

PyObject* call_forward(PyObject* self, PyObject* args, PyObject* kwargs) {
  PyObject* function = _PyType_Lookup(Py_TYPE(self), g_forward);
  constexpr Py_ssize_t kOnStack = 8;
  Py_ssize_t count = PyTuple_GET_SIZE(args);
  bool plain = function && PyFunction_Check(function) && count < kOnStack &&
               !PyDict_Contains(dict_of(self), g_forward);
  if (!plain) {
    PyObject* bound = PyObject_GetAttr(self, g_forward);
    if (!bound) return nullptr;
    PyObject* result = PyObject_Call(bound, args, kwargs);
    Py_DECREF(bound);
    return result;
  }
  PyObject* stack[kOnStack];
  stack[0] = self;
  for (Py_ssize_t i = 0; i < count; ++i) stack[i + 1] = PyTuple_GET_ITEM(args, i);
  // The class may change while its function runs.
  Py_INCREF(function);
  PyObject* result =
      PyObject_VectorcallDict(function, stack, static_cast<size_t>(count) + 1, kwargs);
  Py_DECREF(function);
  return result;
}

PyObject* call_module(PyObject* self, PyObject* args, PyObject* kwargs) {
  PyObject* state = dict_of(self);
  PyObject* flag = state ? PyDict_GetItemWithError(state, g_has_call_hooks) : nullptr;
  if (!flag) return no_attribute(self, g_has_call_hooks);
  PyObject* result;
  if (flag == Py_False && (!g_global_hooks || PyDict_GET_SIZE(g_global_hooks) == 0)) {
    result = call_forward(self, args, kwargs);
  } else {
    PyObject* given = kwargs ? Py_NewRef(kwargs) : PyDict_New();
    if (!given) return nullptr;
    result = PyObject_CallMethodObjArgs(self, g_call_hooked, args, given, nullptr);
    Py_DECREF(given);
  }
  if (!result) note_path(self);
  return result;
}

// With a span around it that bears the module's path below the outermost module that runs.
PyObject* traced_call(PyObject* self, PyObject* args, PyObject* kwargs) {
  static thread_local PyObject* root = nullptr;
  return guarded([&] {
    struct Root {
      PyObject* before = root;
      ~Root() { root = before; }
    } restore;
    if (!root) root = self;
    Object path = check(PyObject_CallFunctionObjArgs(g_module_path, root, self, nullptr));
    const char* text = PyUnicode_AsUTF8(path.get());
    if (!text) throw PythonError();
    const trace::Span span({trace::Kind::Module, std::string(text)});
    return call_module(self, args, kwargs);
  });
}

PyObject* module_call(PyObject* self, PyObject* args, PyObject* kwargs) {
  if (__builtin_expect(trace::wants(trace::kModules), 0) && g_module_path)
    return traced_call(self, args, kwargs);
  return call_module(self, args, kwargs);
}

// _serve_profiler(module_path)
PyObject* serve_profiler(PyObject*, PyObject* module_path) {
  Py_XSETREF(g_module_path, Py_NewRef(module_path));
  Py_RETURN_NONE;
}

// _serve_modules(hooks, note): the hooks of all modules, and what notes the path of an error.
PyObject* serve_modules(PyObject*, PyObject* args) {
  return guarded([&]() -> PyObject* {
    PyObject *hooks, *note;
    if (!PyArg_ParseTuple(args, "O!O:_serve_modules", &PyDict_Type, &hooks, &note))
      throw PythonError();
    Py_XSETREF(g_global_hooks, Py_NewRef(hooks));
    Py_XSETREF(g_note_path, Py_NewRef(note));
    Py_RETURN_NONE;
  });
}

// _serve_parameters(type): the subclass of Tensor that counts as a plain tensor in calls.
PyObject* serve_parameters(PyObject*, PyObject* type) {
  return guarded([&]() -> PyObject* {
    FB_CHECK_TYPE(
        PyType_Check(type) && PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(type), TensorType),
        "_serve_parameters: the type must be a subclass of Tensor");
    Py_INCREF(type);
    ParameterType = reinterpret_cast<PyTypeObject*>(type);
    Py_RETURN_NONE;
  });
}

PyMethodDef kMethods[] = {
    {"__getattr__", module_getattr, METH_O, "The parameter, buffer or submodule of that name."},
    {"__init_subclass__", as_method(init_subclass), METH_VARARGS | METH_KEYWORDS | METH_CLASS,
     nullptr},
    {nullptr, nullptr, 0, nullptr}};

PyMethodDef kFunctions[] = {{"_serve_modules", serve_modules, METH_VARARGS, nullptr},
                            {"_serve_profiler", serve_profiler, METH_O, nullptr},
                            {"_serve_parameters", serve_parameters, METH_O, nullptr},
                            {nullptr, nullptr, 0, nullptr}};

}  // namespace

void init_module_base(PyObject* module) {
  g_dict_names[0] = PyUnicode_InternFromString("_parameters");
  g_dict_names[1] = PyUnicode_InternFromString("_modules");
  g_dict_names[2] = PyUnicode_InternFromString("_buffers");
  g_getattr = PyUnicode_InternFromString("__getattr__");
  g_getattribute = PyUnicode_InternFromString("__getattribute__");
  g_forward = PyUnicode_InternFromString("forward");
  g_has_call_hooks = PyUnicode_InternFromString("_has_call_hooks");
  g_call_hooked = PyUnicode_InternFromString("_call_hooked");
  PyType_Slot slots[] = {{Py_tp_new, reinterpret_cast<void*>(PyType_GenericNew)},
                         {Py_tp_call, reinterpret_cast<void*>(module_call)},
                         {Py_tp_methods, kMethods},
                         {0, nullptr}};
  PyType_Spec spec{"flambeau._C.ModuleBase", sizeof(PyModule), 0,
                   Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
  Object type = check(PyType_FromSpec(&spec));
  g_type = reinterpret_cast<PyTypeObject*>(type.get());
  g_own_getattr = _PyType_Lookup(g_type, g_getattr);
  check(PyObject_SetAttrString(module, "ModuleBase", type.get()));
  check(PyModule_AddFunctions(module, kFunctions));
}

}  // namespace fb::py
