// Modes and operators written in Python.
#include <nanobind/stl/string.h>

#include <map>

#include "ops/grad.h"
#include "ops/mode.h"
#include "python/call.h"
#include "python/caster.h"

namespace fb::py {
namespace {

Object arguments_of(const OpDef& op, const Value* values, size_t n) {
  Object args = check(PyTuple_New(static_cast<Py_ssize_t>(n)));
  for (size_t i = 0; i < n; ++i)
    PyTuple_SET_ITEM(args.get(), static_cast<Py_ssize_t>(i),
                     check(wrap_value(values[i], op.params[i])).release());
  return args;
}

Tensor tensor_result(const OpDef& op, PyObject* o) {
  if (o == Py_None) return {};
  FB_CHECK_TYPE(is_tensor(o), op.full_name, ": a Tensor was expected as result, but got ",
                Py_TYPE(o)->tp_name);
  return tensor_of(o);
}

// What a Python implementation returned becomes the call's results.
void take_results(Call& c, PyObject* result) {
  switch (c.op.returns) {
    case OpDef::Returns::Nothing:
      break;
    case OpDef::Returns::Tensor:
      c.push(tensor_result(c.op, result));
      break;
    case OpDef::Returns::Scalar:
      FB_CHECK_TYPE(as_number(result, c.scalar), c.op.full_name,
                    ": a number was expected as result, but got ", Py_TYPE(result)->tp_name);
      break;
    default: {
      Object fast =
          check(PySequence_Fast(result, "an operator with several results must return a tuple"));
      Py_ssize_t n = PySequence_Fast_GET_SIZE(fast.get());
      bool list = c.op.returns == OpDef::Returns::List;
      FB_CHECK_TYPE(list || static_cast<size_t>(n) == c.op.result_names.size(), c.op.full_name,
                    ": ", c.op.result_names.size(), " results were expected, but got ", n);
      for (Py_ssize_t i = 0; i < n; ++i) {
        Tensor t = tensor_result(c.op, PySequence_Fast_GET_ITEM(fast.get(), i));
        if (list) {
          c.list.push_back(std::move(t));
        } else {
          c.push(std::move(t));
        }
      }
    }
  }
}

// --- modes ---------------------------------------------------------------------------------------

// The callable that a mode gets for one schema in one form.
PyObject* op_object(const OpDef& op, Form form) {
  static auto* cache = new std::map<std::pair<const OpDef*, bool>, PyObject*>;
  PyObject*& slot = (*cache)[{&op, form == Form::InPlace}];
  if (!slot) slot = make_single_op(op, form == Form::InPlace);
  return slot;
}

class PythonMode : public Mode {
 public:
  explicit PythonMode(PyObject* handler) : handler_(Object::borrow(handler)) {}
  void handle(Call& c) override {
    AcquireGil gil;
    size_t positional = 0;
    while (positional < c.op.params.size() && !c.op.params[positional].keyword_only) ++positional;
    Object args = arguments_of(c.op, c.args, positional);
    Object kwargs = check(PyDict_New());
    for (size_t i = positional; i < c.op.params.size(); ++i) {
      const Param& p = c.op.params[i];
      check(PyDict_SetItemString(kwargs.get(), p.name.c_str(),
                                 check(wrap_value(c.args[i], p)).get()));
    }
    if (c.form == Form::Out) {
      Tensors targets(c.targets, c.targets + c.target_count);
      Object out = targets.size() == 1 ? check(wrap(targets[0])) : check(wrap_list(targets));
      check(PyDict_SetItemString(kwargs.get(), "out", out.get()));
    }
    PyObject* stack[] = {op_object(c.op, c.form), args.get(), kwargs.get()};
    take_results(c, check(PyObject_Vectorcall(handler_.get(), stack, 3, nullptr)).get());
  }

 private:
  Object handler_;
};

// --- operators in Python -------------------------------------------------------------------------

struct PythonOp {
  Object forward, vjp;
};

void python_forward(Call& c) {
  AcquireGil gil;
  auto* self = static_cast<PythonOp*>(c.op.context);
  Object args = arguments_of(c.op, c.args, c.op.params.size());
  take_results(c, check(PyObject_CallObject(self->forward.get(), args.get())).get());
  for (uint32_t i = 0; i < c.target_count; ++i) {
    write_target(c.form, c.targets[i], c.results[i]);
    c.results[i] = c.targets[i];
  }
}

// The derivative's view of its call, valid while the derivative runs.
struct GradView {
  Grad* grad;
};

void python_vjp(Grad& g) {
  AcquireGil gil;
  auto* self = static_cast<PythonOp*>(g.op().context);
  GradView view{&g};
  nb::object argument = nb::cast(&view, nb::rv_policy::reference);
  check(PyObject_CallOneArg(self->vjp.get(), argument.ptr()));
}

Vjp vjp_from(nb::handle vjp) {
  if (!nb::isinstance<nb::str>(vjp)) return {python_vjp};
  auto text = nb::cast<std::string>(vjp);
  if (text == "composite") return composite();
  if (text == "no_gradient") return no_gradient();
  return not_differentiable((new std::string(text))->c_str());  // lives as long as the registry
}

constexpr const char* kAutocastRules[] = {"", "lower", "float32", "promote"};

Autocast autocast_from(std::string_view text) {
  for (int i = 0; i < 4; ++i)
    if (text == kAutocastRules[i]) return static_cast<Autocast>(i);
  raise(ErrorKind::Value, "there is no autocast rule '", text, "'");
}

// register(schema, names, forward, vjp, save, samples, errors, doc, family, autocast); vjp is a
// function, "composite", "no_gradient" or the reason why there is none; autocast is a rule's name
// or empty. Returns the operator, of this schema.
nb::object register_python_op(const std::string& schema, const std::string& names,
                              nb::object forward, nb::object vjp, const std::string& save,
                              const std::string& samples, const std::string& errors,
                              const std::string& doc, const std::string& family,
                              const std::string& autocast) {
  auto* self = new PythonOp{Object::borrow(forward.ptr()), Object::borrow(vjp.ptr())};
  OpRecord record{.schema = schema.c_str(),
                  .names = names.c_str(),
                  .forward = python_forward,
                  .vjp = vjp_from(vjp),
                  .save = save.c_str(),
                  .autocast = autocast_from(autocast),
                  .samples = samples.c_str(),
                  .errors = errors.c_str(),
                  .doc = doc.c_str()};
  const OpDef& op = register_op(record, family, self);
  publish_ops();
  return nb::steal(make_single_op(op, false));
}

// --- the registry as data ------------------------------------------------------------------------

nb::list registry() {
  nb::list list;
  for (const OpDef* op : all_ops()) {
    nb::dict d;
    d["schema"] = op->schema;
    d["name"] = op->full_name;
    d["family"] = op->family;
    nb::list names;
    for (auto& name : op->names) names.append(name);
    d["names"] = names;
    d["save"] = op->save;
    d["samples"] = op->samples;
    d["errors"] = op->errors;
    d["doc"] = op->doc;
    d["view"] = op->view;
    d["autocast"] = kAutocastRules[static_cast<int>(op->autocast)];
    d["python"] = op->context != nullptr;
    d["op"] = nb::borrow(op_object(*op, Form::Functional));
    d["in_place"] = op->inplace_form ? nb::borrow(op_object(*op, Form::InPlace)) : nb::none();
    static const char* kinds[] = {"function", "not_differentiable", "no_gradient", "composite"};
    d["vjp"] = kinds[static_cast<int>(op->vjp.kind)];
    d["why"] = op->vjp.reason;
    list.append(d);
  }
  return list;
}

}  // namespace

void init_modes(PyObject* module) {
  nb::module_ m = nb::borrow<nb::module_>(module);
  m.def("_push_mode", [](nb::object handler) {
    auto* mode = new PythonMode(handler.ptr());
    mode->below = tls.mode;
    tls.mode = mode;
  });
  m.def("_pop_mode", [] {
    FB_CHECK(tls.mode, "there is no mode to leave");
    Mode* top = tls.mode;
    tls.mode = top->below;
    delete top;
  });
  m.def("_register_python_op", register_python_op);
  m.def("_registry", registry);
  nb::class_<GradView>(m, "Grad")
      .def(
          "needs",
          [](GradView& g, const std::string& arg, size_t j) { return g.grad->needs(arg, j); },
          nb::arg("arg"), nb::arg("index") = 0)
      .def(
          "input", [](GradView& g, const std::string& arg, size_t j) { return g.grad->in(arg, j); },
          nb::arg("arg"), nb::arg("index") = 0)
      .def(
          "output", [](GradView& g, size_t i) { return g.grad->out(i); }, nb::arg("index") = 0)
      .def(
          "dout", [](GradView& g, size_t i) { return g.grad->dout(i); }, nb::arg("index") = 0)
      .def(
          "dout_or_zeros", [](GradView& g, size_t i) { return g.grad->dout_or_zeros(i); },
          nb::arg("index") = 0)
      .def("count", [](GradView& g, const std::string& arg) { return g.grad->count(arg); })
      .def("shape", [](GradView& g,
                       const std::string& arg) { return nb::steal(wrap_size(g.grad->sizes(arg))); })
      .def("arg",
           [](GradView& g, const std::string& arg) {
             int index = g.grad->op().param(arg);
             FB_CHECK(index >= 0, g.grad->op().full_name, " has no parameter '", arg, "'");
             return nb::steal(wrap_value(g.grad->value(arg), g.grad->op().params[index]));
           })
      .def(
          "set",
          [](GradView& g, const std::string& arg, const Tensor& t, size_t j) {
            g.grad->set(arg, j, t);
          },
          nb::arg("arg"), nb::arg("gradient").none(), nb::arg("index") = 0);
}

}  // namespace fb::py
