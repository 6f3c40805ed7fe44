// Calling operators from Python: one generic vectorcall for all of them, driven by their schemas.
#pragma once
#include "ops/op.h"
#include "python/py.h"

namespace fb::py {

// Keeps what converted arguments point to until the call is over.
struct Arena {
  int64_t small[48];
  size_t used = 0;
  std::vector<Dims> ints;
  std::vector<std::vector<double>> floats;
  std::vector<Tensors> lists;
  Tensors held;
  std::vector<std::unique_ptr<Scalar>> scalars;
  bool requires_grad = false;  // asked of a factory
  bool overridden = false;     // a subclass with its own __torch_function__ is among the arguments

  int64_t* take(size_t n);
};

constexpr size_t kMaxParams = 32;

// One schema of an operator with its parameter names as interned Python strings.
struct Overload {
  const OpDef* op;
  std::vector<PyObject*> names;
  size_t positional;   // parameters that may be given by position
  bool numbers_alone;  // takes a call in which no argument is a tensor, though one could be
};

// A Python name: one or more overloads in one form.
struct PyOp {
  PyObject_HEAD vectorcallfunc vectorcall;
  std::vector<Overload>* overloads;  // tried in order of registration
  Form form;
  bool method;
  PyObject* name;    // "softmax"
  PyObject* dotted;  // "nn.functional.softmax"
};

bool is_op(PyObject* o);
// The object of a dotted name; null if there is none. Borrowed.
PyObject* lookup_op(std::string_view dotted);

// A callable of one schema in one form, for modes. A new reference.
PyObject* make_single_op(const OpDef& op, bool inplace);

// Result of a finished call as Python sees it.
PyObject* wrap_results(Call& call, PyObject* self);
// Value to Python, for modes and overrides.
PyObject* wrap_value(const Value& v, const Param& p);
// Whether a type of tensor asks to be asked.
bool overrides_calls(PyTypeObject* type);
// A tensor's place in `v`; notes subclasses that want to be asked. False: not a tensor.
inline bool as_tensor(PyObject* o, Value& v, Arena& arena) {
  if (Py_TYPE(o) != TensorType) {
    if (!PyObject_TypeCheck(o, TensorType)) return false;
    if (Py_TYPE(o) != ParameterType && overrides_calls(Py_TYPE(o))) arena.overridden = true;
  }
  v.kind = Kind::Tensor;
  v.tensor = tensor_of(o).impl();
  return true;
}
// Python to Value; false if the type does not fit.
bool convert(PyObject* o, const Param& p, Value& v, Arena& arena);
// Calls __torch_function__ of the most derived argument. Null with no exception set: nobody
// overrides.
PyObject* call_override(PyObject* callable, PyObject* const* args, Py_ssize_t nargs,
                        PyObject* kwnames);

// Binary operators of the number protocol.
PyObject* binary(const OpDef& op, PyObject* a, PyObject* b, Form form = Form::Functional);
PyObject* unary(const OpDef& op, PyObject* a);

// Runs a call without the interpreter lock when it is worth it.
void run(Call& call);

// Adds operators registered since the last call to the name table (used after Python rooms are
// imported).
void publish_ops();

}  // namespace fb::py
