// A pointer to an object that counts its own references.
#pragma once
#include <atomic>
#include <cstdint>
#include <utility>

namespace fb {

class Counted {
 public:
  void retain() const { count_.fetch_add(1, std::memory_order_relaxed); }
  // True when the last reference went.
  bool drop() const {
    // The sole owner needs no locked instruction.
    if (count_.load(std::memory_order_acquire) == 1) {
      count_.store(0, std::memory_order_relaxed);
      return true;
    }
    return count_.fetch_sub(1, std::memory_order_acq_rel) == 1;
  }
  // For objects with weak references, where another thread may revive the object meanwhile.
  bool drop_atomically() const { return count_.fetch_sub(1, std::memory_order_acq_rel) == 1; }
  uint32_t use_count() const { return count_.load(std::memory_order_acquire); }
  // For weak references: takes a reference unless the object is already dying.
  bool try_retain() const {
    uint32_t n = count_.load(std::memory_order_acquire);
    while (n != 0) {
      if (count_.compare_exchange_weak(n, n + 1, std::memory_order_acq_rel)) return true;
    }
    return false;
  }

 protected:
  Counted() = default;
  Counted(const Counted&) {}
  ~Counted() = default;

 private:
  mutable std::atomic<uint32_t> count_{0};
};

// T provides retain(), drop() and a static destroy(T*).
template <class T>
class Ref {
 public:
  Ref() = default;
  explicit Ref(T* p) : p_(p) {
    if (p_) p_->retain();
  }
  Ref(const Ref& other) : Ref(other.p_) {}
  Ref(Ref&& other) noexcept : p_(std::exchange(other.p_, nullptr)) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(p_, other.p_);
    return *this;
  }
  ~Ref() {
    if (p_ && p_->drop()) T::destroy(p_);
  }
  // Takes over a reference that the caller holds already.
  static Ref adopt(T* p) {
    Ref r;
    r.p_ = p;
    return r;
  }
  T* release() { return std::exchange(p_, nullptr); }
  T* get() const { return p_; }
  T* operator->() const { return p_; }
  T& operator*() const { return *p_; }
  explicit operator bool() const { return p_ != nullptr; }
  bool operator==(const Ref& other) const { return p_ == other.p_; }

 private:
  T* p_ = nullptr;
};

}  // namespace fb
