// The tensor: a strided view of a storage. Tensor is a handle that counts references to a
// TensorImpl.
#pragma once
#include <memory>

#include "core/dtype.h"
#include "core/scalar.h"
#include "core/shape.h"
#include "core/storage.h"

namespace fb {

class Tensor;

// What autograd keeps with a tensor; defined in autograd/, core only owns it.
struct AutogradState {
  virtual ~AutogradState() = default;
};

struct TensorImpl : Counted {
  Ref<Storage> storage;
  Dims sizes, strides;
  int64_t offset = 0;  // in elements
  int64_t numel = 0;
  DType dtype = DType::Float32;
  bool contiguous = true;
  bool wrapped_number = false;  // came from a Python number: promotes weakly
  bool untracked = false;       // `.data`: in-place changes don't bump the version
  bool inference = false;       // made in inference mode
  bool no_grad_view = false;    // a view made while gradients were off
  uint32_t view_version = 0;    // storage version when the view's history was last right
  Ref<TensorImpl> base;         // what a view is a view of (never a view itself)
  std::unique_ptr<AutogradState> autograd;
  void* python = nullptr;  // the Python object that shows this tensor, if there is one (not owned)

  void set_geometry(Ints new_sizes, Ints new_strides);
  static void destroy(TensorImpl* t);
  static void* operator new(size_t n);
  static void operator delete(void* p, size_t n);
};

class Tensor {
 public:
  Tensor() = default;
  explicit Tensor(Ref<TensorImpl> p) : p_(std::move(p)) {}
  bool defined() const { return static_cast<bool>(p_); }
  TensorImpl* impl() const { return p_.get(); }
  const Ref<TensorImpl>& ref() const { return p_; }
  Ref<TensorImpl>& ref() { return p_; }
  bool is(const Tensor& other) const { return p_ == other.p_; }

  Ints sizes() const { return p_->sizes; }
  Ints strides() const { return p_->strides; }
  int64_t dim() const { return static_cast<int64_t>(p_->sizes.size()); }
  int64_t size(int64_t d) const { return p_->sizes[wrap_dim(d, dim())]; }
  int64_t stride(int64_t d) const { return p_->strides[wrap_dim(d, dim())]; }
  int64_t numel() const { return p_->numel; }
  int64_t offset() const { return p_->offset; }
  DType dtype() const { return p_->dtype; }
  int64_t item_size() const { return fb::item_size(p_->dtype); }
  Device device() const { return p_->storage->device(); }
  bool is_meta() const { return device().type == DeviceType::Meta; }
  bool is_contiguous() const { return p_->contiguous; }
  bool is_contiguous(MemoryFormat format) const;
  const Ref<Storage>& storage() const { return p_->storage; }

  // The first element; null for meta and empty tensors.
  void* raw() const {
    auto* bytes = static_cast<char*>(p_->storage->data());
    return bytes ? bytes + p_->offset * item_size() : nullptr;
  }
  template <class T>
  T* data() const {
    return static_cast<T*>(raw());
  }

  uint32_t version() const { return p_->storage->version(); }
  void bump_version() const {
    if (!p_->untracked) p_->storage->bump_version();
  }
  // The same elements seen through other sizes and strides: no history, no base, no checks.
  Tensor alias(Ints sizes, Ints strides, int64_t offset) const;
  Tensor alias() const { return alias(sizes(), strides(), offset()); }

 private:
  Ref<TensorImpl> p_;
};
static_assert(sizeof(Tensor) == sizeof(void*), "boxed values point at tensors as bare pointers");

// Uninitialised memory.
Tensor empty(Ints sizes, DType dtype, Device device = {},
             MemoryFormat format = MemoryFormat::Contiguous);
Tensor empty_strided(Ints sizes, Ints strides, DType dtype, Device device = {});
// Same dtype, device and, where the elements are dense, strides order as `like`
// (torch.preserve_format).
Tensor empty_like(const Tensor& like);
Tensor empty_like(const Tensor& like, DType dtype);
// A 0-d tensor that promotes as a Python number does.
Tensor wrapped_number(const Scalar& value);
// A 0-d tensor of the given type on the CPU.
Tensor scalar_tensor(const Scalar& value, DType dtype);
Tensor from_storage(Ref<Storage> storage, Ints sizes, Ints strides, int64_t offset, DType dtype);
// One element in CPU memory.
Scalar read_element(const void* p, DType dtype);
// Reads the only element of a CPU tensor.
Scalar item(const Tensor& t);

// Changes the size in place; grows the storage where it must. Content beyond the old elements is
// not initialised.
void resize(const Tensor& t, Ints sizes);

}  // namespace fb
