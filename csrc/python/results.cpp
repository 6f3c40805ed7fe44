// From C++ to Python: results of calls, values for modes, overrides of subclasses.
#include <unordered_map>

#include "python/call.h"
#include "python/random.h"

namespace fb::py {
namespace {

// torch.return_types.max and its like: one type per operator, made at its first call.
PyTypeObject* tuple_type(const OpDef& op) {
  static auto* types = new std::unordered_map<const OpDef*, PyTypeObject*>;
  auto& slot = (*types)[&op];
  if (slot) return slot;
  auto* fields = new std::vector<PyStructSequence_Field>;
  for (auto& name : op.result_names) fields->push_back({name.c_str(), nullptr});
  fields->push_back({nullptr, nullptr});
  auto* name = new std::string("flambeau.return_types." + op.name);
  auto* desc = new PyStructSequence_Desc{name->c_str(), nullptr, fields->data(),
                                         static_cast<int>(op.result_names.size())};
  slot = PyStructSequence_NewType(desc);
  if (!slot) throw PythonError();
  return slot;
}

PyObject* wrap_tuple(Call& call) {
  const OpDef& op = call.op;
  bool named = !op.result_names[0].empty();
  Object tuple = check(named ? PyStructSequence_New(tuple_type(op)) : PyTuple_New(call.count));
  for (uint32_t i = 0; i < call.count; ++i) {
    PyObject* item = wrap(std::move(call.results[i]));
    if (!item) throw PythonError();
    if (named) {
      PyStructSequence_SetItem(tuple.get(), i, item);
    } else {
      PyTuple_SET_ITEM(tuple.get(), i, item);
    }
  }
  return tuple.release();
}

}  // namespace

PyObject* wrap_list(const Tensors& list) {
  Object tuple = check(PyTuple_New(static_cast<Py_ssize_t>(list.size())));
  for (size_t i = 0; i < list.size(); ++i)
    PyTuple_SET_ITEM(tuple.get(), static_cast<Py_ssize_t>(i), check(wrap(list[i])).release());
  return tuple.release();
}

PyObject* wrap_results(Call& call, PyObject* self) {
  switch (call.op.returns) {
    case OpDef::Returns::Tensor:
      if (self) return Py_NewRef(self);
      return wrap(std::move(call.results[0]));
    case OpDef::Returns::Tuple:
      return wrap_tuple(call);
    case OpDef::Returns::List:
      return wrap_list(call.list);
    case OpDef::Returns::Scalar:
      return wrap(call.scalar);
    case OpDef::Returns::Nothing:
      Py_RETURN_NONE;
  }
  Py_RETURN_NONE;
}

PyObject* wrap_value(const Value& v, const Param& p) {
  switch (v.kind) {
    case Kind::None:
      Py_RETURN_NONE;
    case Kind::Tensor:
      return wrap(Tensor(Ref<TensorImpl>(v.tensor)));
    case Kind::Int:
      return PyLong_FromLongLong(v.i);
    case Kind::Float:
      return PyFloat_FromDouble(v.d);
    case Kind::Bool:
      return PyBool_FromLong(v.b);
    case Kind::Complex:
      return wrap(*v.complex);
    case Kind::DType:
      return wrap(v.dtype);
    case Kind::Device:
      return wrap(v.device);
    case Kind::Format:
      return wrap(v.format);
    case Kind::String:
      return PyUnicode_FromStringAndSize(v.text, v.length);
    case Kind::Ints:
      return wrap_ints({v.ints, v.length});
    case Kind::Floats: {
      Object tuple = check(PyTuple_New(v.length));
      for (uint32_t i = 0; i < v.length; ++i)
        PyTuple_SET_ITEM(tuple.get(), i, PyFloat_FromDouble(v.floats[i]));
      return tuple.release();
    }
    case Kind::Tensors: {
      Tensors list(v.tensors, v.tensors + v.length);
      return wrap_list(list);
    }
    case Kind::Generator:
      return wrap_generator(v.generator);
  }
  (void)p;
  Py_RETURN_NONE;
}

// --- __torch_function__ --------------------------------------------------------------------------

bool overrides_calls(PyTypeObject* type) {
  static PyObject* name = PyUnicode_InternFromString("__torch_function__");
  static PyObject* own = nullptr;
  PyObject* found = _PyType_Lookup(type, name);
  if (!own) own = _PyType_Lookup(TensorType, name);
  // Plain subclasses inherit Tensor's: results take the subclass, so they are asked as well.
  (void)own;
  return found != nullptr;
}

PyObject* call_override(PyObject* callable, PyObject* const* args, Py_ssize_t nargs,
                        PyObject* kwnames) {
  static PyObject* name = PyUnicode_InternFromString("__torch_function__");
  if (!callable) return nullptr;
  Py_ssize_t total = nargs + (kwnames ? PyTuple_GET_SIZE(kwnames) : 0);
  Object types = check(PyList_New(0));
  auto consider = [&](PyObject* o) {
    if (!is_tensor(o) || Py_TYPE(o) == TensorType || Py_TYPE(o) == ParameterType) return;
    auto* type = reinterpret_cast<PyObject*>(Py_TYPE(o));
    if (!PySequence_Contains(types.get(), type)) check(PyList_Append(types.get(), type));
  };
  for (Py_ssize_t i = 0; i < total; ++i) {
    PyObject* o = args[i];
    consider(o);
    if (!PyTuple_Check(o) && !PyList_Check(o)) continue;
    for (Py_ssize_t j = 0; j < PySequence_Fast_GET_SIZE(o); ++j)
      consider(PySequence_Fast_GET_ITEM(o, j));
  }
  Object tuple = check(PyTuple_New(nargs));
  for (Py_ssize_t i = 0; i < nargs; ++i) PyTuple_SET_ITEM(tuple.get(), i, Py_NewRef(args[i]));
  Object kwargs = check(PyDict_New());
  for (Py_ssize_t i = nargs; i < total; ++i)
    check(PyDict_SetItem(kwargs.get(), PyTuple_GET_ITEM(kwnames, i - nargs), args[i]));
  Object type_tuple = check(PyList_AsTuple(types.get()));
  // Subclasses before their bases: the most derived type answers first.
  for (Py_ssize_t i = PyTuple_GET_SIZE(type_tuple.get()); i-- > 0;) {
    Object handler = check(PyObject_GetAttr(PyTuple_GET_ITEM(type_tuple.get(), i), name));
    PyObject* stack[] = {callable, type_tuple.get(), tuple.get(), kwargs.get()};
    Object result = check(PyObject_Vectorcall(handler.get(), stack, 4, nullptr));
    if (result.get() != Py_NotImplemented) return result.release();
  }
  raise(ErrorKind::Type, "no implementation found for '",
        PyUnicode_AsUTF8(Object::steal(PyObject_Str(callable)).get()),
        "' on types that implement __torch_function__");
}

}  // namespace fb::py
