#include "ops/record.h"

#include <cstring>

#include "autograd/engine.h"
#include "ops/creation.h"

namespace fb {
namespace {

size_t padded(size_t bytes) { return (bytes + 15) & ~size_t{15}; }

// Bytes that an argument points to and the node must own.
size_t payload(const Value& v) {
  switch (v.kind) {
    case Kind::Ints:
    case Kind::Floats:
      return padded(v.length * 8);
    case Kind::String:
      return padded(v.length);
    case Kind::Complex:
      return padded(sizeof(Scalar));
    default:
      return 0;
  }
}

Value own(const Value& v, char*& at) {
  Value kept = v;
  switch (v.kind) {
    case Kind::Tensor:
    case Kind::Generator:
      return Value();
    case Kind::Tensors:
      kept.tensors = nullptr;
      return kept;  // the length stays
    case Kind::Ints:
      std::memcpy(at, v.ints, v.length * 8);
      kept.ints = reinterpret_cast<int64_t*>(at);
      break;
    case Kind::Floats:
      std::memcpy(at, v.floats, v.length * 8);
      kept.floats = reinterpret_cast<double*>(at);
      break;
    case Kind::String:
      std::memcpy(at, v.text, v.length);
      kept.text = at;
      break;
    case Kind::Complex:
      kept.complex = new (at) Scalar(*v.complex);
      break;
    default:
      return kept;
  }
  at += payload(v);
  return kept;
}

bool argument_needs_grad(const Value& v) {
  if (v.kind == Kind::Tensor) return requires_grad(v.tensor);
  if (v.kind != Kind::Tensors) return false;
  for (uint32_t j = 0; j < v.length; ++j)
    if (v.tensors[j].defined() && requires_grad(v.tensors[j])) return true;
  return false;
}

}  // namespace

Ref<OpNode> OpNode::create(const Call& call) {
  const OpDef& op = call.op;
  size_t params = op.params.size(), bytes = params * sizeof(Value), saves = 0, edge_count = 0;
  for (size_t i = 0; i < params; ++i) {
    bytes += payload(call.args[i]);
    if (op.params[i].type == Type::Tensor) ++edge_count;
    if (op.params[i].type == Type::TensorList) edge_count += call.args[i].length;
  }
  for (const SaveRule& rule : op.saves) {
    saves += !rule.is_result && op.params[rule.index].type == Type::TensorList
                 ? call.args[rule.index].length
                 : 1;
  }
  size_t extra = padded(saves * sizeof(SavedTensor)) + padded(bytes);
  auto node = Ref<OpNode>(new (extra) OpNode(op));
  char* at = reinterpret_cast<char*>(node.get() + 1);
  node->saved_ = reinterpret_cast<SavedTensor*>(at);
  for (size_t i = 0; i < saves; ++i) new (&node->saved_[i]) SavedTensor();
  node->saved_count_ = static_cast<uint32_t>(saves);
  at += padded(saves * sizeof(SavedTensor));
  node->args_ = reinterpret_cast<Value*>(at);
  at += params * sizeof(Value);
  for (size_t i = 0; i < params; ++i) new (&node->args_[i]) Value(own(call.args[i], at));

  node->edges.reserve(edge_count);
  auto add_edge = [&](TensorImpl* t) {
    if (!t || !requires_grad(t)) {
      node->edges.emplace_back();
      return;
    }
    node->edges.push_back(gradient_edge(Tensor(Ref<TensorImpl>(t))));
  };
  for (size_t i = 0; i < params; ++i) {
    const Value& v = call.args[i];
    if (op.params[i].type == Type::Tensor) {
      add_edge(v.kind == Kind::Tensor ? v.tensor : nullptr);
    } else if (op.params[i].type == Type::TensorList) {
      for (uint32_t j = 0; j < v.length; ++j) add_edge(v.tensors[j].impl());
    }
  }
  node->renumber();

  size_t next = 0;
  for (const SaveRule& rule : op.saves) {
    bool wanted = rule.for_input < 0 || argument_needs_grad(call.args[rule.for_input]);
    if (rule.is_result) {
      ++next;
    } else if (op.params[rule.index].type == Type::TensorList) {
      const Value& v = call.args[rule.index];
      for (uint32_t j = 0; j < v.length; ++j, ++next)
        if (wanted && v.tensors[j].defined()) node->saved_[next] = SavedTensor(v.tensors[j], false);
    } else {
      const Value& v = call.args[rule.index];
      if (wanted && v.kind == Kind::Tensor) {
        Tensor t{Ref<TensorImpl>(v.tensor)};
        // What is about to be written over is kept as it was.
        const bool overwritten = call.form == Form::InPlace && rule.index == 0;
        node->saved_[next] = SavedTensor(overwritten ? engine_ops.clone(t) : t, false);
      }
      ++next;
    }
  }
  return node;
}

void OpNode::save_results(const Call& call) {
  size_t next = 0;
  for (const SaveRule& rule : op_.saves) {
    if (!rule.is_result) {
      next += op_.params[rule.index].type == Type::TensorList ? call.args[rule.index].length : 1;
      continue;
    }
    bool wanted = rule.for_input < 0 || argument_needs_grad(call.args[rule.for_input]) ||
                  needs(edge_of(rule.for_input));
    const Tensor& result = call.results[rule.index];
    if (wanted && result.defined()) saved_[next] = SavedTensor(result, true);
    ++next;
  }
}

void OpNode::release_saved() {
  for (uint32_t i = 0; i < saved_count_; ++i) saved_[i].reset();
  released_ = saved_count_ > 0;
}

OpNode::~OpNode() {
  for (uint32_t i = 0; i < saved_count_; ++i) saved_[i].~SavedTensor();
}

size_t OpNode::edge_of(int param) const {
  size_t edge = 0;
  for (int i = 0; i < param; ++i) {
    if (op_.params[i].type == Type::Tensor) ++edge;
    if (op_.params[i].type == Type::TensorList) edge += args_[i].length;
  }
  return edge;
}

Tensor OpNode::saved(int index, bool is_result, size_t j) {
  if (released_) raise_freed_graph(*this);
  size_t next = 0;
  for (const SaveRule& rule : op_.saves) {
    bool list = !rule.is_result && op_.params[rule.index].type == Type::TensorList;
    if (rule.index == index && rule.is_result == is_result && saved_[next + j].defined())
      return saved_[next + j].unpack(this);
    next += list ? args_[rule.index].length : 1;
  }
  return {};
}

void OpNode::apply(Tensors& grad_outputs, Tensors& grad_inputs) {
  FB_CHECK_KIND(NotImplemented, op_.vjp.kind == Vjp::Kind::Function, "derivative for ",
                op_.full_name, " is not implemented: ", op_.vjp.reason);
  if (released_) raise_freed_graph(*this);
  if (grad_outputs.size() == 1 && !grad_outputs[0].defined()) return;
  Grad grad(*this, grad_outputs, grad_inputs);
  op_.vjp.function(grad);
}

// --- Grad ----------------------------------------------------------------------------------------

namespace {
int index_of(const OpDef& op, std::string_view name) {
  int index = op.param(name);
  if (index < 0)
    raise(ErrorKind::Internal, op.full_name, ": its derivative asks for '", name,
          "', which is no parameter");
  return index;
}
}  // namespace

const OpDef& Grad::op() const { return node_.op(); }
size_t Grad::slot(std::string_view arg, size_t j) const {
  return node_.edge_of(index_of(node_.op(), arg)) + j;
}
bool Grad::needs(std::string_view arg, size_t j) const { return node_.needs(slot(arg, j)); }
Tensor Grad::in(std::string_view arg, size_t j) const {
  return node_.saved(index_of(node_.op(), arg), false, j);
}
Tensor Grad::out(size_t i) const { return node_.saved(static_cast<int>(i), true, 0); }
size_t Grad::count(std::string_view arg) const {
  return node_.arg(index_of(node_.op(), arg)).length;
}
const Value& Grad::value(std::string_view name) const {
  return node_.arg(index_of(node_.op(), name));
}
Ints Grad::out_sizes(size_t i) const { return node_.outputs[i].sizes; }

const GradShape& Grad::shape(std::string_view arg, size_t j) const {
  const Edge& edge = node_.edges[slot(arg, j)];
  FB_ASSERT(edge.node);
  return edge.node->outputs[edge.slot];
}

Tensor Grad::dout_or_zeros(size_t i) const {
  if (douts_[i].defined()) return douts_[i];
  const GradShape& shape = node_.outputs[i];
  return zeros(shape.sizes, shape.dtype, shape.device);
}

void Grad::set(std::string_view arg, size_t j, Tensor gradient) {
  dins_[slot(arg, j)] = std::move(gradient);
}

}  // namespace fb
