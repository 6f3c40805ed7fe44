// Python objects to the values that schemas ask for.
#include "python/call.h"

namespace fb::py {

int64_t* Arena::take(size_t n) {
  if (used + n <= 48) {
    int64_t* p = small + used;
    used += n;
    return p;
  }
  ints.emplace_back(n);
  return ints.back().data();
}

namespace {

// Zero-dimensional tensors stand for numbers where a schema wants one.
bool number_from(PyObject* o, Scalar& s) {
  if (as_number(o, s)) return true;
  if (!is_tensor(o) || tensor_of(o).dim() != 0 || tensor_of(o).is_meta()) return false;
  s = item(tensor_of(o));
  return true;
}

bool convert_ints(PyObject* o, const Param& p, Value& v, Arena& arena) {
  int64_t single;
  if (PyTuple_Check(o) || PyList_Check(o)) {
    auto n = static_cast<size_t>(PySequence_Fast_GET_SIZE(o));
    int64_t* out = arena.take(std::max(n, static_cast<size_t>(p.list_size)));
    for (size_t i = 0; i < n; ++i)
      if (!as_int(PySequence_Fast_GET_ITEM(o, static_cast<Py_ssize_t>(i)), out[i])) return false;
    if (n == 1 && p.list_size > 1) {
      std::fill(out, out + p.list_size, out[0]);
      n = static_cast<size_t>(p.list_size);
    }
    v = Value(Ints(out, n));
    return true;
  }
  if (p.list_size == 0 || PyBool_Check(o) || !as_int(o, single)) return false;
  int64_t* out = arena.take(static_cast<size_t>(p.list_size));
  std::fill(out, out + p.list_size, single);
  v = Value(Ints(out, static_cast<size_t>(p.list_size)));
  return true;
}

bool convert_list(PyObject* o, Value& v, Arena& arena) {
  if (!PyTuple_Check(o) && !PyList_Check(o)) return false;
  Py_ssize_t n = PySequence_Fast_GET_SIZE(o);
  Tensors list;
  list.reserve(static_cast<size_t>(n));
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* item = PySequence_Fast_GET_ITEM(o, i);
    Value element;
    if (item == Py_None) {
      list.emplace_back();
    } else if (as_tensor(item, element, arena)) {
      list.push_back(tensor_of(item));
    } else {
      return false;
    }
  }
  arena.lists.push_back(std::move(list));
  v = Value(arena.lists.back());
  return true;
}

}  // namespace

bool convert(PyObject* o, const Param& p, Value& v, Arena& arena) {
  if (o == Py_None && (p.optional || p.fallback.none()) &&
      (p.optional || p.type == Type::Generator)) {
    v = Value();
    return true;
  }
  switch (p.type) {
    case Type::Tensor: {
      if (as_tensor(o, v, arena)) return true;
      Scalar s;
      if (!p.number_ok || !as_number(o, s)) return false;
      arena.held.push_back(wrapped_number(s));
      v = Value(arena.held.back());
      return true;
    }
    case Type::TensorList:
      return convert_list(o, v, arena);
    case Type::Int: {
      int64_t i;
      if (!as_int(o, i)) return false;
      v = Value(i);
      return true;
    }
    case Type::IntList:
      return convert_ints(o, p, v, arena);
    case Type::Float: {
      if (PyFloat_CheckExact(o)) {
        v = Value(PyFloat_AS_DOUBLE(o));
        return true;
      }
      Scalar s;
      if (!number_from(o, s) || s.is_complex()) return false;
      v = Value(s.to<double>());
      return true;
    }
    case Type::FloatList: {
      if (!PyTuple_Check(o) && !PyList_Check(o)) return false;
      std::vector<double> values;
      for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o); ++i) {
        Scalar s;
        if (!number_from(PySequence_Fast_GET_ITEM(o, i), s) || s.is_complex()) return false;
        values.push_back(s.to<double>());
      }
      arena.floats.push_back(std::move(values));
      v = Value(std::span<const double>(arena.floats.back()));
      return true;
    }
    case Type::Bool: {
      if (o == Py_True || o == Py_False) {
        v = Value(o == Py_True);
        return true;
      }
      Scalar s;
      if (PyLong_Check(o) || !as_number(o, s) || !s.is_bool()) return false;
      v = Value(s.to<bool>());
      return true;
    }
    case Type::Scalar: {
      Scalar s;
      if (!number_from(o, s)) return false;
      if (s.is_complex()) {
        arena.scalars.push_back(std::make_unique<Scalar>(s));
        v = Value(*arena.scalars.back());
      } else {
        v = Value(s);
      }
      return true;
    }
    case Type::DType: {
      DType t;
      if (!as_dtype(o, t)) return false;
      v = Value(t);
      return true;
    }
    case Type::Device: {
      Device d;
      if (!as_device(o, d)) return false;
      v = Value(d);
      return true;
    }
    case Type::Format: {
      MemoryFormat f;
      if (!as_format(o, f)) return false;
      v = Value(f);
      return true;
    }
    case Type::String: {
      if (!PyUnicode_Check(o)) return false;
      Py_ssize_t n;
      const char* text = PyUnicode_AsUTF8AndSize(o, &n);
      if (!text) throw PythonError();
      v = Value(std::string_view(text, static_cast<size_t>(n)));
      return true;
    }
    case Type::Generator: {
      Generator* g = as_generator(o);
      if (!g) return false;
      v = Value(g);
      return true;
    }
  }
  return false;
}

}  // namespace fb::py
