// autograd.Function: nodes whose derivative is Python. flambeau/autograd/function.py is the other
// half.
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>

#include "core/error.h"
#include "ops/creation.h"
#include "ops/view_history.h"
#include "python/autograd.h"
#include "python/caster.h"

namespace fb::py {
namespace {

// What save_for_backward kept; the context and the node both hold it.
struct SavedState {
  std::vector<SavedTensor> tensors;
  Node* owner = nullptr;
  bool released = false;
};

class FunctionNode final : public Node {
 public:
  FunctionNode(PyObject* context, std::string name, std::shared_ptr<SavedState> saved)
      : context_(Object::borrow(context)), name_(std::move(name)), saved_(std::move(saved)) {
    saved_->owner = this;
  }
  ~FunctionNode() override {
    saved_->owner = nullptr;
    AcquireGil gil;
    context_ = Object();
  }
  std::string name() const override { return name_; }
  void release_saved() override {
    saved_->released |= !saved_->tensors.empty();
    saved_->tensors.clear();
  }
  void apply(Tensors& grad_outputs, Tensors& grad_inputs) override {
    AcquireGil gil;
    nb::object context = nb::borrow(context_.get());
    if (nb::cast<bool>(context.attr("_materialize_grads"))) {
      for (size_t i = 0; i < grad_outputs.size(); ++i) {
        const GradShape& shape = outputs[i];
        if (!grad_outputs[i].defined() && shape.dtype != DType::Undefined)
          grad_outputs[i] = zeros(shape.sizes, shape.dtype, shape.device);
      }
    }
    nb::object grads = nb::steal(check(wrap_list(grad_outputs)).release());
    nb::object results = context.attr("_run_backward")(grads);
    size_t i = 0;
    for (nb::handle result : results) grad_inputs.at(i++) = nb::cast<Tensor>(result);
  }

 private:
  Object context_;
  std::string name_;
  std::shared_ptr<SavedState> saved_;
};

bool holds(nb::handle list, const Tensor& t) {
  for (nb::handle item : list)
    if (is_tensor(item.ptr()) && tensor_of(item.ptr()).is(t)) return true;
  return false;
}

// Makes the node of one application and gives the outputs their history. Returns the outputs,
// replaced where an input was returned as it came.
nb::list record_function(nb::object context, const std::string& name, nb::list inputs,
                         nb::list outputs, nb::handle dirty, nb::handle non_differentiable,
                         nb::handle to_save, const std::shared_ptr<SavedState>& saved) {
  auto node = Ref<FunctionNode>(new FunctionNode(context.ptr(), name, saved));
  for (nb::handle input : inputs) node->edges.push_back(gradient_edge(tensor_of(input.ptr())));
  nb::list results;
  for (nb::handle output : outputs) {
    if (!is_tensor(output.ptr())) {
      node->outputs.push_back({{}, DType::Undefined, {}});
      results.append(output);
      continue;
    }
    Tensor t = tensor_of(output.ptr());
    if (!is_differentiable(t.dtype()) || holds(non_differentiable, t)) {
      node->outputs.push_back({Dims(t.sizes()), DType::Undefined, t.device()});
      results.append(output);
      continue;
    }
    if (holds(dirty, t)) {
      check_inplace(t, true);
      rebase_history(t, Ref<Node>(node.get()));
      results.append(output);
      continue;
    }
    bool passed_through = holds(inputs, t) || t.impl()->autograd || t.impl()->base;
    if (passed_through) t = t.alias();
    set_history(t, Ref<Node>(node.get()));
    if (passed_through) {
      results.append(nb::cast(t));
    } else {
      results.append(output);
    }
  }
  for (nb::handle kept : to_save) {
    if (kept.is_none()) {
      saved->tensors.emplace_back();
      continue;
    }
    const Tensor& t = tensor_of(kept.ptr());
    saved->tensors.emplace_back(t, holds(outputs, t) && !holds(inputs, t));
  }
  return results;
}

nb::tuple unpack(const std::shared_ptr<SavedState>& saved) {
  if (saved->released) {
    raise(
        ErrorKind::Runtime,
        "Trying to backward through the graph a second time (or directly access saved tensors after they have already been "
        "freed). Specify retain_graph=True if you need to backward through the graph a second time.");
  }
  nb::list list;
  for (auto& t : saved->tensors)
    list.append(nb::cast(t.defined() && saved->owner ? t.unpack(saved->owner) : Tensor()));
  return nb::tuple(list);
}

}  // namespace

void init_function(PyObject* module) {
  nb::module_ m = nb::borrow<nb::module_>(module);
  nb::class_<SavedState>(m, "_SavedState").def(nb::init<>());
  m.def("_record_function", record_function);
  m.def("_unpack_saved", unpack);
}

}  // namespace fb::py
