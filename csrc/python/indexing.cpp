// x[key] and x[key] = value. Integers, slices, None and Ellipsis make one view of the tensor;
// tensors, sequences and arrays of indices one gather from that view, or one write into it.
#include "ops/index_key.h"
#include "python/call.h"

namespace fb::py {
namespace {

// A key of a tensor, taken apart.
struct Key {
  SmallVector<int64_t, 32> view;  // as ops/index_key.h has it
  bool plain = true;              // the view shows the whole tensor as it is
  Tensors indices;  // advanced indexing of the view: one for each of its dimensions, undefined
                    // where it stays
};

void add(Key& key, KeyKind kind, int64_t a = 0, int64_t b = 0, int64_t c = 0) {
  const int64_t entry[] = {static_cast<int64_t>(kind), a, b, c};
  for (int64_t v : entry) key.view.push_back(v);
  key.plain &= kind == KeyKind::Keep;
}

void add_slice(Key& key, PyObject* o) {
  Py_ssize_t start, stop, step;
  check(PySlice_Unpack(o, &start, &stop, &step));
  FB_CHECK_VALUE(step > 0, "step must be greater than zero");
  add(key, KeyKind::Slice, start, stop, step);
}

PyObject* helper(const char* name) {
  Object module = check(PyImport_ImportModule("flambeau._C"));
  return check(PyObject_GetAttrString(module.get(), name)).release();
}

bool is_array(PyObject* o) { return PyObject_HasAttrString(o, "__array_interface__"); }

// A list, tuple, range or array as a tensor of indices or a mask.
Tensor tensor_from(PyObject* o) {
  static PyObject* from_array = helper("_from_strided_buffer");
  static PyObject* from_data = helper("_from_data");
  static const OpDef& cast = find_op("_to_copy");
  Object made = check(PyObject_CallOneArg(is_array(o) ? from_array : from_data, o));
  Tensor t = tensor_of(made.get());
  if (t.dtype() == DType::Bool || t.dtype() == DType::Int64) return t;
  FB_CHECK_INDEX(t.numel() == 0 || is_integral(t.dtype()),
                 "tensors used as indices must be long, int, byte or bool tensors");
  return call_op<Tensor>(cast, t, DType::Int64, std::nullopt, std::nullopt);
}

bool is_mask(const Tensor& t) { return t.dtype() == DType::Bool || t.dtype() == DType::UInt8; }

// One entry of the key: a Python object, or the tensor it stands for.
struct Entry {
  PyObject* object;
  Tensor tensor;
};

Entry entry_of(PyObject* o) {
  if (PyLong_CheckExact(o) || PySlice_Check(o) || o == Py_None || o == Py_Ellipsis ||
      PyBool_Check(o))
    return {o, {}};
  if (is_tensor(o)) return {o, tensor_of(o)};
  Scalar number;
  if (PyIndex_Check(o) && !is_array(o)) return {o, {}};
  if (as_number(o, number)) {  // numbers of NumPy
    if (number.is_bool()) return {number.to<bool>() ? Py_True : Py_False, {}};
    if (number.is_integral()) return {o, {}};
  } else if (PySequence_Check(o) && !PyUnicode_Check(o) && !PyBytes_Check(o)) {
    return {o, tensor_from(o)};
  }
  raise(ErrorKind::Index,
        "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid "
        "indices (got ",
        Py_TYPE(o)->tp_name, ")");
}

// Dimensions of the tensor that an entry is about.
int64_t dims_of(const Entry& e) {
  if (e.tensor.defined()) return is_mask(e.tensor) ? e.tensor.dim() : 1;
  return e.object == Py_None || e.object == Py_Ellipsis || PyBool_Check(e.object) ? 0 : 1;
}

int64_t integer(PyObject* o) {
  int64_t i = 0;
  FB_CHECK_INDEX(as_int(o, i), "an index must be an integer, not ", Py_TYPE(o)->tp_name);
  return i;
}

void add_index(Key& key, size_t& dims, Tensor index) {
  key.indices.resize(dims++);
  key.indices.push_back(std::move(index));
}

// True picks the one element of a new dimension, False none.
void add_bool(Key& key, size_t& dims, bool on) {
  add(key, KeyKind::NewAxis);
  Tensor index = empty(Dims{on ? 1 : 0}, DType::Int64);
  if (on) *index.data<int64_t>() = 0;
  add_index(key, dims, std::move(index));
}

void add_tensor(Key& key, size_t& dims, const Tensor& t) {
  if (t.dim() == 0 && is_integral(t.dtype())) {
    if (is_mask(t)) return add_bool(key, dims, item(t).to<bool>());
    return add(key, KeyKind::Integer, item(t).to<int64_t>());
  }
  add(key, KeyKind::Keep, is_mask(t) ? t.dim() : 1);
  add_index(key, dims, t);
}

void parse_tuple(const Tensor& t, PyObject* const* items, Py_ssize_t count, Key& key) {
  std::vector<Entry> entries;
  entries.reserve(static_cast<size_t>(count));
  int64_t given = 0;
  for (Py_ssize_t i = 0; i < count; ++i) {
    entries.push_back(entry_of(items[i]));
    given += dims_of(entries.back());
  }
  FB_CHECK_INDEX(given <= t.dim(), "too many indices for tensor of dimension ", t.dim());
  size_t dims = 0;  // of the view, a mask counting as one
  for (const Entry& e : entries) {
    if (e.tensor.defined()) {
      add_tensor(key, dims, e.tensor);
    } else if (e.object == Py_None) {
      add(key, KeyKind::NewAxis);
      ++dims;
    } else if (e.object == Py_Ellipsis) {
      add(key, KeyKind::Keep, t.dim() - given);
      dims += static_cast<size_t>(t.dim() - given);
      given = t.dim();  // a second one stands for nothing
    } else if (PyBool_Check(e.object)) {
      add_bool(key, dims, e.object == Py_True);
    } else if (PySlice_Check(e.object)) {
      add_slice(key, e.object);
      ++dims;
    } else {
      add(key, KeyKind::Integer, integer(e.object));
    }
  }
}

// A list that holds more than numbers is read as the tuple it probably was meant to be.
bool is_tuple_like(PyObject* o) {
  constexpr Py_ssize_t kLongest = 32;
  if (!PyList_Check(o) || PyList_GET_SIZE(o) >= kLongest) return false;
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(o); ++i) {
    PyObject* item = PyList_GET_ITEM(o, i);
    if (is_tensor(item) || PySequence_Check(item) || PySlice_Check(item) || item == Py_Ellipsis ||
        item == Py_None)
      return true;
  }
  return false;
}

void parse(const Tensor& t, PyObject* o, Key& key) {
  if (PyLong_CheckExact(o)) {
    FB_CHECK_INDEX(t.dim() > 0,
                   "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or "
                   "`tensor.item<T>()` in C++ to convert a "
                   "0-dim tensor to a number");
    add(key, KeyKind::Integer, integer(o));
  } else if (PyTuple_Check(o)) {
    parse_tuple(t, &PyTuple_GET_ITEM(o, 0), PyTuple_GET_SIZE(o), key);
  } else if (is_tuple_like(o)) {
    check(PyErr_WarnEx(PyExc_UserWarning,
                       "A list of lists, tensors or slices is taken as a tuple of indices; write "
                       "x[tuple(indices)], or "
                       "x[torch.tensor(indices)] to index by one tensor.",
                       1));
    Object tuple = check(PyList_AsTuple(o));
    parse_tuple(t, &PyTuple_GET_ITEM(tuple.get(), 0), PyTuple_GET_SIZE(tuple.get()), key);
  } else {
    parse_tuple(t, &o, 1, key);
  }
}

Tensor view_of(const Tensor& t, const Key& key) {
  static const OpDef& op = find_op("index_view");
  return call_op<Tensor>(op, t, Ints(key.view));
}

bool overridden(PyObject* o) {
  return Py_TYPE(o) != TensorType && is_tensor(o) && Py_TYPE(o) != ParameterType &&
         overrides_calls(Py_TYPE(o));
}

// A slot of the base type as the function that overrides are given.
PyObject* slot_of(const char* name) {
  return check(PyObject_GetAttrString(reinterpret_cast<PyObject*>(TensorType), name)).release();
}

Tensor value_tensor(const Tensor& self, PyObject* o) {
  if (is_tensor(o)) return tensor_of(o);
  Scalar s;
  FB_CHECK_TYPE(as_number(o, s), "can't assign a ", Py_TYPE(o)->tp_name, " to a torch.",
                dtype_class_name(self.dtype()), "Tensor");
  return wrapped_number(s);
}

// Leading dimensions of size 1 that the target does not have are left out.
Tensor without_leading_ones(const Tensor& value, int64_t dims) {
  Ints sizes = value.sizes();
  while (!sizes.empty() && static_cast<int64_t>(sizes.size()) > dims && sizes[0] == 1)
    sizes = sizes.subspan(1);
  if (sizes.size() == value.sizes().size()) return value;
  static const OpDef& view = find_op("reshape");
  return call_op<Tensor>(view, value, sizes);
}

template <class... A>
void write(const OpDef& op, const A&... args) {
  Value values[sizeof...(A)] = {Value(args)...};
  Call call(op, values);
  run(call);
}

template <class... A>
void run_inplace(const OpDef& op, const Tensor& target, const A&... args) {
  Value values[sizeof...(A) + 1] = {Value(target), Value(args)...};
  Call call(op, values, Form::InPlace);
  call.targets = &target;
  call.target_count = 1;
  run(call);
}

void assign(const Tensor& target, const Tensor& value) {
  static const OpDef& fill = find_op("fill_");
  static const OpDef& copy = find_op("copy_");
  if (value.impl()->wrapped_number) return write(fill, target, value);
  write(copy, target, without_leading_ones(value, target.dim()), false);
}

// Mask of all elements: a plain select, without a list of places.
bool fills_mask(const Tensor& target, const Tensors& indices, const Tensor& value) {
  return indices.size() == 1 && value.dim() == 0 && indices[0].dtype() == DType::Bool &&
         same_shape(indices[0].sizes(), target.sizes()) &&
         (value.impl()->wrapped_number || value.dtype() == target.dtype());
}

void assign_indexed(const Tensor& target, const Tensors& indices, Tensor value) {
  value = without_leading_ones(value, 0);
  if (fills_mask(target, indices, value)) {
    static const OpDef& fill = find_op("masked_fill");
    return run_inplace(fill, target, indices[0], value);
  }
  static const OpDef& put = find_op("index_put");
  if (value.impl()->wrapped_number) value = scalar_tensor(item(value), target.dtype());
  run_inplace(put, target, std::span<const Tensor>(indices), value, false);
}

}  // namespace

PyObject* tensor_getitem(PyObject* self, PyObject* key) {
  return guarded([&]() -> PyObject* {
    if (__builtin_expect(overridden(self), 0)) {
      static PyObject* function = slot_of("__getitem__");
      PyObject* args[] = {self, key};
      PyObject* result = call_override(function, args, 2, nullptr);
      if (result || PyErr_Occurred()) return result;
    }
    const Tensor& t = tensor_of(self);
    Key parsed;
    parse(t, key, parsed);
    if (parsed.indices.empty()) return wrap(view_of(t, parsed));
    static const OpDef& index = find_op("index");
    Tensor view = parsed.plain ? t : view_of(t, parsed);
    Value values[] = {Value(view), Value(std::span<const Tensor>(parsed.indices))};
    Call call(index, values);
    run(call);
    return wrap(std::move(call.results[0]));
  });
}

int tensor_setitem(PyObject* self, PyObject* key, PyObject* value) {
  return guarded_int([&] {
    FB_CHECK_TYPE(value, "Tensor does not support deleting items");
    if (__builtin_expect(overridden(self) || overridden(value), 0)) {
      static PyObject* function = slot_of("__setitem__");
      PyObject* args[] = {self, key, value};
      Object result = Object::steal(call_override(function, args, 3, nullptr));
      if (result || PyErr_Occurred()) return result ? 0 : -1;
    }
    const Tensor& t = tensor_of(self);
    Key parsed;
    parse(t, key, parsed);
    Tensor source = value_tensor(t, value), view = parsed.plain ? t : view_of(t, parsed);
    if (parsed.indices.empty()) {
      assign(view, source);
    } else {
      assign_indexed(view, parsed.indices, source);
    }
    return 0;
  });
}

void init_indexing(PyObject*) {}

}  // namespace fb::py
