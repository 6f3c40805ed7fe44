// The Python type of tensors: construction, attributes, the number protocol. Operators become
// methods in call.cpp; what is neither hot nor small is Python, in flambeau/_tensor.py.
#include "autograd/engine.h"
#include "ops/view_history.h"
#include "python/autograd.h"
#include "python/call.h"

namespace fb::py {

PyTypeObject* TensorType;
PyTypeObject* ParameterType;

namespace {

// Objects of the exact type are recycled; allocation by the interpreter costs more than a small
// kernel.
constexpr int kFree = 256;
PyObject* g_free[kFree];
int g_free_count = 0;

PyTensor* in(PyObject* o) { return reinterpret_cast<PyTensor*>(o); }

PyObject* new_object(Tensor t) {
  PyObject* o;
  if (g_free_count > 0) {
    o = PyObject_Init(g_free[--g_free_count], TensorType);
  } else {
    o = reinterpret_cast<PyObject*>(PyObject_GC_New(PyTensor, TensorType));
    if (!o) throw PythonError();
  }
  auto* p = in(o);
  t.impl()->python = o;
  new (&p->tensor) Tensor(std::move(t));
  p->dict = nullptr;
  p->weakrefs = nullptr;
  return o;
}

void tensor_dealloc(PyObject* self) {
  auto* p = in(self);
  PyTypeObject* type = Py_TYPE(self);
  if (PyObject_GC_IsTracked(self)) PyObject_GC_UnTrack(self);
  if (p->weakrefs) PyObject_ClearWeakRefs(self);
  if (p->tensor.defined() && p->tensor.impl()->python == self) p->tensor.impl()->python = nullptr;
  Py_CLEAR(p->dict);
  p->tensor.~Tensor();
  if (type == TensorType && g_free_count < kFree) {
    g_free[g_free_count++] = self;
  } else {
    type->tp_free(self);
  }
  Py_DECREF(type);
}

int tensor_traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(in(self)->dict);
  // Hooks are only visible to the collector when nobody else keeps the tensor.
  if (in(self)->tensor.defined() && in(self)->tensor.impl()->use_count() == 1)
    return traverse_hooks(in(self)->tensor, visit, arg);
  return 0;
}

int tensor_clear(PyObject* self) {
  Py_CLEAR(in(self)->dict);
  if (in(self)->tensor.defined() && in(self)->tensor.impl()->use_count() == 1)
    clear_hooks(in(self)->tensor);
  return 0;
}

// Only tensors with attributes of their own can be part of a cycle.
int tensor_setattro(PyObject* self, PyObject* name, PyObject* value) {
  int status = PyObject_GenericSetAttr(self, name, value);
  if (status == 0 && in(self)->dict && !PyObject_GC_IsTracked(self)) PyObject_GC_Track(self);
  return status;
}

PyObject* tensor_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    static PyObject* make = nullptr;
    if (!make) {
      Object module = check(PyImport_ImportModule("flambeau._tensor"));
      make = check(PyObject_GetAttrString(module.get(), "_legacy_tensor")).release();
    }
    Object made = check(PyObject_Call(make, args, kwargs));
    if (type == TensorType) return made.release();
    return wrap_as(type, tensor_of(made.get()).alias());
  });
}

// --- attributes ----------------------------------------------------------------------------------

#define GETTER(name, expression)                           \
  PyObject* get_##name(PyObject* self, void*) {            \
    return guarded([&]() -> PyObject* {                    \
      [[maybe_unused]] const Tensor& t = in(self)->tensor; \
      return expression;                                   \
    });                                                    \
  }

PyObject* boolean(bool b) { return PyBool_FromLong(b); }

GETTER(shape, wrap_size(t.sizes()))
GETTER(dtype, wrap(t.dtype()))
GETTER(device, wrap(t.device()))
GETTER(ndim, PyLong_FromLongLong(t.dim()))
GETTER(itemsize, PyLong_FromLongLong(t.item_size()))
GETTER(nbytes, PyLong_FromLongLong(t.numel() * t.item_size()))
GETTER(requires_grad, boolean(requires_grad(t)))
GETTER(is_leaf, boolean(is_leaf(t)))
GETTER(retains_grad, boolean(autograd_meta(t) && autograd_meta(t)->retained != nullptr))
GETTER(grad_fn, wrap_node(grad_fn(t)))
GETTER(output_nr, PyLong_FromLong(grad_fn(t) ? autograd_meta(t)->slot : 0))
GETTER(version, PyLong_FromUnsignedLong(t.version()))
GETTER(base, t.impl()->base ? wrap(Tensor(t.impl()->base)) : Py_NewRef(Py_None))
GETTER(is_cuda, boolean(t.device().type == DeviceType::CUDA))
GETTER(is_cpu, boolean(t.device().type == DeviceType::CPU))
GETTER(is_meta, boolean(t.is_meta()))
GETTER(false, boolean(false))
GETTER(name, Py_NewRef(Py_None))

PyObject* get_data(PyObject* self, void*) {
  return guarded([&]() -> PyObject* {
    Tensor t = detach(in(self)->tensor);
    t.impl()->untracked = true;
    if (Py_TYPE(self) == TensorType || Py_TYPE(self) == ParameterType) return wrap(std::move(t));
    return wrap_as(Py_TYPE(self), std::move(t));
  });
}

// x.data = y: the object keeps its identity and history, and takes over y's memory and geometry.
int set_data(PyObject* self, PyObject* value, void*) {
  return guarded_int([&] {
    FB_CHECK_TYPE(value && is_tensor(value), "Variable data has to be a tensor, but got ",
                  value ? Py_TYPE(value)->tp_name : "nothing");
    TensorImpl* t = in(self)->tensor.impl();
    const Tensor& v = tensor_of(value);
    FB_CHECK(
        !requires_grad(t) || is_differentiable(v.dtype()),
        "data set to a tensor that requires gradients must be floating point or complex dtype");
    t->storage = v.storage();
    t->offset = v.offset();
    t->dtype = v.dtype();
    t->set_geometry(v.sizes(), v.strides());
    return 0;
  });
}

PyObject* get_grad(PyObject* self, void*) {
  return guarded([&]() -> PyObject* {
    const Tensor& t = in(self)->tensor;
    auto* meta = autograd_meta(t);
    if (meta && meta->grad_fn && !meta->retained && !meta->grad.defined()) {
      check(PyErr_WarnEx(
          PyExc_UserWarning,
          "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. "
          "Its .grad attribute won't be populated during autograd.backward(). If you "
          "want it to be, call .retain_grad() on it first.",
          1));
    }
    return wrap(meta ? meta->grad : Tensor());
  });
}

int set_grad(PyObject* self, PyObject* value, void*) {
  return guarded_int([&] {
    const Tensor& t = in(self)->tensor;
    if (!value || value == Py_None) {
      if (auto* meta = autograd_meta(t)) meta->grad = {};
      return 0;
    }
    FB_CHECK_TYPE(is_tensor(value),
                  "assigned grad expected to be a Tensor or None but got grad of type ",
                  Py_TYPE(value)->tp_name);
    const Tensor& grad = tensor_of(value);
    FB_CHECK(value != self, "can't assign Variable as its own grad");
    FB_CHECK(grad.dtype() == t.dtype(), "attempting to assign a gradient with dtype '",
             grad.dtype(), "' to a tensor with dtype '", t.dtype(),
             "'. Please ensure that the gradient and the tensor have the same dtype");
    FB_CHECK(grad.device() == t.device(), "attempting to assign a gradient with device type '",
             grad.device(), "' to a tensor with device type '", t.device(),
             "'. Please ensure that the gradient and the tensor are on the same device");
    FB_CHECK(same_shape(grad.sizes(), t.sizes()), "attempting to assign a gradient of size '",
             shape_text(grad.sizes()), "' to a tensor of size '", shape_text(t.sizes()),
             "'. Please ensure that the gradient and the tensor are the same size");
    autograd_meta_or_new(t).grad = grad;
    return 0;
  });
}

int set_requires_grad_attr(PyObject* self, PyObject* value, void*) {
  return guarded_int([&] {
    FB_CHECK(value && PyBool_Check(value), "requires_grad must be a bool");
    set_requires_grad(in(self)->tensor, value == Py_True);
    return 0;
  });
}

PyObject* get_layout(PyObject*, void*) {
  static PyObject* strided = PyObject_GetAttrString(PyImport_AddModule("flambeau._C"), "strided");
  return Py_XNewRef(strided);
}

PyGetSetDef kGetters[] = {
    {"shape", get_shape, nullptr, "Sizes of all dimensions.", nullptr},
    {"dtype", get_dtype, nullptr, "Element type.", nullptr},
    {"device", get_device, nullptr, "Where the memory is.", nullptr},
    {"layout", get_layout, nullptr, nullptr, nullptr},
    {"ndim", get_ndim, nullptr, "Number of dimensions.", nullptr},
    {"itemsize", get_itemsize, nullptr, "Bytes of one element.", nullptr},
    {"nbytes", get_nbytes, nullptr, "Bytes of all elements.", nullptr},
    {"data", get_data, set_data, "The tensor without its history.", nullptr},
    {"grad", get_grad, set_grad, "Gradient that backward() accumulated, or None.", nullptr},
    {"requires_grad", get_requires_grad, set_requires_grad_attr,
     "Whether operations on the tensor are recorded.", nullptr},
    {"is_leaf", get_is_leaf, nullptr, "Not made by a recorded operation.", nullptr},
    {"retains_grad", get_retains_grad, nullptr, nullptr, nullptr},
    {"grad_fn", get_grad_fn, nullptr, "The node that made the tensor, or None.", nullptr},
    {"output_nr", get_output_nr, nullptr, nullptr, nullptr},
    {"_version", get_version, nullptr, "Number of in-place changes.", nullptr},
    {"_base", get_base, nullptr, "What the tensor is a view of, or None.", nullptr},
    {"is_cuda", get_is_cuda, nullptr, nullptr, nullptr},
    {"is_cpu", get_is_cpu, nullptr, nullptr, nullptr},
    {"is_meta", get_is_meta, nullptr, nullptr, nullptr},
    {"is_mps", get_false, nullptr, nullptr, nullptr},
    {"is_xpu", get_false, nullptr, nullptr, nullptr},
    {"is_sparse", get_false, nullptr, nullptr, nullptr},
    {"is_sparse_csr", get_false, nullptr, nullptr, nullptr},
    {"is_quantized", get_false, nullptr, nullptr, nullptr},
    {"is_mkldnn", get_false, nullptr, nullptr, nullptr},
    {"is_nested", get_false, nullptr, nullptr, nullptr},
    {"name", get_name, nullptr, nullptr, nullptr},
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

// --- methods that are no operators ---------------------------------------------------------------

PyObject* method_size(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  return guarded([&]() -> PyObject* {
    const Tensor& t = in(self)->tensor;
    Py_ssize_t total = nargs + (kwnames ? PyTuple_GET_SIZE(kwnames) : 0);
    if (total == 0 || args[0] == Py_None) return wrap_size(t.sizes());
    int64_t d;
    FB_CHECK_TYPE(total == 1 && as_int(args[0], d), "size(): argument 'dim' must be int, not ",
                  Py_TYPE(args[0])->tp_name);
    FB_CHECK_INDEX(t.dim() > 0, "dimension specified as ", d, " but tensor has no dimensions");
    return PyLong_FromLongLong(t.size(d));
  });
}

PyObject* method_stride(PyObject* self, PyObject* const* args, Py_ssize_t nargs) {
  return guarded([&]() -> PyObject* {
    const Tensor& t = in(self)->tensor;
    if (nargs == 0) return wrap_ints(t.strides());
    int64_t d;
    FB_CHECK_TYPE(nargs == 1 && as_int(args[0], d), "stride(): argument 'dim' must be int, not ",
                  Py_TYPE(args[0])->tp_name);
    return PyLong_FromLongLong(t.stride(d));
  });
}

#define METHOD0(name, expression)                          \
  PyObject* method_##name(PyObject* self, PyObject*) {     \
    return guarded([&]() -> PyObject* {                    \
      [[maybe_unused]] const Tensor& t = in(self)->tensor; \
      return expression;                                   \
    });                                                    \
  }
METHOD0(dim, PyLong_FromLongLong(t.dim()))
METHOD0(numel, PyLong_FromLongLong(t.numel()))
METHOD0(storage_offset, PyLong_FromLongLong(t.offset()))
METHOD0(element_size, PyLong_FromLongLong(t.item_size()))
METHOD0(data_ptr, PyLong_FromVoidPtr(t.numel() ? t.raw() : nullptr))
METHOD0(item, wrap(item(t)))
METHOD0(is_floating_point, boolean(is_floating(t.dtype())))
METHOD0(is_complex, boolean(fb::is_complex(t.dtype())))
METHOD0(is_signed, boolean(fb::is_signed(t.dtype())))
METHOD0(is_inference, boolean(t.impl()->inference))
METHOD0(is_view, boolean(static_cast<bool>(t.impl()->base)))
METHOD0(detach, ({
          Tensor d = detach(t);
          Py_TYPE(self) == TensorType || Py_TYPE(self) == ParameterType
              ? wrap(std::move(d))
              : wrap_as(Py_TYPE(self), std::move(d));
        }))
METHOD0(retain_grad, (retain_grad(t), Py_NewRef(Py_None)))
METHOD0(storage_nbytes, PyLong_FromSize_t(t.storage()->nbytes()))
METHOD0(storage_ptr, PyLong_FromVoidPtr(t.storage()->data()))

PyObject* method_is_contiguous(PyObject* self, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    PyObject* format = nullptr;
    static const char* names[] = {"memory_format", nullptr};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:is_contiguous", const_cast<char**>(names),
                                     &format))
      throw PythonError();
    MemoryFormat f = MemoryFormat::Contiguous;
    FB_CHECK_TYPE(!format || as_format(format, f),
                  "is_contiguous(): argument 'memory_format' must be torch.memory_format, not ",
                  Py_TYPE(format)->tp_name);
    return boolean(in(self)->tensor.is_contiguous(f));
  });
}

// In place: the tensor forgets its history.
PyObject* method_detach_(PyObject* self, PyObject*) {
  return guarded([&]() -> PyObject* {
    const Tensor& t = in(self)->tensor;
    FB_CHECK(!t.impl()->base, "Can't detach views in-place. Use detach() instead.");
    if (auto* meta = autograd_meta(t)) {
      meta->grad_fn = {};
      meta->requires_grad = false;
    }
    return Py_NewRef(self);
  });
}

PyObject* method_requires_grad_(PyObject* self, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    int on = 1;
    static const char* names[] = {"requires_grad", nullptr};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|p:requires_grad_", const_cast<char**>(names),
                                     &on))
      throw PythonError();
    set_requires_grad(in(self)->tensor, on);
    return Py_NewRef(self);
  });
}

// Subclass instances over the same memory: nn.Parameter and Tensor.as_subclass are made of it.
PyObject* make_subclass(PyObject*, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    PyObject *type, *data;
    int grad = 0;
    static const char* names[] = {"cls", "data", "require_grad", nullptr};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO|p:_make_subclass", const_cast<char**>(names),
                                     &type, &data, &grad))
      throw PythonError();
    FB_CHECK_TYPE(
        PyType_Check(type) && PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(type), TensorType),
        "_make_subclass: cls must be a subclass of Tensor");
    FB_CHECK_TYPE(is_tensor(data), "_make_subclass: data must be a Tensor, not ",
                  Py_TYPE(data)->tp_name);
    Tensor t = detach(tensor_of(data));
    if (grad) set_requires_grad(t, true);
    return wrap_as(reinterpret_cast<PyTypeObject*>(type), std::move(t));
  });
}

PyObject* method_as_subclass(PyObject* self, PyObject* type) {
  return guarded([&]() -> PyObject* {
    FB_CHECK_TYPE(
        PyType_Check(type) && PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(type), TensorType),
        "as_subclass: cls must be a subclass of Tensor");
    static const OpDef& alias = find_op("alias");
    return wrap_as(reinterpret_cast<PyTypeObject*>(type), call_op<Tensor>(alias, in(self)->tensor));
  });
}

PyObject* method_set_(PyObject* self, PyObject* args) {
  return guarded([&]() -> PyObject* {
    PyObject *source = nullptr, *size = nullptr, *stride = nullptr;
    long long offset = 0;
    if (!PyArg_ParseTuple(args, "|OLOO:set_", &source, &offset, &size, &stride))
      throw PythonError();
    TensorImpl* t = in(self)->tensor.impl();
    FB_CHECK_TYPE(source && is_tensor(source),
                  "set_(): argument 'source' (position 1) must be Tensor");
    const Tensor& s = tensor_of(source);
    Dims sizes(s.sizes()), strides(s.strides());
    if (size) {
      FB_CHECK_TYPE(as_ints(size, sizes), "set_(): argument 'size' must be tuple of ints");
      strides = contiguous_strides(sizes);
      if (stride)
        FB_CHECK_TYPE(as_ints(stride, strides), "set_(): argument 'stride' must be tuple of ints");
    } else {
      offset = s.offset();
    }
    FB_CHECK(offset >= 0, "set_(): storage offset must not be negative, but got ", offset);
    size_t needed = static_cast<size_t>((offset + storage_extent(sizes, strides)) * s.item_size());
    FB_CHECK(storage_extent(sizes, strides) == 0 || needed <= s.storage()->nbytes(),
             "setStorage: sizes ", shape_text(sizes), ", strides ", shape_text(strides),
             " and offset ", offset, " require a storage of ", needed, " bytes, but there are ",
             s.storage()->nbytes());
    t->storage = s.storage();
    t->offset = offset;
    t->dtype = s.dtype();
    t->set_geometry(sizes, strides);
    return Py_NewRef(self);
  });
}

PyMethodDef kMethods[] = {
    {"size", as_method(method_size), METH_FASTCALL | METH_KEYWORDS,
     "size(dim=None): sizes, or the size of one dimension."},
    {"stride", as_method(method_stride), METH_FASTCALL, "stride(dim=None): steps in elements."},
    {"dim", method_dim, METH_NOARGS, "Number of dimensions."},
    {"ndimension", method_dim, METH_NOARGS, "Number of dimensions."},
    {"numel", method_numel, METH_NOARGS, "Number of elements."},
    {"nelement", method_numel, METH_NOARGS, "Number of elements."},
    {"storage_offset", method_storage_offset, METH_NOARGS,
     "First element's place in the storage, in elements."},
    {"element_size", method_element_size, METH_NOARGS, "Bytes of one element."},
    {"data_ptr", method_data_ptr, METH_NOARGS, "Address of the first element."},
    {"item", method_item, METH_NOARGS, "The only element as a Python number."},
    {"is_floating_point", method_is_floating_point, METH_NOARGS, nullptr},
    {"is_complex", method_is_complex, METH_NOARGS, nullptr},
    {"is_signed", method_is_signed, METH_NOARGS, nullptr},
    {"is_inference", method_is_inference, METH_NOARGS, nullptr},
    {"_is_view", method_is_view, METH_NOARGS, nullptr},
    {"is_contiguous", as_method(method_is_contiguous), METH_VARARGS | METH_KEYWORDS, nullptr},
    {"detach", method_detach, METH_NOARGS, "The same memory without history."},
    {"detach_", method_detach_, METH_NOARGS, "Forgets the history."},
    {"requires_grad_", as_method(method_requires_grad_), METH_VARARGS | METH_KEYWORDS, nullptr},
    {"retain_grad", method_retain_grad, METH_NOARGS, "Keeps .grad of a non-leaf."},
    {"_storage_nbytes", method_storage_nbytes, METH_NOARGS, nullptr},
    {"_storage_ptr", method_storage_ptr, METH_NOARGS, nullptr},
    {"_make_subclass", as_method(make_subclass), METH_VARARGS | METH_KEYWORDS | METH_STATIC,
     nullptr},
    {"as_subclass", method_as_subclass, METH_O, "The same tensor as an instance of a subclass."},
    {"set_", method_set_, METH_VARARGS,
     "Takes over another tensor's storage, with the given offset, sizes and strides."},
    {nullptr, nullptr, 0, nullptr}};

// --- number protocol -----------------------------------------------------------------------------

// Looks its operator up once.
#define BINARY(slot, op_name)                  \
  PyObject* slot(PyObject* a, PyObject* b) {   \
    static const OpDef& op = find_op(op_name); \
    return binary(op, a, b);                   \
  }
#define INPLACE(slot, op_name)                 \
  PyObject* slot(PyObject* a, PyObject* b) {   \
    static const OpDef& op = find_op(op_name); \
    return binary(op, a, b, Form::InPlace);    \
  }
#define UNARY(slot, op_name)                   \
  PyObject* slot(PyObject* a) {                \
    static const OpDef& op = find_op(op_name); \
    return unary(op, a);                       \
  }
BINARY(nb_add, "add")
BINARY(nb_sub, "sub")
BINARY(nb_mul, "mul")
BINARY(nb_div, "div")
BINARY(nb_mod, "remainder")
BINARY(nb_floordiv, "floor_divide")
BINARY(nb_and, "bitwise_and")
BINARY(nb_or, "bitwise_or")
BINARY(nb_xor, "bitwise_xor")
BINARY(nb_lshift, "bitwise_left_shift")
BINARY(nb_rshift, "bitwise_right_shift")
BINARY(compare_eq, "eq")
BINARY(compare_ne, "ne")
BINARY(compare_lt, "lt")
BINARY(compare_le, "le")
BINARY(compare_gt, "gt")
BINARY(compare_ge, "ge")
INPLACE(nb_iadd, "add")
INPLACE(nb_isub, "sub")
INPLACE(nb_imul, "mul")
INPLACE(nb_idiv, "div")
INPLACE(nb_imod, "remainder")
INPLACE(nb_ifloordiv, "floor_divide")
INPLACE(nb_iand, "bitwise_and")
INPLACE(nb_ior, "bitwise_or")
INPLACE(nb_ixor, "bitwise_xor")
INPLACE(nb_ilshift, "bitwise_left_shift")
INPLACE(nb_irshift, "bitwise_right_shift")
UNARY(nb_neg, "neg")
UNARY(nb_abs, "abs")
UNARY(nb_invert, "bitwise_not")

PyObject* nb_matmul(PyObject* a, PyObject* b) {
  if (!is_tensor(a) || !is_tensor(b)) Py_RETURN_NOTIMPLEMENTED;
  static const OpDef& op = find_op("matmul");
  return binary(op, a, b);
}
// Tensor ** number, tensor ** tensor and number ** tensor are three operators.
PyObject* nb_pow(PyObject* a, PyObject* b, PyObject*) {
  static PyObject* pow = lookup_op("pow");
  Scalar s;
  bool fits = (is_tensor(a) || as_number(a, s)) && (is_tensor(b) || as_number(b, s));
  if (!fits) Py_RETURN_NOTIMPLEMENTED;
  PyObject* args[] = {a, b};
  return PyObject_Vectorcall(pow, args, 2, nullptr);
}
PyObject* nb_ipow(PyObject* a, PyObject* b, PyObject*) {
  static PyObject* pow = lookup_op("Tensor.pow_");
  PyObject* args[] = {a, b};
  return PyObject_Vectorcall(pow, args, 2, nullptr);
}
PyObject* nb_positive(PyObject* a) { return Py_NewRef(a); }

int nb_bool(PyObject* self) {
  return guarded_int([&] {
    const Tensor& t = in(self)->tensor;
    FB_CHECK(t.numel() != 0, "Boolean value of Tensor with no values is ambiguous");
    FB_CHECK(t.numel() == 1, "Boolean value of Tensor with more than one value is ambiguous");
    return static_cast<int>(item(t).to<bool>());
  });
}

Scalar only_element(PyObject* self) {
  const Tensor& t = in(self)->tensor;
  FB_CHECK(t.numel() == 1, "only one element tensors can be converted to Python scalars");
  return item(t);
}

PyObject* nb_int(PyObject* self) {
  return guarded([&]() -> PyObject* {
    Scalar s = only_element(self);
    if (s.is_integral()) return PyLong_FromLongLong(s.to<int64_t>());
    FB_CHECK_TYPE(!s.is_complex(), "can't convert complex to int");
    return PyLong_FromDouble(s.to<double>());  // raises for NaN and infinity
  });
}
PyObject* nb_float(PyObject* self) {
  return guarded([&]() -> PyObject* {
    Scalar s = only_element(self);
    FB_CHECK_TYPE(!s.is_complex() || s.to<complex128>().imag() == 0,
                  "can't convert complex to float");
    return PyFloat_FromDouble(s.to<double>());
  });
}
PyObject* nb_index(PyObject* self) {
  return guarded([&]() -> PyObject* {
    const Tensor& t = in(self)->tensor;
    FB_CHECK_TYPE(is_integral(t.dtype()) && t.numel() == 1,
                  "only integer tensors of a single element can be converted to an index");
    return PyLong_FromLongLong(item(t).to<int64_t>());
  });
}
PyObject* method_complex(PyObject* self, PyObject*) {
  return guarded([&]() -> PyObject* {
    auto c = only_element(self).to<complex128>();
    return PyComplex_FromDoubles(c.real(), c.imag());
  });
}

PyObject* richcompare(PyObject* a, PyObject* b, int op) {
  switch (op) {
    case Py_EQ:
      return compare_eq(a, b);
    case Py_NE:
      return compare_ne(a, b);
    case Py_LT:
      return compare_lt(a, b);
    case Py_LE:
      return compare_le(a, b);
    case Py_GT:
      return compare_gt(a, b);
    default:
      return compare_ge(a, b);
  }
}

Py_ssize_t length(PyObject* self) {
  return guarded_int([&] {
           FB_CHECK_TYPE(in(self)->tensor.dim() > 0, "len() of a 0-d tensor");
           return 0;
         }) < 0
             ? -1
             : in(self)->tensor.sizes()[0];
}

// Iteration goes over the slices that unbind makes in one call.
PyObject* iterate(PyObject* self) {
  return guarded([&]() -> PyObject* {
    FB_CHECK_TYPE(in(self)->tensor.dim() > 0, "iteration over a 0-d tensor");
    PyObject* args[] = {self};
    Object slices = check(PyObject_Vectorcall(lookup_op("Tensor.unbind"), args, 1, nullptr));
    return PyObject_GetIter(slices.get());
  });
}

PyMethodDef kComplexMethod = {"__complex__", method_complex, METH_NOARGS, nullptr};

}  // namespace

PyObject* wrap(Tensor t) {
  if (!t.defined()) Py_RETURN_NONE;
  if (void* known = t.impl()->python) return Py_NewRef(static_cast<PyObject*>(known));
  return new_object(std::move(t));
}

PyObject* wrap_as(PyTypeObject* type, Tensor t) {
  if (type == TensorType) return wrap(std::move(t));
  if (t.impl()->python) t = t.alias();
  PyObject* o = type->tp_alloc(type, 0);
  if (!o) throw PythonError();
  t.impl()->python = o;
  new (&in(o)->tensor) Tensor(std::move(t));
  return o;
}

// Indexing lives in indexing.cpp.
PyObject* tensor_getitem(PyObject* self, PyObject* key);
int tensor_setitem(PyObject* self, PyObject* key, PyObject* value);
// The buffer protocol in interop.cpp.
int tensor_getbuffer(PyObject* self, Py_buffer* view, int flags);
void tensor_releasebuffer(PyObject* self, Py_buffer* view);

void init_tensor(PyObject* module) {
  static PyMemberDef members[] = {
      {"__dictoffset__", T_PYSSIZET, offsetof(PyTensor, dict), READONLY, nullptr},
      {"__weaklistoffset__", T_PYSSIZET, offsetof(PyTensor, weakrefs), READONLY, nullptr},
      {nullptr, 0, 0, 0, nullptr}};
#define SLOT(id, function) {id, reinterpret_cast<void*>(function)}
  PyType_Slot slots[] = {SLOT(Py_tp_new, tensor_new),
                         SLOT(Py_tp_dealloc, tensor_dealloc),
                         SLOT(Py_tp_traverse, tensor_traverse),
                         SLOT(Py_tp_clear, tensor_clear),
                         SLOT(Py_tp_setattro, tensor_setattro),
                         SLOT(Py_tp_getset, kGetters),
                         SLOT(Py_tp_methods, kMethods),
                         SLOT(Py_tp_members, members),
                         SLOT(Py_tp_richcompare, richcompare),
                         SLOT(Py_tp_hash, _Py_HashPointer),
                         SLOT(Py_tp_iter, iterate),
                         SLOT(Py_mp_length, length),
                         SLOT(Py_sq_length, length),
                         SLOT(Py_mp_subscript, tensor_getitem),
                         SLOT(Py_mp_ass_subscript, tensor_setitem),
                         SLOT(Py_bf_getbuffer, tensor_getbuffer),
                         SLOT(Py_bf_releasebuffer, tensor_releasebuffer),
                         SLOT(Py_nb_add, nb_add),
                         SLOT(Py_nb_subtract, nb_sub),
                         SLOT(Py_nb_multiply, nb_mul),
                         SLOT(Py_nb_true_divide, nb_div),
                         SLOT(Py_nb_remainder, nb_mod),
                         SLOT(Py_nb_floor_divide, nb_floordiv),
                         SLOT(Py_nb_power, nb_pow),
                         SLOT(Py_nb_matrix_multiply, nb_matmul),
                         SLOT(Py_nb_and, nb_and),
                         SLOT(Py_nb_or, nb_or),
                         SLOT(Py_nb_xor, nb_xor),
                         SLOT(Py_nb_lshift, nb_lshift),
                         SLOT(Py_nb_rshift, nb_rshift),
                         SLOT(Py_nb_inplace_add, nb_iadd),
                         SLOT(Py_nb_inplace_subtract, nb_isub),
                         SLOT(Py_nb_inplace_multiply, nb_imul),
                         SLOT(Py_nb_inplace_true_divide, nb_idiv),
                         SLOT(Py_nb_inplace_remainder, nb_imod),
                         SLOT(Py_nb_inplace_floor_divide, nb_ifloordiv),
                         SLOT(Py_nb_inplace_power, nb_ipow),
                         SLOT(Py_nb_inplace_and, nb_iand),
                         SLOT(Py_nb_inplace_or, nb_ior),
                         SLOT(Py_nb_inplace_xor, nb_ixor),
                         SLOT(Py_nb_inplace_lshift, nb_ilshift),
                         SLOT(Py_nb_inplace_rshift, nb_irshift),
                         SLOT(Py_nb_negative, nb_neg),
                         SLOT(Py_nb_positive, nb_positive),
                         SLOT(Py_nb_absolute, nb_abs),
                         SLOT(Py_nb_invert, nb_invert),
                         SLOT(Py_nb_bool, nb_bool),
                         SLOT(Py_nb_int, nb_int),
                         SLOT(Py_nb_float, nb_float),
                         SLOT(Py_nb_index, nb_index),
                         {0, nullptr}};
#undef SLOT
  PyType_Spec spec{"flambeau.Tensor", sizeof(PyTensor), 0,
                   Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots};
  TensorType = reinterpret_cast<PyTypeObject*>(check(PyType_FromSpec(&spec)).release());
  auto* type = reinterpret_cast<PyObject*>(TensorType);
  Object as_complex = check(PyDescr_NewMethod(TensorType, &kComplexMethod));
  check(PyObject_SetAttrString(type, "__complex__", as_complex.get()));
  check(PyObject_SetAttrString(module, "Tensor", type));
}

}  // namespace fb::py
