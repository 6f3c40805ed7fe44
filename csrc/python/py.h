// What all of the binding shares: owned references, errors, the interpreter lock.
#pragma once
#include <Python.h>
#include <structmember.h>  // after Python.h

#include <string_view>
#include <utility>

#include "core/error.h"
#include "core/interrupt.h"
#include "core/tensor_list.h"

namespace fb {
class Generator;
}

namespace fb::py {

// An owned reference.
class Object {
 public:
  Object() = default;
  Object(const Object& o) : p_(Py_XNewRef(o.p_)) {}
  Object(Object&& o) noexcept : p_(std::exchange(o.p_, nullptr)) {}
  Object& operator=(Object o) noexcept {
    std::swap(p_, o.p_);
    return *this;
  }
  ~Object() { Py_XDECREF(p_); }
  static Object steal(PyObject* p) {
    Object o;
    o.p_ = p;
    return o;
  }
  static Object borrow(PyObject* p) { return steal(Py_XNewRef(p)); }
  PyObject* get() const { return p_; }
  PyObject* release() { return std::exchange(p_, nullptr); }
  explicit operator bool() const { return p_ != nullptr; }

 private:
  PyObject* p_ = nullptr;
};

// A Python exception on its way through C++; keeps the exception while the lock may be released.
class PythonError : public std::exception {
 public:
  PythonError();  // takes the current exception
  PythonError(const PythonError&);
  ~PythonError() override;
  const char* what() const noexcept override { return "a Python exception"; }
  void restore() const;  // makes it current again

 private:
  PyObject* value_;
};

// For results of the C API: null means an exception is set.
inline Object check(PyObject* p) {
  if (!p) throw PythonError();
  return Object::steal(p);
}
inline void check(int status) {
  if (status < 0) throw PythonError();
}

// Turns the exception in flight into a Python one. Call in a catch block.
void set_python_error() noexcept;

// Runs a C++ body at the edge to Python.
template <class F>
PyObject* guarded(F&& body) noexcept {
  try {
    return body();
  } catch (...) {
    set_python_error();
    return nullptr;
  }
}
template <class F>
int guarded_int(F&& body) noexcept {
  try {
    return body();
  } catch (...) {
    set_python_error();
    return -1;
  }
}

// Methods of other signatures than the plain one, as the tables want them.
template <class F>
PyCFunction as_method(F* f) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(f));
}

class AcquireGil {
 public:
  AcquireGil() : state_(PyGILState_Ensure()) {}
  ~AcquireGil() { PyGILState_Release(state_); }
  AcquireGil(const AcquireGil&) = delete;

 private:
  PyGILState_STATE state_;
};

class ReleaseGil {
 public:
  explicit ReleaseGil(bool release = true) {
    if (!release) return;
    restart_interrupt_clock();
    state_ = PyEval_SaveThread();
  }
  ~ReleaseGil() {
    if (state_) PyEval_RestoreThread(state_);
  }
  ReleaseGil(const ReleaseGil&) = delete;

 private:
  PyThreadState* state_ = nullptr;
};

// --- Tensor (tensor_type.cpp) --------------------------------------------------------------------

struct PyTensor {
  PyObject_HEAD Tensor tensor;
  PyObject* dict;
  PyObject* weakrefs;
};
extern PyTypeObject* TensorType;
extern PyTypeObject* ParameterType;  // set by flambeau.nn; treated as a plain tensor in calls

inline bool is_tensor(PyObject* o) {
  return Py_TYPE(o) == TensorType || PyObject_TypeCheck(o, TensorType);
}
inline const Tensor& tensor_of(PyObject* o) { return reinterpret_cast<PyTensor*>(o)->tensor; }
// A new reference to the Python object of a tensor; None for an undefined one.
PyObject* wrap(Tensor t);
// Of a given subclass; the tensor must not have an object yet.
PyObject* wrap_as(PyTypeObject* type, Tensor t);
PyObject* wrap_list(const Tensors& list);

// --- small types (types.cpp) ---------------------------------------------------------------------

PyObject* wrap(DType t);  // borrowed singletons are returned as new references
PyObject* wrap(Device d);
PyObject* wrap(MemoryFormat f);
PyObject* wrap_size(Ints sizes);
PyObject* wrap_ints(Ints values);  // a plain tuple
PyObject* wrap(const Scalar& s);
bool is_dtype(PyObject* o);
DType dtype_of_object(PyObject* o);
// dtype objects and Python's float, int, bool, complex.
bool as_dtype(PyObject* o, DType& out);
// device objects, strings and indices.
bool as_device(PyObject* o, Device& out);
bool as_format(PyObject* o, MemoryFormat& out);
// Of an argument `layout`: None or strided, else an error.
void check_strided(std::string_view function, PyObject* layout);
// Python and NumPy numbers, no tensors.
bool as_number(PyObject* o, Scalar& out);
bool as_int(PyObject* o, int64_t& out);  // ints, objects with __index__ (not bool-rejecting)
// A list or tuple of ints.
bool as_ints(PyObject* o, Dims& out);

// Generator (random.cpp); null if the object is none.
Generator* as_generator(PyObject* o);

void init_errors(PyObject* module);
void init_types(PyObject* module);
void init_tensor(PyObject* module);
void init_ops(PyObject* module);
void init_autograd(PyObject* module);
void init_function(PyObject* module);
void init_modes(PyObject* module);
void init_profile(PyObject* module);
void init_autocast(PyObject* module);
void init_indexing(PyObject* module);
void init_interop(PyObject* module);
void init_random(PyObject* module);
void init_module_base(PyObject* module);
void init_system(PyObject* module);
void init_interrupt();

}  // namespace fb::py
