// A vector that keeps its first N trivially copyable elements inline.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <span>
#include <type_traits>
#include <utility>

namespace fb {

template <class T, uint32_t N>
class SmallVector {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  SmallVector() = default;
  explicit SmallVector(size_t n, T value = T()) { resize(n, value); }
  SmallVector(std::initializer_list<T> list) { assign(list.begin(), list.size()); }
  SmallVector(std::span<const T> s) { assign(s.data(), s.size()); }
  SmallVector(const SmallVector& o) { assign(o.data(), o.size_); }
  SmallVector(SmallVector&& o) noexcept { steal(o); }
  SmallVector& operator=(const SmallVector& o) {
    if (this != &o) assign(o.data(), o.size_);
    return *this;
  }
  SmallVector& operator=(SmallVector&& o) noexcept {
    if (this != &o) {
      free_heap();
      steal(o);
    }
    return *this;
  }
  ~SmallVector() { free_heap(); }

  T* data() { return heap_ ? heap_ : inline_; }
  const T* data() const { return heap_ ? heap_ : inline_; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T* begin() { return data(); }
  T* end() { return data() + size_; }
  const T* begin() const { return data(); }
  const T* end() const { return data() + size_; }
  T& operator[](size_t i) { return data()[i]; }
  const T& operator[](size_t i) const { return data()[i]; }
  T& back() { return data()[size_ - 1]; }
  const T& back() const { return data()[size_ - 1]; }
  operator std::span<const T>() const { return {data(), size_}; }
  std::span<const T> span() const { return {data(), size_}; }

  void clear() { size_ = 0; }
  void push_back(T value) {
    reserve(size_ + 1);
    data()[size_++] = value;
  }
  void pop_back() { --size_; }
  void resize(size_t n, T value = T()) {
    reserve(n);
    for (size_t i = size_; i < n; ++i) data()[i] = value;
    size_ = static_cast<uint32_t>(n);
  }
  void insert(size_t at, T value) {
    push_back(value);
    std::rotate(begin() + at, end() - 1, end());
  }
  void erase(size_t at) {
    std::copy(begin() + at + 1, end(), begin() + at);
    --size_;
  }
  void assign(const T* p, size_t n) {
    reserve(n);
    if (n) std::memmove(data(), p, n * sizeof(T));  // p may be null where n is 0
    size_ = static_cast<uint32_t>(n);
  }
  void reserve(size_t n) {
    if (n <= capacity_) return;
    uint32_t capacity = std::max<uint32_t>(static_cast<uint32_t>(n), 2 * capacity_);
    T* bigger = new T[capacity];
    std::memcpy(bigger, data(), size_ * sizeof(T));
    free_heap();
    heap_ = bigger;
    capacity_ = capacity;
  }
  bool operator==(const SmallVector& o) const {
    return std::equal(begin(), end(), o.begin(), o.end());
  }

 private:
  void free_heap() {
    delete[] heap_;
    heap_ = nullptr;
  }
  void steal(SmallVector& o) {
    size_ = std::exchange(o.size_, 0);
    capacity_ = std::exchange(o.capacity_, N);
    heap_ = std::exchange(o.heap_, nullptr);
    if (!heap_) std::memcpy(inline_, o.inline_, size_ * sizeof(T));
  }

  uint32_t size_ = 0;
  uint32_t capacity_ = N;
  T* heap_ = nullptr;
  T inline_[N];
};

}  // namespace fb
