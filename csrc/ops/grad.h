// What a derivative sees of the call it belongs to.
#pragma once
#include "ops/op.h"

namespace fb {

class OpNode;

class Grad {
 public:
  Grad(OpNode& node, Tensors& douts, Tensors& dins) : node_(node), douts_(douts), dins_(dins) {}

  // Whether anybody asks for the gradient of this argument (of the j-th tensor of a list).
  bool needs(std::string_view arg, size_t j = 0) const;
  // An argument or result that `.save` names; undefined where None was passed or the save rule left
  // it out.
  Tensor in(std::string_view arg, size_t j = 0) const;
  Tensor out(size_t i = 0) const;
  // Gradient of the i-th result; undefined where nothing flowed back (only with several results).
  const Tensor& dout(size_t i = 0) const { return douts_[i]; }
  Tensor dout_or_zeros(size_t i) const;
  size_t dout_count() const { return douts_.size(); }
  // Length of a Tensor[] argument.
  size_t count(std::string_view arg) const;
  // Shape and type of a tensor argument that needs a gradient.
  Ints sizes(std::string_view arg, size_t j = 0) const { return shape(arg, j).sizes; }
  DType dtype(std::string_view arg, size_t j = 0) const { return shape(arg, j).dtype; }
  const GradShape& shape(std::string_view arg, size_t j = 0) const;
  // Sizes of a result.
  Ints out_sizes(size_t i = 0) const;
  const OpDef& op() const;
  // Any other argument.
  const Value& value(std::string_view name) const;
  template <class T>
  T arg(std::string_view name) const {
    return Unbox<T>::get(value(name));
  }

  // A gradient that is larger by broadcasting, or of another dtype, is fitted to its tensor
  // afterwards.
  void set(std::string_view arg, Tensor gradient) { set(arg, 0, std::move(gradient)); }
  void set(std::string_view arg, size_t j, Tensor gradient);

 private:
  size_t slot(std::string_view arg, size_t j) const;
  OpNode& node_;
  Tensors& douts_;
  Tensors& dins_;
};

}  // namespace fb
