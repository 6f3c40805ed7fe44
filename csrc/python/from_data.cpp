// Tensors from numbers and nested sequences: torch.tensor(data).
#include <cmath>
#include <limits>

#include "python/caster.h"

namespace fb::py {
namespace {

// What a walk over the data finds before anything is allocated.
struct Found {
  Dims sizes;
  DType dtype = DType::Undefined;
};

bool is_sequence(PyObject* o) {
  if (PyList_Check(o) || PyTuple_Check(o)) return true;
  if (PyUnicode_Check(o) || PyBytes_Check(o) || PyDict_Check(o)) return false;
  if (is_tensor(o)) return tensor_of(o).dim() > 0;
  Scalar s;
  return PySequence_Check(o) && !as_number(o, s);
}

DType dtype_of_number(const Scalar& s) {
  if (s.is_bool()) return DType::Bool;
  if (s.is_integral()) return DType::Int64;
  if (s.is_complex()) return complex_dtype(default_dtype());
  return default_dtype();
}

// The element type that NumPy's arrays and numbers carry; Undefined for anything else.
DType dtype_of_array(PyObject* o) {
  if (PyFloat_CheckExact(o) || PyLong_CheckExact(o) || PyBool_Check(o) || PyComplex_CheckExact(o))
    return DType::Undefined;
  if (PyList_Check(o) || PyTuple_Check(o) || !PyObject_HasAttrString(o, "__array_interface__"))
    return DType::Undefined;
  Object dtype = check(PyObject_GetAttrString(o, "dtype"));
  Object name = check(PyObject_Str(dtype.get()));
  const std::string_view text = PyUnicode_AsUTF8(name.get());
  for (int i = 0; i < kDTypes; ++i)
    if (dtype_name(static_cast<DType>(i)) == text) return static_cast<DType>(i);
  raise(ErrorKind::Type, "can't convert np.ndarray of type ", text);
}

[[noreturn]] void raise_bad_element(PyObject* o) {
  if (PyUnicode_Check(o)) raise(ErrorKind::Type, "new(): invalid data type 'str'");
  raise(ErrorKind::Runtime, "Could not infer dtype of ", Py_TYPE(o)->tp_name);
}

bool number_in(PyObject* o, Scalar& s) {
  if (as_number(o, s)) return true;
  if (is_tensor(o) && tensor_of(o).dim() == 0) {
    s = item(tensor_of(o));
    return true;
  }
  if (PyIndex_Check(o)) {
    int64_t v = 0;
    if (!as_int(o, v)) return false;
    s = Scalar(v);
    return true;
  }
  // A 0-d array of NumPy and the like.
  if (PyObject_HasAttrString(o, "item") && PyObject_HasAttrString(o, "__array__")) {
    Object value = check(PyObject_CallMethod(o, "item", nullptr));
    return as_number(value.get(), s);
  }
  return false;
}

void find_shape(PyObject* o, Found& found) {
  // The shape comes from the first elements; lengths are checked when the data are stored.
  while (is_sequence(o)) {
    Py_ssize_t n = PySequence_Size(o);
    if (n < 0) throw PythonError();
    found.sizes.push_back(n);
    FB_CHECK_VALUE(found.sizes.size() <= 64, "too many dimensions in nested sequences");
    if (n == 0) return;
    Object first = check(PySequence_GetItem(o, 0));
    o = first.get();
    if (is_tensor(o) && tensor_of(o).dim() > 0) {
      for (int64_t s : tensor_of(o).sizes()) found.sizes.push_back(s);
      return;
    }
    if (!PyList_Check(o) && !PyTuple_Check(o)) {
      // The element may be a temporary of a foreign sequence.
      if (is_sequence(o)) {
        find_shape(o, found);
        return;
      }
      return;
    }
  }
}

void find_dtype(PyObject* o, Found& found) {
  if (is_tensor(o)) {
    found.dtype = promote_types(found.dtype, tensor_of(o).dtype());
    return;
  }
  if (DType dtype = dtype_of_array(o); dtype != DType::Undefined) {
    found.dtype = promote_types(found.dtype, dtype);
    return;
  }
  if (is_sequence(o)) {
    Object fast = check(PySequence_Fast(o, "expected a sequence"));
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(fast.get()); ++i)
      find_dtype(PySequence_Fast_GET_ITEM(fast.get(), i), found);
    return;
  }
  Scalar s;
  if (!number_in(o, s)) raise_bad_element(o);
  found.dtype = promote_types(found.dtype, dtype_of_number(s));
}

template <class T>
void store_number(const Scalar& s, T* out) {
  if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
    if (s.is_floating()) {
      double d = s.to<double>();
      FB_CHECK_VALUE(!std::isnan(d), "cannot convert float NaN to integer");
      FB_CHECK_KIND(Value, !std::isinf(d), "cannot convert float infinity to integer");
      FB_CHECK(d >= -9223372036854775808.0 && d < 9223372036854775808.0,
               "value cannot be converted to type ", dtype_name(dtype_of<T>), " without overflow");
    }
    FB_CHECK_TYPE(!s.is_complex(), "can't convert complex to ", dtype_name(dtype_of<T>));
    auto v = s.to<int64_t>();
    FB_CHECK(v >= static_cast<int64_t>(std::numeric_limits<T>::min()) &&
                 v <= static_cast<int64_t>(std::numeric_limits<T>::max()),
             "value cannot be converted to type ", dtype_name(dtype_of<T>), " without overflow");
    *out = static_cast<T>(v);
  } else {
    if constexpr (!std::is_same_v<T, bool> && !std::is_same_v<T, complex64> &&
                  !std::is_same_v<T, complex128>) {
      FB_CHECK_TYPE(!s.is_complex(), "can't convert complex to ", dtype_name(dtype_of<T>));
    }
    *out = s.to<T>();
  }
}

template <class T>
void store(PyObject* o, Ints sizes, size_t depth, T*& out) {
  if (depth == sizes.size()) {
    if (is_sequence(o)) {
      raise(ErrorKind::Value, "expected a number at dim ", depth, ", but got a sequence (",
            Py_TYPE(o)->tp_name, ")");
    }
    Scalar s;
    if (!number_in(o, s)) raise_bad_element(o);
    store_number(s, out++);
    return;
  }
  if (!is_sequence(o))
    raise(ErrorKind::Type, "expected sequence at dim ", depth, " of length ", sizes[depth],
          ", but got ", Py_TYPE(o)->tp_name);
  Object fast = check(PySequence_Fast(o, "expected a sequence"));
  Py_ssize_t n = PySequence_Fast_GET_SIZE(fast.get());
  FB_CHECK_VALUE(n == sizes[depth], "expected sequence of length ", sizes[depth], " at dim ", depth,
                 " (got ", n, ")");
  for (Py_ssize_t i = 0; i < n; ++i)
    store(PySequence_Fast_GET_ITEM(fast.get(), i), sizes, depth + 1, out);
}

Tensor from_data(nb::object data, nb::object dtype) {
  Found found;
  find_shape(data.ptr(), found);
  if (!dtype.is_none()) {
    FB_CHECK_TYPE(as_dtype(dtype.ptr(), found.dtype),
                  "tensor(): argument 'dtype' must be torch.dtype, not ",
                  Py_TYPE(dtype.ptr())->tp_name);
  } else {
    find_dtype(data.ptr(), found);
    if (found.dtype == DType::Undefined) found.dtype = default_dtype();  // an empty list
  }
  Tensor t = empty(found.sizes, found.dtype);
  FB_DISPATCH(found.dtype, FB_ALL, "tensor", {
    auto* out = t.data<scalar_t>();
    store(data.ptr(), found.sizes, 0, out);
  });
  return t;
}

}  // namespace

void init_from_data(nb::module_& m) {
  m.def("_from_data", from_data, nb::arg("data"), nb::arg("dtype").none() = nb::none());
}

}  // namespace fb::py
