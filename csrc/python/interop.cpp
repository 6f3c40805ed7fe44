// Memory shared with other libraries: the buffer protocol (NumPy both ways) and DLPack.
#include <cstring>
#include <limits>

#include "autograd/variable.h"
#include "ops/op.h"
#include "python/caster.h"
#include "python/dlpack.h"

namespace fb::py {
namespace {

// struct-module codes; NumPy writes complex as Zf and Zd.
const char* buffer_format(DType t) {
  switch (t) {
    case DType::UInt8:
      return "B";
    case DType::Int8:
      return "b";
    case DType::Int16:
      return "h";
    case DType::Int32:
      return "i";
    case DType::Int64:
      return "l";
    case DType::Float16:
      return "e";
    case DType::Float32:
      return "f";
    case DType::Float64:
      return "d";
    case DType::Complex64:
      return "Zf";
    case DType::Complex128:
      return "Zd";
    case DType::Bool:
      return "?";
    default:
      return nullptr;
  }
}

DType dtype_of_format(std::string_view format, Py_ssize_t itemsize) {
  if (format.starts_with('@') || format.starts_with('=') || format.starts_with('<'))
    format.remove_prefix(1);
  if (format == "Zf") return DType::Complex64;
  if (format == "Zd") return DType::Complex128;
  if (format.size() != 1) return DType::Undefined;
  switch (format[0]) {
    case '?':
      return DType::Bool;
    case 'e':
      return DType::Float16;
    case 'f':
      return DType::Float32;
    case 'd':
      return DType::Float64;
    case 'B':
      return DType::UInt8;
    case 'b':
    case 'h':
    case 'i':
    case 'l':
    case 'q':
      return itemsize == 1   ? DType::Int8
             : itemsize == 2 ? DType::Int16
             : itemsize == 4 ? DType::Int32
                             : DType::Int64;
    default:
      return DType::Undefined;
  }
}

void free_buffer(void* context) {
  if (!Py_IsInitialized()) return;
  AcquireGil gil;
  auto* view = static_cast<Py_buffer*>(context);
  PyBuffer_Release(view);
  delete view;
}

// Any object with a strided buffer becomes a tensor over the same memory.
Tensor from_strided_buffer(PyObject* source) {
  auto view = std::make_unique<Py_buffer>();
  if (PyObject_GetBuffer(source, view.get(), PyBUF_STRIDED | PyBUF_FORMAT | PyBUF_WRITABLE) < 0) {
    PyErr_Clear();
    check(PyObject_GetBuffer(source, view.get(), PyBUF_STRIDED_RO | PyBUF_FORMAT));
  }
  struct Release {
    Py_buffer* view;
    ~Release() {
      if (view) PyBuffer_Release(view);
    }
  } release{view.get()};
  DType dtype = dtype_of_format(view->format ? view->format : "B", view->itemsize);
  FB_CHECK_TYPE(
      dtype != DType::Undefined && (!view->format || view->format[0] != '>'),
      "can't convert an array of format '", view->format,
      "'. The only supported types are: float64, float32, float16, complex64, complex128, int64, int32, int16, int8, uint8, and bool.");
  Dims sizes, strides;
  for (int d = 0; d < view->ndim; ++d) {
    int64_t step = view->strides[d];
    FB_CHECK_VALUE(
        step >= 0 || view->shape[d] <= 1,
        "At least one stride in the given numpy array is negative, and tensors with negative strides "
        "are not currently supported. (You can probably work around this by making a copy of your array with array.copy().) ");
    FB_CHECK_VALUE(
        step % view->itemsize == 0,
        "given numpy array strides not a multiple of the element byte size. Copy the numpy array to "
        "reallocate the memory.");
    sizes.push_back(view->shape[d]);
    strides.push_back(step < 0 ? 0 : step / view->itemsize);
  }
  auto nbytes = static_cast<size_t>(storage_extent(sizes, strides) * view->itemsize);
  release.view = nullptr;
  auto* kept = view.release();
  return from_storage(Storage::borrow(kept->buf, nbytes, Device{}, free_buffer, kept), sizes,
                      strides, 0, dtype);
}

Tensor from_buffer(nb::object source, DType dtype, int64_t count, int64_t offset) {
  auto view = std::make_unique<Py_buffer>();
  if (PyObject_GetBuffer(source.ptr(), view.get(), PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS) < 0) {
    PyErr_Clear();
    if (PyObject_GetBuffer(source.ptr(), view.get(), PyBUF_C_CONTIGUOUS) < 0) {
      PyErr_Clear();
      raise(ErrorKind::Value, "object does not implement Python buffer protocol.");
    }
  }
  struct Release {
    Py_buffer* view;
    ~Release() {
      if (view) PyBuffer_Release(view);
    }
  } release{view.get()};
  int64_t item = item_size(dtype), length = view->len;
  FB_CHECK_VALUE(length > 0 && count != 0, "both buffer length (", length, ") and count (", count,
                 ") must not be 0");
  FB_CHECK_VALUE(offset >= 0 && offset < length, "offset (", offset,
                 " bytes) must be non-negative and no greater than buffer length (", length,
                 " bytes) minus 1");
  FB_CHECK_VALUE(count > 0 || (length - offset) % item == 0, "buffer length (", length - offset,
                 " bytes) after offset (", offset, " bytes) must be a multiple of element size (",
                 item, ")");
  if (count < 0) count = (length - offset) / item;
  FB_CHECK_VALUE(count <= (length - offset) / item, "requested buffer length (", count, " * ", item,
                 " bytes) after offset (", offset,
                 " bytes) must not be greater than actual buffer length (", length, " bytes)");
  release.view = nullptr;
  auto* kept = view.release();
  char* start = static_cast<char*>(kept->buf) + offset;
  Dims sizes{count};
  return from_storage(
      Storage::borrow(start, static_cast<size_t>(count * item), Device{}, free_buffer, kept), sizes,
      Dims{1}, 0, dtype);
}

// --- DLPack --------------------------------------------------------------------------------------

struct Exported {
  DLManagedTensor managed;
  Tensor tensor;
  Dims sizes, strides;
};

DLDataType dl_type(DType t) {
  auto bits = static_cast<uint8_t>(item_size(t) * 8);
  if (t == DType::Bool) return {kDLBool, 8, 1};
  if (t == DType::BFloat16) return {kDLBfloat, 16, 1};
  if (is_complex(t)) return {kDLComplex, bits, 1};
  if (is_floating(t)) return {kDLFloat, bits, 1};
  return {static_cast<uint8_t>(t == DType::UInt8 ? kDLUInt : kDLInt), bits, 1};
}

DType dtype_of_dl(DLDataType t) {
  for (int i = 0; i < kDTypes; ++i) {
    DLDataType known = dl_type(static_cast<DType>(i));
    if (t.lanes == 1 && known.code == t.code && known.bits == t.bits) return static_cast<DType>(i);
  }
  raise(ErrorKind::Buffer, "from_dlpack: unsupported element type (code ", int{t.code}, ", ",
        int{t.bits}, " bits, ", t.lanes, " lanes)");
}

void destroy_capsule(PyObject* capsule) {
  if (!PyCapsule_IsValid(capsule, "dltensor")) return;  // consumed
  auto* managed = static_cast<DLManagedTensor*>(PyCapsule_GetPointer(capsule, "dltensor"));
  managed->deleter(managed);
}

nb::object to_dlpack(const Tensor& t) {
  FB_CHECK_KIND(Buffer, !requires_grad(t),
                "Can't export tensors that require gradient, use tensor.detach()");
  FB_CHECK_KIND(Buffer, t.device().type == DeviceType::CPU, "Can't export a tensor on the device ",
                t.device());
  auto* exported = new Exported{{}, t, Dims(t.sizes()), Dims(t.strides())};
  exported->managed.dl_tensor = {t.raw(),
                                 {kDLCPU, 0},
                                 static_cast<int32_t>(t.dim()),
                                 dl_type(t.dtype()),
                                 exported->sizes.data(),
                                 exported->strides.data(),
                                 0};
  exported->managed.manager_ctx = exported;
  exported->managed.deleter = [](DLManagedTensor* m) {
    delete static_cast<Exported*>(m->manager_ctx);
  };
  return nb::steal(check(PyCapsule_New(&exported->managed, "dltensor", destroy_capsule)).release());
}

void free_dlpack(void* context) {
  auto* managed = static_cast<DLManagedTensor*>(context);
  if (!managed->deleter || !Py_IsInitialized()) return;
  AcquireGil gil;
  managed->deleter(managed);
}

Tensor from_dlpack_capsule(nb::object capsule) {
  FB_CHECK_VALUE(
      PyCapsule_IsValid(capsule.ptr(), "dltensor"),
      "from_dlpack received an invalid capsule. Note that DLTensor capsules can be consumed "
      "only once, so you might have already constructed a tensor from it once.");
  auto* managed = static_cast<DLManagedTensor*>(PyCapsule_GetPointer(capsule.ptr(), "dltensor"));
  const DLTensor& d = managed->dl_tensor;
  FB_CHECK_KIND(Buffer, d.device.device_type == kDLCPU, "from_dlpack: unsupported device type ",
                static_cast<int>(d.device.device_type));
  DType dtype = dtype_of_dl(d.dtype);
  Dims sizes(Ints(d.shape, static_cast<size_t>(d.ndim)));
  Dims strides =
      d.strides ? Dims(Ints(d.strides, static_cast<size_t>(d.ndim))) : contiguous_strides(sizes);
  for (int64_t s : strides)
    FB_CHECK_KIND(Buffer, s >= 0,
                  "from_dlpack: negative strides are not supported; copy the array first");
  auto nbytes = static_cast<size_t>(storage_extent(sizes, strides) * item_size(dtype));
  PyCapsule_SetName(capsule.ptr(), "used_dltensor");
  return from_storage(Storage::borrow(static_cast<char*>(d.data) + d.byte_offset, nbytes, Device{},
                                      free_dlpack, managed),
                      sizes, strides, 0, dtype);
}

// --- tolist --------------------------------------------------------------------------------------

PyObject* element(const char* p, DType dtype) {
  switch (dtype) {
    case DType::Bool:
      return PyBool_FromLong(*reinterpret_cast<const bool*>(p));
    case DType::Float32:
      return PyFloat_FromDouble(*reinterpret_cast<const float*>(p));
    case DType::Float64:
      return PyFloat_FromDouble(*reinterpret_cast<const double*>(p));
    case DType::Int64:
      return PyLong_FromLongLong(*reinterpret_cast<const int64_t*>(p));
    default:
      return wrap(read_element(p, dtype));
  }
}

PyObject* list_from(const char* p, Ints sizes, Ints strides, DType dtype) {
  if (sizes.empty()) return element(p, dtype);
  Object list = check(PyList_New(sizes[0]));
  int64_t step = strides[0] * item_size(dtype);
  for (int64_t i = 0; i < sizes[0]; ++i)
    PyList_SET_ITEM(
        list.get(), i,
        check(list_from(p + i * step, sizes.subspan(1), strides.subspan(1), dtype)).release());
  return list.release();
}

nb::object to_list(const Tensor& t) {
  FB_CHECK(!t.is_meta(), "Cannot copy out of meta tensor; no data!");
  return nb::steal(
      check(list_from(static_cast<const char*>(t.raw()), t.sizes(), t.strides(), t.dtype()))
          .release());
}

// What an exported buffer points to.
struct Geometry {
  std::vector<Py_ssize_t> shape, strides;
};

}  // namespace

int tensor_getbuffer(PyObject* self, Py_buffer* view, int flags) {
  return guarded_int([&] {
    const Tensor& t = tensor_of(self);
    const char* format = buffer_format(t.dtype());
    FB_CHECK_KIND(
        Buffer, !requires_grad(t),
        "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.");
    FB_CHECK_KIND(Buffer, t.device().type == DeviceType::CPU, "can't convert ", t.device(),
                  " device type tensor to a buffer");
    FB_CHECK_KIND(Buffer, format, "Got unsupported ScalarType ", t.dtype());
    FB_CHECK_KIND(Buffer, t.is_contiguous() || (flags & PyBUF_STRIDES) == PyBUF_STRIDES,
                  "the tensor is not contiguous and the consumer wants it to be");
    auto* geometry = new Geometry;
    for (int64_t s : t.sizes()) geometry->shape.push_back(s);
    for (int64_t s : t.strides()) geometry->strides.push_back(s * t.item_size());
    view->obj = Py_NewRef(self);
    static char nothing[16];
    view->buf = t.raw() ? t.raw() : nothing;
    view->len = t.numel() * t.item_size();
    view->itemsize = t.item_size();
    view->readonly = 0;
    view->ndim = static_cast<int>(t.dim());
    view->format = const_cast<char*>(format);
    view->shape = geometry->shape.data();
    view->strides = geometry->strides.data();
    view->suboffsets = nullptr;
    view->internal = geometry;
    if (!(flags & PyBUF_FORMAT)) view->format = nullptr;
    return 0;
  });
}

void tensor_releasebuffer(PyObject*, Py_buffer* view) {
  delete static_cast<Geometry*>(view->internal);
}

void init_from_data(nb::module_& m);

void init_interop(PyObject* module) {
  nb::module_ m = nb::borrow<nb::module_>(module);
  m.def("_from_strided_buffer", [](nb::object o) { return from_strided_buffer(o.ptr()); });
  m.def("_from_buffer", from_buffer);
  m.def("_to_dlpack", to_dlpack);
  m.def("_from_dlpack", from_dlpack_capsule);
  m.def("_tolist", to_list);
  init_from_data(m);
}

}  // namespace fb::py
