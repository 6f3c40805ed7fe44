// One argument of an operator: a tagged 16-byte union that borrows what it points to.
#pragma once
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/tensor_list.h"

namespace fb {

class Generator;

enum class Kind : uint8_t {
  None,
  Tensor,
  Int,
  Float,
  Bool,
  Complex,
  DType,
  Device,
  Format,
  String,
  Ints,
  Floats,
  Tensors,
  Generator
};

struct Value {
  Kind kind = Kind::None;
  uint32_t length = 0;
  union {
    TensorImpl* tensor;
    int64_t i;
    double d;
    bool b;
    const Scalar* complex;
    fb::DType dtype;
    fb::Device device;
    MemoryFormat format;
    const char* text;
    const int64_t* ints;
    const double* floats;
    const fb::Tensor* tensors;
    fb::Generator* generator;
  };

  Value() : i(0) {}
  Value(std::nullopt_t) : Value() {}
  Value(const fb::Tensor& t) : kind(t.defined() ? Kind::Tensor : Kind::None), tensor(t.impl()) {}
  Value(int64_t v) : kind(Kind::Int), i(v) {}
  Value(int v) : Value(static_cast<int64_t>(v)) {}
  Value(double v) : kind(Kind::Float), d(v) {}
  Value(bool v) : kind(Kind::Bool), i(0) { b = v; }
  Value(const Scalar& s) : i(0) {
    switch (s.dtype()) {
      case fb::DType::Bool:
        kind = Kind::Bool;
        b = s.to<bool>();
        break;
      case fb::DType::Int64:
        kind = Kind::Int;
        i = s.to<int64_t>();
        break;
      case fb::DType::Float64:
        kind = Kind::Float;
        d = s.to<double>();
        break;
      default:
        kind = Kind::Complex;
        complex = &s;
    }
  }
  Value(fb::DType t) : kind(Kind::DType), i(0) { dtype = t; }
  Value(fb::Device v) : kind(Kind::Device), i(0) { device = v; }
  Value(MemoryFormat f) : kind(Kind::Format), i(0) { format = f; }
  Value(std::string_view s)
      : kind(Kind::String), length(static_cast<uint32_t>(s.size())), text(s.data()) {}
  Value(const char* s) : Value(std::string_view(s)) {}
  Value(Ints v) : kind(Kind::Ints), length(static_cast<uint32_t>(v.size())), ints(v.data()) {}
  Value(const Dims& v) : Value(v.span()) {}
  Value(std::span<const double> v)
      : kind(Kind::Floats), length(static_cast<uint32_t>(v.size())), floats(v.data()) {}
  Value(std::span<const fb::Tensor> v)
      : kind(Kind::Tensors), length(static_cast<uint32_t>(v.size())), tensors(v.data()) {}
  Value(const Tensors& v) : Value(std::span<const fb::Tensor>(v)) {}
  Value(fb::Generator* g) : kind(g ? Kind::Generator : Kind::None), i(0) { generator = g; }
  template <class T>
  Value(const std::optional<T>& v) : Value() {
    if (v) *this = Value(*v);
  }

  bool none() const { return kind == Kind::None; }
  Scalar scalar() const {
    switch (kind) {
      case Kind::Int:
        return Scalar(i);
      case Kind::Float:
        return Scalar(d);
      case Kind::Bool:
        return Scalar(b);
      case Kind::Complex:
        return *complex;
      default:
        raise(ErrorKind::Internal, "a number was expected in an operator's argument");
    }
  }
};
static_assert(sizeof(Value) == 16);

// Value to the C++ type of a forward function's parameter.
template <class T> struct Unbox;
template <> struct Unbox<fb::Tensor> {
  // A Tensor is a bare pointer, so the union's own storage serves as one without counting
  // references.
  static const Tensor& get(const Value& v) {
    static const Tensor undefined;
    return v.kind == Kind::Tensor ? reinterpret_cast<const Tensor&>(v.tensor) : undefined;
  }
};
template <> struct Unbox<int64_t> {
  static int64_t get(const Value& v) { return v.kind == Kind::Bool ? v.b : v.i; }
};
template <> struct Unbox<double> {
  static double get(const Value& v) { return v.scalar().to<double>(); }
};
template <> struct Unbox<bool> {
  static bool get(const Value& v) { return v.b; }
};
template <> struct Unbox<Scalar> {
  static Scalar get(const Value& v) { return v.scalar(); }
};
template <> struct Unbox<DType> {
  static DType get(const Value& v) { return v.dtype; }
};
template <> struct Unbox<Device> {
  static Device get(const Value& v) { return v.device; }
};
template <> struct Unbox<MemoryFormat> {
  static MemoryFormat get(const Value& v) { return v.format; }
};
template <> struct Unbox<std::string_view> {
  static std::string_view get(const Value& v) { return {v.text, v.length}; }
};
template <> struct Unbox<Ints> {
  static Ints get(const Value& v) { return {v.ints, v.length}; }
};
template <> struct Unbox<std::span<const double>> {
  static std::span<const double> get(const Value& v) { return {v.floats, v.length}; }
};
template <> struct Unbox<std::span<const Tensor>> {
  static std::span<const Tensor> get(const Value& v) { return {v.tensors, v.length}; }
};
template <> struct Unbox<Generator*> {
  static Generator* get(const Value& v) { return v.none() ? nullptr : v.generator; }
};
template <class T> struct Unbox<std::optional<T>> {
  static std::optional<T> get(const Value& v) {
    return v.none() ? std::nullopt : std::optional<T>(Unbox<T>::get(v));
  }
};

}  // namespace fb
