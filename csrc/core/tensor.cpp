#include "core/tensor.h"

#include <algorithm>

#include "core/allocator.h"
#include "core/error.h"

namespace fb {

void* TensorImpl::operator new(size_t n) { return cpu_allocate(n); }
void TensorImpl::operator delete(void* p, size_t n) { cpu_release(p, n); }
void TensorImpl::destroy(TensorImpl* t) { delete t; }

void TensorImpl::set_geometry(Ints new_sizes, Ints new_strides) {
  sizes.assign(new_sizes.data(), new_sizes.size());
  strides.assign(new_strides.data(), new_strides.size());
  numel = count_elements(new_sizes);
  contiguous = fb::is_contiguous(new_sizes, new_strides);
}

bool Tensor::is_contiguous(MemoryFormat format) const {
  switch (format) {
    case MemoryFormat::Contiguous:
      return p_->contiguous;
    case MemoryFormat::ChannelsLast:
    case MemoryFormat::ChannelsLast3d: {
      size_t ndim = format == MemoryFormat::ChannelsLast ? 4 : 5;
      if (p_->sizes.size() != ndim) return false;
      Dims wanted = strides_for(p_->sizes, format);
      for (size_t i = 0; i < ndim; ++i)
        if (p_->sizes[i] != 1 && p_->strides[i] != wanted[i]) return p_->numel == 0;
      return true;
    }
    case MemoryFormat::Preserve:
      return is_dense(p_->sizes, p_->strides);
  }
  return false;
}

Tensor Tensor::alias(Ints sizes, Ints strides, int64_t offset) const {
  auto* t = new TensorImpl;
  t->storage = p_->storage;
  t->dtype = p_->dtype;
  t->offset = offset;
  t->untracked = p_->untracked;
  t->inference = p_->inference;
  t->set_geometry(sizes, strides);
  return Tensor(Ref<TensorImpl>(t));
}

Tensor from_storage(Ref<Storage> storage, Ints sizes, Ints strides, int64_t offset, DType dtype) {
  auto* t = new TensorImpl;
  Tensor result{Ref<TensorImpl>(t)};
  t->storage = std::move(storage);
  t->dtype = dtype;
  t->offset = offset;
  t->set_geometry(sizes, strides);
  return result;
}

namespace {

// Strides and count are known to be right: the hot path of every operator.
Tensor allocate(Ints sizes, const Dims& strides, int64_t numel, int64_t extent, bool contiguous,
                DType dtype, Device device) {
  auto* t = new TensorImpl;
  Tensor result{Ref<TensorImpl>(t)};
  t->sizes.assign(sizes.data(), sizes.size());
  t->strides = strides;
  t->numel = numel;
  t->contiguous = contiguous;
  t->dtype = dtype;
  t->storage = Storage::allocate(static_cast<size_t>(extent * item_size(dtype)), device);
  return result;
}

}  // namespace

Tensor empty(Ints sizes, DType dtype, Device device, MemoryFormat format) {
  int64_t numel = count_elements(sizes);
  Dims strides = strides_for(sizes, format);
  bool contiguous = format == MemoryFormat::Contiguous || is_contiguous(sizes, strides);
  return allocate(sizes, strides, numel, numel, contiguous, dtype, device);
}

Tensor empty_strided(Ints sizes, Ints strides, DType dtype, Device device) {
  FB_CHECK(sizes.size() == strides.size(), "empty_strided: sizes ", shape_text(sizes),
           " and strides ", shape_text(strides), " must have the same length");
  for (int64_t s : strides)
    FB_CHECK(s >= 0, "empty_strided: strides must not be negative, but got ", shape_text(strides));
  int64_t numel = count_elements(sizes);
  return allocate(sizes, Dims(strides), numel, storage_extent(sizes, strides),
                  is_contiguous(sizes, strides), dtype, device);
}

Tensor empty_like(const Tensor& like, DType dtype) {
  if (like.is_contiguous()) {
    return allocate(like.sizes(), contiguous_strides(like.sizes()), like.numel(), like.numel(),
                    true, dtype, like.device());
  }
  if (is_dense(like.sizes(), like.strides()))
    return empty_strided(like.sizes(), like.strides(), dtype, like.device());
  // Not dense (expanded, strided): dense strides in the same order of dimensions.
  int64_t ndim = like.dim();
  SmallVector<int64_t, 8> order;
  for (int64_t d = ndim; d-- > 0;) order.push_back(d);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return like.strides()[a] != 0 && like.strides()[b] != 0 &&
           like.strides()[a] < like.strides()[b];
  });
  Dims strides(static_cast<size_t>(ndim));
  int64_t step = 1;
  for (int64_t d : order) {
    strides[d] = step;
    step *= std::max<int64_t>(like.sizes()[d], 1);
  }
  return empty_strided(like.sizes(), strides, dtype, like.device());
}

Tensor empty_like(const Tensor& like) { return empty_like(like, like.dtype()); }

Tensor scalar_tensor(const Scalar& value, DType dtype) {
  Tensor t = empty({}, dtype);
  FB_DISPATCH(dtype, FB_ALL, "scalar_tensor", *t.data<scalar_t>() = value.to<scalar_t>());
  return t;
}

Tensor wrapped_number(const Scalar& value) {
  DType dtype = value.dtype();
  if (dtype == DType::Float64 && default_dtype() == DType::Float64) dtype = DType::Float64;
  Tensor t = scalar_tensor(value, dtype);
  t.impl()->wrapped_number = true;
  return t;
}

Scalar read_element(const void* p, DType dtype) {
  switch (dtype) {
    case DType::Bool:
      return Scalar(*static_cast<const bool*>(p));
    case DType::Complex64:
      return Scalar(complex128(*static_cast<const complex64*>(p)));
    case DType::Complex128:
      return Scalar(*static_cast<const complex128*>(p));
    case DType::Float16:
      return Scalar(static_cast<float>(*static_cast<const Half*>(p)));
    case DType::BFloat16:
      return Scalar(static_cast<float>(*static_cast<const BFloat16*>(p)));
    case DType::Float32:
      return Scalar(*static_cast<const float*>(p));
    case DType::Float64:
      return Scalar(*static_cast<const double*>(p));
    default:
      break;
  }
  FB_DISPATCH(dtype, FB_INTEGERS, "item",
              return Scalar(static_cast<int64_t>(*static_cast<const scalar_t*>(p))));
  return Scalar();
}

Scalar item(const Tensor& t) {
  FB_CHECK(t.numel() == 1, "a Tensor with ", t.numel(), " elements cannot be converted to Scalar");
  FB_CHECK(!t.is_meta(), "Tensor.item() cannot be called on meta tensors");
  return read_element(t.raw(), t.dtype());
}

void resize(const Tensor& t, Ints sizes) {
  if (same_shape(t.sizes(), sizes)) return;
  Dims strides = contiguous_strides(sizes);
  int64_t numel = count_elements(sizes);
  size_t needed = static_cast<size_t>((numel + (numel ? t.offset() : 0)) * t.item_size());
  if (needed > t.storage()->nbytes()) t.storage()->resize(needed);
  t.impl()->set_geometry(sizes, strides);
}

}  // namespace fb
