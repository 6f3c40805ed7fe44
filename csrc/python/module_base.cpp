// Base of nn.Module: attribute look-up in the three dictionaries without a Python call.
#include "python/py.h"

namespace fb::py {
namespace {

PyObject* g_dict_names[3];
PyObject* g_getattr;  // "__getattr__"

PyObject* module_getattro(PyObject* self, PyObject* name) {
  // Parameters and submodules are no instance attributes; look there before the error is made.
  PyObject* found = _PyObject_GenericGetAttrWithDict(self, name, nullptr, 1);
  if (found || PyErr_Occurred()) return found;
  if (PyObject** slot = _PyObject_GetDictPtr(self); slot && *slot) {
    for (PyObject* dict_name : g_dict_names) {
      PyObject* dict = PyDict_GetItemWithError(*slot, dict_name);
      if (!dict || !PyDict_Check(dict)) continue;
      if (PyObject* value = PyDict_GetItemWithError(dict, name)) return Py_NewRef(value);
    }
  }
  PyObject* fallback = _PyType_Lookup(Py_TYPE(self), g_getattr);
  if (fallback) return PyObject_CallFunctionObjArgs(fallback, self, name, nullptr);
  PyErr_Format(PyExc_AttributeError, "'%.200s' object has no attribute '%U'", Py_TYPE(self)->tp_name, name);
  return nullptr;
}

}  // namespace

void init_module_base(PyObject* module) {
  g_dict_names[0] = PyUnicode_InternFromString("_parameters");
  g_dict_names[1] = PyUnicode_InternFromString("_modules");
  g_dict_names[2] = PyUnicode_InternFromString("_buffers");
  g_getattr = PyUnicode_InternFromString("__getattr__");
  PyType_Slot slots[] = {{Py_tp_getattro, reinterpret_cast<void*>(module_getattro)}, {0, nullptr}};
  PyType_Spec spec{"flambeau._C.ModuleBase", sizeof(PyObject), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
  Object type = check(PyType_FromSpec(&spec));
  check(PyObject_SetAttrString(module, "ModuleBase", type.get()));
}

}  // namespace fb::py
