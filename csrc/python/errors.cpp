#include <nanobind/nanobind.h>

#include <new>

#include "python/py.h"

namespace fb::py {

PythonError::PythonError() {
  PyObject *type, *value, *trace;
  PyErr_Fetch(&type, &value, &trace);
  PyErr_NormalizeException(&type, &value, &trace);
  if (trace) PyException_SetTraceback(value, trace);
  Py_XDECREF(type);
  Py_XDECREF(trace);
  value_ = value;
}

PythonError::PythonError(const PythonError& other) {
  AcquireGil gil;
  value_ = Py_XNewRef(other.value_);
}

PythonError::~PythonError() {
  AcquireGil gil;
  Py_XDECREF(value_);
}

void PythonError::restore() const {
  if (!value_) return;
  PyErr_Restore(Py_NewRef(reinterpret_cast<PyObject*>(Py_TYPE(value_))), Py_NewRef(value_),
                PyException_GetTraceback(value_));
}

namespace {

PyObject* out_of_memory_error() {
  static PyObject* type =
      PyErr_NewException("flambeau.OutOfMemoryError", PyExc_RuntimeError, nullptr);
  return type;
}

PyObject* python_type(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::Value:
      return PyExc_ValueError;
    case ErrorKind::Type:
      return PyExc_TypeError;
    case ErrorKind::Index:
      return PyExc_IndexError;
    case ErrorKind::NotImplemented:
      return PyExc_NotImplementedError;
    case ErrorKind::OutOfMemory:
      return out_of_memory_error();
    case ErrorKind::Buffer:
      return PyExc_BufferError;
    default:
      return PyExc_RuntimeError;
  }
}

}  // namespace

void init_errors(PyObject* module) {
  check(PyObject_SetAttrString(module, "OutOfMemoryError", out_of_memory_error()));
}

void set_python_error() noexcept {
  try {
    throw;
  } catch (const PythonError& e) {
    e.restore();
  } catch (nanobind::python_error& e) {
    e.restore();
  } catch (const Error& e) {
    PyErr_SetString(python_type(e.kind()), e.what());
  } catch (const std::bad_alloc&) {
    PyErr_SetString(out_of_memory_error(), "out of memory");
  } catch (const std::exception& e) {
    PyErr_SetString(PyExc_RuntimeError, e.what());
  } catch (...) {
    PyErr_SetString(PyExc_RuntimeError, "an unknown error");
  }
}

}  // namespace fb::py
