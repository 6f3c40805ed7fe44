// dtype, device, memory_format, layout and Size: small immutable types.
#include <cmath>

#include "python/py.h"

namespace fb::py {
namespace {

// --- singletons: dtype, memory_format, layout ----------------------------------------------------

struct PyNamed {
  PyObject_HEAD PyObject* name;  // "float32"
  int value;
};

PyTypeObject* g_dtype_type;
PyTypeObject* g_format_type;
PyTypeObject* g_layout_type;
PyTypeObject* g_device_type;
PyTypeObject* g_size_type;
PyObject* g_dtypes[kDTypes];
PyObject* g_formats[4];

constexpr const char* kFormatNames[4] = {"contiguous_format", "channels_last", "channels_last_3d",
                                         "preserve_format"};

PyNamed* named(PyObject* o) { return reinterpret_cast<PyNamed*>(o); }
DType dtype_in(PyObject* o) { return static_cast<DType>(named(o)->value); }

PyObject* named_repr(PyObject* self) { return PyUnicode_FromFormat("torch.%U", named(self)->name); }
// Pickles and copies by name: `flambeau.float32`.
PyObject* named_reduce(PyObject* self, PyObject*) { return Py_NewRef(named(self)->name); }
PyObject* named_copy(PyObject* self, PyObject*) { return Py_NewRef(self); }

PyObject* dtype_itemsize(PyObject* self, void*) {
  return PyLong_FromLongLong(item_size(dtype_in(self)));
}
PyObject* dtype_is_floating(PyObject* self, void*) {
  return PyBool_FromLong(is_floating(dtype_in(self)));
}
PyObject* dtype_is_complex(PyObject* self, void*) {
  return PyBool_FromLong(fb::is_complex(dtype_in(self)));
}
PyObject* dtype_is_signed(PyObject* self, void*) {
  return PyBool_FromLong(fb::is_signed(dtype_in(self)));
}
PyObject* dtype_to_real(PyObject* self, PyObject*) { return wrap(real_dtype(dtype_in(self))); }
PyObject* dtype_to_complex(PyObject* self, PyObject*) {
  return wrap(complex_dtype(dtype_in(self)));
}

PyMethodDef kNamedMethods[] = {{"__reduce__", named_reduce, METH_NOARGS, nullptr},
                               {"__copy__", named_copy, METH_NOARGS, nullptr},
                               {"__deepcopy__", named_copy, METH_O, nullptr},
                               {nullptr, nullptr, 0, nullptr}};
PyMethodDef kDTypeMethods[] = {
    {"__reduce__", named_reduce, METH_NOARGS, nullptr},
    {"__copy__", named_copy, METH_NOARGS, nullptr},
    {"__deepcopy__", named_copy, METH_O, nullptr},
    {"to_real", dtype_to_real, METH_NOARGS, "The real type of a complex dtype."},
    {"to_complex", dtype_to_complex, METH_NOARGS, "The complex type of a real dtype."},
    {nullptr, nullptr, 0, nullptr}};
PyGetSetDef kDTypeGetters[] = {
    {"itemsize", dtype_itemsize, nullptr, "Bytes of one element.", nullptr},
    {"is_floating_point", dtype_is_floating, nullptr, nullptr, nullptr},
    {"is_complex", dtype_is_complex, nullptr, nullptr, nullptr},
    {"is_signed", dtype_is_signed, nullptr, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

PyTypeObject* make_type(const char* name, int size, PyType_Slot* slots, unsigned long flags = 0) {
  PyType_Spec spec{name, size, 0, static_cast<unsigned int>(Py_TPFLAGS_DEFAULT | flags), slots};
  return reinterpret_cast<PyTypeObject*>(check(PyType_FromSpec(&spec)).release());
}

PyObject* make_named(PyTypeObject* type, std::string_view name, int value) {
  auto* o = PyObject_New(PyNamed, type);
  if (!o) throw PythonError();
  o->name = PyUnicode_InternFromString(std::string(name).c_str());
  o->value = value;
  return reinterpret_cast<PyObject*>(o);
}

// --- device --------------------------------------------------------------------------------------

struct PyDevice {
  PyObject_HEAD Device device;
};

PyObject* device_new(PyTypeObject*, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    PyObject *type = nullptr, *index = nullptr;
    static const char* names[] = {"type", "index", nullptr};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|O:device", const_cast<char**>(names), &type,
                                     &index))
      throw PythonError();
    Device device;
    FB_CHECK_TYPE(as_device(type, device),
                  "device(): argument 'type' (position 1) must be str, int or device, not ",
                  Py_TYPE(type)->tp_name);
    if (index && index != Py_None) {
      FB_CHECK(
          device.index < 0,
          "type (string) must not include an index because index was passed explicitly: ", device);
      int64_t i = 0;
      FB_CHECK_TYPE(as_int(index, i) && i >= 0 && i < 128,
                    "device(): index must be an int in [0, 127]");
      device.index = static_cast<int8_t>(i);
    }
    return wrap(device);
  });
}
Device device_in(PyObject* o) { return reinterpret_cast<PyDevice*>(o)->device; }
PyObject* device_repr(PyObject* self) {
  Device d = device_in(self);
  std::string type = Device{d.type}.str();
  if (d.index < 0) return PyUnicode_FromFormat("device(type='%s')", type.c_str());
  return PyUnicode_FromFormat("device(type='%s', index=%d)", type.c_str(), d.index);
}
PyObject* device_str(PyObject* self) { return PyUnicode_FromString(device_in(self).str().c_str()); }
Py_hash_t device_hash(PyObject* self) {
  Device d = device_in(self);
  return static_cast<int>(d.type) * 256 + d.index + 2;
}
PyObject* device_compare(PyObject* a, PyObject* b, int op) {
  if ((op != Py_EQ && op != Py_NE) || Py_TYPE(b) != g_device_type) Py_RETURN_NOTIMPLEMENTED;
  return PyBool_FromLong((device_in(a) == device_in(b)) == (op == Py_EQ));
}
PyObject* device_type(PyObject* self, void*) {
  return PyUnicode_FromString(Device{device_in(self).type}.str().c_str());
}
PyObject* device_index(PyObject* self, void*) {
  if (device_in(self).index < 0) Py_RETURN_NONE;
  return PyLong_FromLong(device_in(self).index);
}
PyObject* device_reduce(PyObject* self, PyObject*) {
  return Py_BuildValue("(O(s))", reinterpret_cast<PyObject*>(g_device_type),
                       device_in(self).str().c_str());
}
PyMethodDef kDeviceMethods[] = {{"__reduce__", device_reduce, METH_NOARGS, nullptr},
                                {nullptr, nullptr, 0, nullptr}};
PyGetSetDef kDeviceGetters[] = {{"type", device_type, nullptr, nullptr, nullptr},
                                {"index", device_index, nullptr, nullptr, nullptr},
                                {nullptr, nullptr, nullptr, nullptr, nullptr}};

// --- Size ----------------------------------------------------------------------------------------

PyObject* size_repr(PyObject* self) {
  Object list = Object::steal(PySequence_List(self));
  return list ? PyUnicode_FromFormat("torch.Size(%R)", list.get()) : nullptr;
}
PyObject* as_size(PyObject* tuple) {
  if (!tuple || !PyTuple_CheckExact(tuple)) return tuple;
  Object owned = Object::steal(tuple);
  return PyObject_CallOneArg(reinterpret_cast<PyObject*>(g_size_type), tuple);
}
PyObject* size_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  Object made = Object::steal(PyTuple_Type.tp_new(type, args, kwargs));
  if (!made) return nullptr;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(made.get()); ++i) {
    PyObject* item = PyTuple_GET_ITEM(made.get(), i);
    if (PyLong_Check(item)) continue;
    PyObject* index = PyNumber_Index(item);
    if (!index) {
      PyErr_Format(PyExc_TypeError, "torch.Size() takes an iterable of 'int' (item %zd is '%s')", i,
                   Py_TYPE(item)->tp_name);
      return nullptr;
    }
    PyTuple_SET_ITEM(made.get(), i, index);
    Py_DECREF(item);
  }
  return made.release();
}
PyObject* size_numel(PyObject* self, PyObject*) {
  return guarded([&] {
    Dims dims;
    as_ints(self, dims);
    int64_t n = 1;
    for (int64_t d : dims) n *= d;
    return PyLong_FromLongLong(n);
  });
}
PyObject* size_concat(PyObject* a, PyObject* b) {
  return as_size(PyTuple_Type.tp_as_sequence->sq_concat(a, b));
}
PyObject* size_repeat(PyObject* a, Py_ssize_t n) {
  return as_size(PyTuple_Type.tp_as_sequence->sq_repeat(a, n));
}
PyObject* size_subscript(PyObject* a, PyObject* key) {
  return as_size(PyTuple_Type.tp_as_mapping->mp_subscript(a, key));
}
PyObject* size_reduce(PyObject* self, PyObject*) {
  Object plain = Object::steal(PySequence_List(self));
  return plain ? Py_BuildValue("(O(O))", reinterpret_cast<PyObject*>(g_size_type), plain.get())
               : nullptr;
}
PyMethodDef kSizeMethods[] = {
    {"numel", size_numel, METH_NOARGS, "Number of elements a tensor of this size has."},
    {"__reduce__", size_reduce, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

// --- conversions ---------------------------------------------------------------------------------

PyObject* wrap(DType t) { return Py_NewRef(g_dtypes[static_cast<int>(t)]); }
PyObject* wrap(MemoryFormat f) { return Py_NewRef(g_formats[static_cast<int>(f)]); }

PyObject* wrap(Device d) {
  auto* o = PyObject_New(PyDevice, g_device_type);
  if (!o) throw PythonError();
  o->device = d;
  return reinterpret_cast<PyObject*>(o);
}

PyObject* wrap_size(Ints sizes) {
  Object tuple = check(g_size_type->tp_alloc(g_size_type, static_cast<Py_ssize_t>(sizes.size())));
  for (size_t i = 0; i < sizes.size(); ++i)
    PyTuple_SET_ITEM(tuple.get(), static_cast<Py_ssize_t>(i),
                     check(PyLong_FromLongLong(sizes[i])).release());
  return tuple.release();
}

PyObject* wrap_ints(Ints values) {
  Object tuple = check(PyTuple_New(static_cast<Py_ssize_t>(values.size())));
  for (size_t i = 0; i < values.size(); ++i)
    PyTuple_SET_ITEM(tuple.get(), static_cast<Py_ssize_t>(i),
                     check(PyLong_FromLongLong(values[i])).release());
  return tuple.release();
}

PyObject* wrap(const Scalar& s) {
  if (s.is_bool()) return PyBool_FromLong(s.to<bool>());
  if (s.is_integral()) return PyLong_FromLongLong(s.to<int64_t>());
  if (s.is_floating()) return PyFloat_FromDouble(s.to<double>());
  auto c = s.to<complex128>();
  return PyComplex_FromDoubles(c.real(), c.imag());
}

bool is_dtype(PyObject* o) { return Py_TYPE(o) == g_dtype_type; }
DType dtype_of_object(PyObject* o) { return dtype_in(o); }

bool as_dtype(PyObject* o, DType& out) {
  if (is_dtype(o)) {
    out = dtype_in(o);
  } else if (o == reinterpret_cast<PyObject*>(&PyFloat_Type)) {
    out = DType::Float64;
  } else if (o == reinterpret_cast<PyObject*>(&PyLong_Type)) {
    out = DType::Int64;
  } else if (o == reinterpret_cast<PyObject*>(&PyBool_Type)) {
    out = DType::Bool;
  } else if (o == reinterpret_cast<PyObject*>(&PyComplex_Type)) {
    out = DType::Complex128;
  } else {
    return false;
  }
  return true;
}

bool as_device(PyObject* o, Device& out) {
  if (Py_TYPE(o) == g_device_type) {
    out = device_in(o);
  } else if (PyUnicode_Check(o)) {
    const char* text = PyUnicode_AsUTF8(o);
    if (!text) throw PythonError();
    out = Device::parse(text);
  } else if (PyLong_CheckExact(o)) {
    out = Device{DeviceType::CUDA, static_cast<int8_t>(PyLong_AsLong(o))};
  } else {
    return false;
  }
  return true;
}

bool as_format(PyObject* o, MemoryFormat& out) {
  if (Py_TYPE(o) != g_format_type) return false;
  out = static_cast<MemoryFormat>(named(o)->value);
  return true;
}

bool as_int(PyObject* o, int64_t& out) {
  if (!PyLong_Check(o)) {
    if (PyFloat_Check(o) || !PyIndex_Check(o)) return false;
    Object index = Object::steal(PyNumber_Index(o));
    if (!index) {
      PyErr_Clear();
      return false;
    }
    return as_int(index.get(), out);
  }
  int overflow = 0;
  out = PyLong_AsLongLongAndOverflow(o, &overflow);
  FB_CHECK(!overflow, "Overflow when unpacking long: the integer does not fit into 64 bits");
  return true;
}

void check_strided(std::string_view function, PyObject* layout) {
  if (layout == Py_None) return;
  FB_CHECK_TYPE(Py_TYPE(layout) == g_layout_type, function,
                "(): argument 'layout' must be torch.layout, not ", Py_TYPE(layout)->tp_name);
  FB_CHECK_VALUE(named(layout)->value == 0, function,
                 " is implemented for strided tensors only, got: torch.",
                 PyUnicode_AsUTF8(named(layout)->name));
}

bool as_number(PyObject* o, Scalar& out) {
  if (PyFloat_CheckExact(o)) {
    out = Scalar(PyFloat_AS_DOUBLE(o));
  } else if (PyBool_Check(o)) {
    out = Scalar(o == Py_True);
  } else if (PyLong_Check(o)) {
    int overflow = 0;
    int64_t v = PyLong_AsLongLongAndOverflow(o, &overflow);
    if (overflow) {
      // Integers of 64 unsigned bits wrap, as in uint64 arithmetic; larger ones are an error.
      uint64_t u = PyLong_AsUnsignedLongLong(o);
      if (PyErr_Occurred()) {
        PyErr_Clear();
        raise(ErrorKind::Runtime,
              "Overflow when unpacking long: the integer does not fit into 64 bits");
      }
      v = static_cast<int64_t>(u);
    }
    out = Scalar(v);
  } else if (PyFloat_Check(o)) {  // also numpy.float64
    out = Scalar(PyFloat_AsDouble(o));
  } else if (PyComplex_Check(o)) {
    out = Scalar(complex128(PyComplex_RealAsDouble(o), PyComplex_ImagAsDouble(o)));
  } else if (std::string_view(Py_TYPE(o)->tp_name).starts_with("numpy.")) {
    // Scalars of NumPy say what they are by their methods; arrays are no numbers.
    std::string_view name = std::string_view(Py_TYPE(o)->tp_name).substr(6);
    if (name == "ndarray") return false;
    if (name == "bool" || name == "bool_") {
      int truth = PyObject_IsTrue(o);
      check(truth);
      out = Scalar(truth != 0);
    } else if (PyIndex_Check(o)) {
      int64_t v = 0;
      if (!as_int(o, v)) return false;
      out = Scalar(v);
    } else if (name.starts_with("complex")) {
      Py_complex c = PyComplex_AsCComplex(o);
      if (PyErr_Occurred()) throw PythonError();
      out = Scalar(complex128(c.real, c.imag));
    } else if (name.starts_with("float")) {
      double d = PyFloat_AsDouble(o);
      if (PyErr_Occurred()) throw PythonError();
      out = Scalar(d);
    } else {
      return false;
    }
  } else {
    return false;
  }
  return true;
}

bool as_ints(PyObject* o, Dims& out) {
  if (!PyTuple_Check(o) && !PyList_Check(o)) return false;
  Py_ssize_t n = PySequence_Fast_GET_SIZE(o);
  out.resize(static_cast<size_t>(n));
  for (Py_ssize_t i = 0; i < n; ++i)
    if (!as_int(PySequence_Fast_GET_ITEM(o, i), out[static_cast<size_t>(i)])) return false;
  return true;
}

void init_types(PyObject* module) {
  PyType_Slot dtype_slots[] = {{Py_tp_repr, reinterpret_cast<void*>(named_repr)},
                               {Py_tp_methods, kDTypeMethods},
                               {Py_tp_getset, kDTypeGetters},
                               {0, nullptr}};
  PyType_Slot named_slots[] = {{Py_tp_repr, reinterpret_cast<void*>(named_repr)},
                               {Py_tp_methods, kNamedMethods},
                               {0, nullptr}};
  g_dtype_type =
      make_type("flambeau.dtype", sizeof(PyNamed), dtype_slots, Py_TPFLAGS_DISALLOW_INSTANTIATION);
  g_format_type = make_type("flambeau.memory_format", sizeof(PyNamed), named_slots,
                            Py_TPFLAGS_DISALLOW_INSTANTIATION);
  g_layout_type =
      make_type("flambeau.layout", sizeof(PyNamed), named_slots, Py_TPFLAGS_DISALLOW_INSTANTIATION);
  for (int i = 0; i < kDTypes; ++i) {
    auto name = dtype_name(static_cast<DType>(i));
    g_dtypes[i] = make_named(g_dtype_type, name, i);
    check(PyObject_SetAttrString(module, std::string(name).c_str(), g_dtypes[i]));
  }
  constexpr std::pair<const char*, DType> kAliases[] = {
      {"float", DType::Float32},    {"double", DType::Float64},    {"half", DType::Float16},
      {"int", DType::Int32},        {"long", DType::Int64},        {"short", DType::Int16},
      {"cfloat", DType::Complex64}, {"cdouble", DType::Complex128}};
  for (auto& [alias, dtype] : kAliases)
    check(PyObject_SetAttrString(module, alias, g_dtypes[static_cast<int>(dtype)]));
  for (int i = 0; i < 4; ++i) {
    g_formats[i] = make_named(g_format_type, kFormatNames[i], i);
    check(PyObject_SetAttrString(module, kFormatNames[i], g_formats[i]));
  }
  const char* layouts[] = {"strided", "sparse_coo"};
  for (int i = 0; i < 2; ++i) {
    Object layout = Object::steal(make_named(g_layout_type, layouts[i], i));
    check(PyObject_SetAttrString(module, layouts[i], layout.get()));
  }

  PyType_Slot device_slots[] = {{Py_tp_new, reinterpret_cast<void*>(device_new)},
                                {Py_tp_repr, reinterpret_cast<void*>(device_repr)},
                                {Py_tp_str, reinterpret_cast<void*>(device_str)},
                                {Py_tp_hash, reinterpret_cast<void*>(device_hash)},
                                {Py_tp_richcompare, reinterpret_cast<void*>(device_compare)},
                                {Py_tp_methods, kDeviceMethods},
                                {Py_tp_getset, kDeviceGetters},
                                {0, nullptr}};
  g_device_type = make_type("flambeau.device", sizeof(PyDevice), device_slots);

  PyType_Slot size_slots[] = {{Py_tp_base, &PyTuple_Type},
                              {Py_tp_new, reinterpret_cast<void*>(size_new)},
                              {Py_tp_repr, reinterpret_cast<void*>(size_repr)},
                              {Py_sq_concat, reinterpret_cast<void*>(size_concat)},
                              {Py_sq_repeat, reinterpret_cast<void*>(size_repeat)},
                              {Py_mp_subscript, reinterpret_cast<void*>(size_subscript)},
                              {Py_tp_methods, kSizeMethods},
                              {0, nullptr}};
  g_size_type = make_type("flambeau.Size", 0, size_slots);

  check(PyObject_SetAttrString(module, "dtype", reinterpret_cast<PyObject*>(g_dtype_type)));
  check(
      PyObject_SetAttrString(module, "memory_format", reinterpret_cast<PyObject*>(g_format_type)));
  check(PyObject_SetAttrString(module, "layout", reinterpret_cast<PyObject*>(g_layout_type)));
  check(PyObject_SetAttrString(module, "device", reinterpret_cast<PyObject*>(g_device_type)));
  check(PyObject_SetAttrString(module, "Size", reinterpret_cast<PyObject*>(g_size_type)));
}

}  // namespace fb::py
