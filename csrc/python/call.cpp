#include "python/call.h"

#include <algorithm>
#include <unordered_map>

namespace fb::py {
namespace {

// Below this much work a kernel is over before another thread could take the lock.
constexpr int64_t kReleaseGilFrom = 16384;

int64_t elements(const Call& c) {
  int64_t n = 0;
  for (size_t i = 0, count = c.op.params.size(); i < count; ++i) {
    const Value& v = c.args[i];
    if (v.kind == Kind::Tensor) {
      n += v.tensor->numel;
    } else if (v.kind == Kind::Tensors) {
      for (uint32_t j = 0; j < v.length; ++j)
        n += v.tensors[j].defined() ? v.tensors[j].numel() : 0;
    } else if (v.kind == Kind::Ints) {  // sizes of what is to be made
      int64_t product = 1;
      for (uint32_t j = 0; j < v.length && product < kReleaseGilFrom; ++j)
        product *= std::max<int64_t>(v.ints[j], 1);
      n += product;
    }
  }
  return n;
}

PyTypeObject* g_op_type;
PyTypeObject* g_op_method_type;
std::unordered_map<std::string, PyObject*>& table() {
  static auto* t = new std::unordered_map<std::string, PyObject*>;
  return *t;
}

PyOp* op_in(PyObject* o) { return reinterpret_cast<PyOp*>(o); }

const char* type_text(const Param& p) {
  switch (p.type) {
    case Type::Tensor:
      return p.number_ok ? "Tensor or Number" : "Tensor";
    case Type::TensorList:
      return "tuple of Tensors";
    case Type::Int:
      return "int";
    case Type::IntList:
      return "tuple of ints";
    case Type::Float:
      return "float";
    case Type::FloatList:
      return "tuple of floats";
    case Type::Bool:
      return "bool";
    case Type::Scalar:
      return "Number";
    case Type::DType:
      return "torch.dtype";
    case Type::Device:
      return "torch.device";
    case Type::Format:
      return "torch.memory_format";
    case Type::String:
      return "str";
    case Type::Generator:
      return "torch.Generator";
  }
  return "?";
}

// NumPy's spellings.
std::string_view plain_name(std::string_view name) {
  if (name == "axis") return "dim";
  if (name == "axes") return "dims";
  if (name == "keepdims") return "keepdim";
  if (name == "self" || name == "x" || name == "x1") return "input";
  if (name == "x2") return "other";
  return name;
}

struct Mismatch {
  std::string text;
};

// Fills `values` from Python arguments; on a mismatch says why (only if asked: texts are slow).
class Binder {
 public:
  Binder(const Overload& overload, PyOp* callable, Arena& arena, Mismatch* why)
      : overload_(overload), op_(*overload.op), callable_(callable), arena_(arena), why_(why) {}

  bool bind(PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames, Value* values,
            PyObject** out) {
    size_t n = op_.params.size();
    uint64_t filled = 0;
    auto count = static_cast<size_t>(nargs);
    for (size_t i = 0; i < count; ++i) {
      if (i >= overload_.positional) {
        return fail([&] {
          return concat(name(), " takes ", overload_.positional, " positional argument",
                        overload_.positional == 1 ? "" : "s", " but ", count,
                        count == 1 ? " was given" : " were given");
        });
      }
      const Param& p = op_.params[i];
      // x.view(2, 3): the last positional list may be spelled out.
      if (i + 1 == overload_.positional && takes_rest(p, args[i], count - i)) {
        if (!convert_rest(p, args + i, count - i, values[i])) return mismatch(p, i, args[i]);
        filled |= uint64_t{1} << i;
        break;
      }
      if (!convert(args[i], p, values[i], arena_)) return mismatch(p, i, args[i]);
      filled |= uint64_t{1} << i;
    }
    Py_ssize_t keywords = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
    for (Py_ssize_t k = 0; k < keywords; ++k) {
      PyObject* key = PyTuple_GET_ITEM(kwnames, k);
      PyObject* value = args[nargs + k];
      int index = find(key);
      if (index < 0) {
        if (std::string_view text = utf8(key);
            text == "out" && callable_->form == Form::Functional && !op_.writes_first) {
          if (value != Py_None) *out = value;
          continue;
        }
        if (ignorable(utf8(key), value)) continue;
        if (utf8(key) == "requires_grad" && is_factory()) {
          int on = PyObject_IsTrue(value);
          check(on);
          arena_.requires_grad = on != 0;
          continue;
        }
        return fail([&] {
          return concat(name(), " got an unexpected keyword argument '", utf8(key), "'");
        });
      }
      if (filled >> index & 1)
        return fail(
            [&] { return concat(name(), " got multiple values for argument '", utf8(key), "'"); });
      if (!convert(value, op_.params[index], values[index], arena_))
        return mismatch(op_.params[index], SIZE_MAX, value);
      filled |= uint64_t{1} << index;
    }
    for (size_t i = 0; i < n; ++i) {
      if (filled >> i & 1) continue;
      const Param& p = op_.params[i];
      if (!p.has_default) {
        return fail([&] {
          return concat(name(), " missing 1 required ",
                        p.keyword_only ? "keyword-only" : "positional", " argument: \"", p.name,
                        '"');
        });
      }
      values[i] = p.fallback;
    }
    return overload_.numbers_alone || some_tensor(values);
  }

 private:
  // Of operators that take numbers for their tensors one must be a tensor.
  bool some_tensor(const Value* values) {
    for (size_t i = 0; i < op_.params.size(); ++i) {
      const Value& v = values[i];
      if (v.kind == Kind::Tensors || (v.kind == Kind::Tensor && !v.tensor->wrapped_number))
        return true;
    }
    return fail([&] { return concat(name(), ": at least one argument must be Tensor"); });
  }
  static std::string_view utf8(PyObject* s) {
    Py_ssize_t n;
    const char* text = PyUnicode_AsUTF8AndSize(s, &n);
    return text ? std::string_view(text, static_cast<size_t>(n)) : "?";
  }
  std::string name() const { return concat(utf8(callable_->name), "()"); }
  template <class F>
  bool fail(F&& text) {
    if (why_) why_->text = text();
    return false;
  }
  bool mismatch(const Param& p, size_t position, PyObject* value) {
    return fail([&] {
      std::string place =
          position == SIZE_MAX
              ? ""
              : concat(" (position ", position + 1 - (callable_->method ? 1 : 0), ")");
      std::string_view got = Py_TYPE(value)->tp_name;
      if (auto dot = got.rfind('.'); dot != std::string_view::npos) got = got.substr(dot + 1);
      return concat(name(), ": argument '", p.name, "'", place, " must be ", type_text(p), ", not ",
                    got);
    });
  }
  int find(PyObject* key) const {
    for (size_t i = 0; i < overload_.names.size(); ++i)
      if (overload_.names[i] == key) return static_cast<int>(i);
    std::string_view text = utf8(key);
    if (int index = op_.param(text); index >= 0) return index;
    return op_.param(plain_name(text));
  }
  // Arguments that PyTorch takes everywhere and that change nothing on the CPU.
  bool ignorable(std::string_view key, PyObject* value) const {
    if (key == "layout") {
      check_strided(utf8(callable_->name), value);
      return true;
    }
    return (key == "pin_memory" || key == "non_blocking") &&
           (value == Py_None || !PyTuple_Check(value));
  }
  // Operators that make tensors of a given type somewhere take requires_grad without saying so in
  // their schemas.
  bool is_factory() const { return op_.param("dtype") >= 0 && op_.param("device") >= 0; }
  static bool takes_rest(const Param& p, PyObject* first, size_t rest) {
    if (p.type == Type::IntList)
      return (rest > 1 || p.list_size == 0) && !PyBool_Check(first) && PyIndex_Check(first) &&
             !PyTuple_Check(first);
    if (p.type == Type::TensorList) return is_tensor(first);
    return false;
  }
  bool convert_rest(const Param& p, PyObject* const* args, size_t n, Value& v) {
    if (p.type == Type::IntList) {
      int64_t* out = arena_.take(n);
      for (size_t i = 0; i < n; ++i)
        if (!as_int(args[i], out[i])) return false;
      v = Value(Ints(out, n));
      return true;
    }
    Tensors list;
    for (size_t i = 0; i < n; ++i) {
      Value element;
      if (!as_tensor(args[i], element, arena_)) return false;
      list.push_back(tensor_of(args[i]));
    }
    arena_.lists.push_back(std::move(list));
    v = Value(arena_.lists.back());
    return true;
  }

  const Overload& overload_;
  const OpDef& op_;
  PyOp* callable_;
  Arena& arena_;
  Mismatch* why_;
};

void take_out(PyObject* out, Call& call, Tensors& targets) {
  call.form = Form::Out;
  if (is_tensor(out)) {
    targets.push_back(tensor_of(out));
  } else if (PyTuple_Check(out) || PyList_Check(out)) {
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(out); ++i) {
      PyObject* o = PySequence_Fast_GET_ITEM(out, i);
      FB_CHECK_TYPE(is_tensor(o), call.op.name,
                    "(): argument 'out' must be a tuple of Tensors, but found ",
                    Py_TYPE(o)->tp_name);
      targets.push_back(tensor_of(o));
    }
  } else {
    raise(ErrorKind::Type, call.op.name, "(): argument 'out' must be Tensor, not ",
          Py_TYPE(out)->tp_name);
  }
  size_t wanted = call.op.returns == OpDef::Returns::Tuple ? call.op.result_names.size() : 1;
  FB_CHECK_TYPE(
      call.op.returns != OpDef::Returns::List && call.op.returns != OpDef::Returns::Scalar,
      call.op.name, "() does not take an 'out' argument");
  FB_CHECK_TYPE(targets.size() == wanted, call.op.name, "() expected ", wanted,
                " tensors as 'out', but got ", targets.size());
  call.targets = targets.data();
  call.target_count = static_cast<uint32_t>(targets.size());
}

PyObject* call_overload(const Overload& overload, PyOp* callable, Value* values, Arena& arena,
                        PyObject* const* args, PyObject* out) {
  Call call(*overload.op, values, callable->form);
  Tensors targets;
  if (out) take_out(out, call, targets);
  if (callable->form == Form::InPlace) {
    call.targets = &tensor_of(args[0]);
    call.target_count = 1;
  }
  run(call);
  if (arena.requires_grad) set_requires_grad(call.results[0], true);
  if (out) {
    if (is_tensor(out)) return Py_NewRef(out);
  }
  bool writes = callable->form == Form::InPlace || overload.op->writes_first;
  return wrap_results(call, writes && is_tensor(args[0]) ? args[0] : nullptr);
}

[[noreturn]] void raise_no_match(PyOp* self, PyObject* const* args, Py_ssize_t nargs,
                                 PyObject* kwnames) {
  std::string first;
  for (Overload& overload : *self->overloads) {
    Arena arena;
    Value values[kMaxParams];
    PyObject* out = nullptr;
    Mismatch why;
    Binder(overload, self, arena, &why).bind(args, nargs, kwnames, values, &out);
    if (self->overloads->size() == 1) raise(ErrorKind::Type, why.text);
    first += "\n * " + overload.op->schema + "\n      " + why.text;
  }
  std::string got;
  for (Py_ssize_t i = 0; i < nargs; ++i)
    got += (i ? ", " : "") + std::string(Py_TYPE(args[i])->tp_name);
  for (Py_ssize_t k = 0; kwnames && k < PyTuple_GET_SIZE(kwnames); ++k)
    got += concat(got.empty() ? "" : ", ", PyUnicode_AsUTF8(PyTuple_GET_ITEM(kwnames, k)), "=",
                  Py_TYPE(args[nargs + k])->tp_name);
  raise(ErrorKind::Type, PyUnicode_AsUTF8(self->name),
        "() received an invalid combination of arguments - got (", got,
        "), but expected one of:", first);
}

PyObject* op_vectorcall(PyObject* callable, PyObject* const* args, size_t nargsf,
                        PyObject* kwnames) {
  auto* self = op_in(callable);
  Py_ssize_t nargs = PyVectorcall_NARGS(nargsf);
  return guarded([&]() -> PyObject* {
    auto& overloads = *self->overloads;
    auto attempt = [&](uint32_t index, PyObject*& result) {
      Arena arena;
      Value values[kMaxParams];
      PyObject* out = nullptr;
      if (!Binder(overloads[index], self, arena, nullptr).bind(args, nargs, kwnames, values, &out))
        return false;
      if (self->form == Form::InPlace && !(nargs && is_tensor(args[0]))) return false;
      if (__builtin_expect(arena.overridden, 0)) {
        result = call_override(callable, args, nargs, kwnames);
        if (result || PyErr_Occurred()) return true;
      }
      result = call_overload(overloads[index], self, values, arena, args, out);
      return true;
    };
    PyObject* result = nullptr;
    for (uint32_t i = 0; i < overloads.size(); ++i)
      if (attempt(i, result)) return result;
    raise_no_match(self, args, nargs, kwnames);
  });
}

PyObject* op_get(PyObject* self, PyObject* instance, PyObject*) {
  if (!instance || instance == Py_None) return Py_NewRef(self);
  return PyMethod_New(self, instance);
}

PyObject* op_repr(PyObject* self) {
  auto* op = op_in(self);
  return op->method ? PyUnicode_FromFormat("<method '%U' of 'flambeau.Tensor' objects>", op->name)
                    : PyUnicode_FromFormat("<built-in function %U>", op->dotted);
}

PyObject* op_doc(PyObject* self, void*) {
  std::string text;
  for (auto& overload : *op_in(self)->overloads) text += overload.op->schema + "\n";
  for (auto& overload : *op_in(self)->overloads) {
    if (overload.op->doc.empty()) continue;
    text += "\n" + overload.op->doc;
    break;
  }
  return PyUnicode_FromStringAndSize(text.data(), static_cast<Py_ssize_t>(text.size()));
}
PyObject* op_name(PyObject* self, void*) { return Py_NewRef(op_in(self)->name); }
PyObject* op_module(PyObject*, void*) { return PyUnicode_FromString("flambeau"); }

PyObject* make_python_value(const Value& v, const Param& p) { return wrap_value(v, p); }

// inspect.Signature, built when somebody asks.
PyObject* op_signature(PyObject* self, void*) {
  return guarded([&]() -> PyObject* {
    Object inspect = check(PyImport_ImportModule("inspect"));
    Object parameter = check(PyObject_GetAttrString(inspect.get(), "Parameter"));
    Object list = check(PyList_New(0));
    const Overload& overload = op_in(self)->overloads->front();
    for (auto& p : overload.op->params) {
      Object kind = check(PyObject_GetAttrString(
          parameter.get(), p.keyword_only ? "KEYWORD_ONLY" : "POSITIONAL_OR_KEYWORD"));
      Object args = check(Py_BuildValue("(sO)", p.name.c_str(), kind.get()));
      Object kwargs = check(PyDict_New());
      if (p.has_default) {
        Object value = Object::steal(make_python_value(p.fallback, p));
        check(PyDict_SetItemString(kwargs.get(), "default", value.get()));
      }
      Object made = check(PyObject_Call(parameter.get(), args.get(), kwargs.get()));
      check(PyList_Append(list.get(), made.get()));
    }
    Object signature = check(PyObject_GetAttrString(inspect.get(), "Signature"));
    return check(PyObject_CallOneArg(signature.get(), list.get())).release();
  });
}

PyObject* op_schemas(PyObject* self, void*) {
  return guarded([&]() -> PyObject* {
    Object list = check(PyList_New(0));
    for (auto& overload : *op_in(self)->overloads) {
      Object text = check(PyUnicode_FromString(overload.op->schema.c_str()));
      check(PyList_Append(list.get(), text.get()));
    }
    return list.release();
  });
}

PyObject* find_named(PyObject*, PyObject* dotted) {
  return guarded([&]() -> PyObject* {
    const char* text = PyUnicode_AsUTF8(dotted);
    if (!text) throw PythonError();
    PyObject* op = lookup_op(text);
    if (!op) {
      // Rooms written in Python register their operators when one of them is first asked for.
      Object rooms = check(PyImport_ImportModule("flambeau.ops"));
      check(PyObject_CallMethod(rooms.get(), "load_name", "O", dotted));
      op = lookup_op(text);
    }
    if (!op) {
      PyErr_Format(PyExc_AttributeError, "there is no operator '%s'", text);
      throw PythonError();
    }
    return Py_NewRef(op);
  });
}

PyObject* op_reduce(PyObject* self, PyObject*) {
  return guarded([&]() -> PyObject* {
    Object module = check(PyImport_ImportModule("flambeau._C"));
    Object finder = check(PyObject_GetAttrString(module.get(), "_find_op"));
    return Py_BuildValue("(O(O))", finder.get(), op_in(self)->dotted);
  });
}
PyObject* op_same(PyObject* self, PyObject*) { return Py_NewRef(self); }

PyMethodDef kOpMethods[] = {{"__reduce__", op_reduce, METH_NOARGS, nullptr},
                            {"__copy__", op_same, METH_NOARGS, nullptr},
                            {"__deepcopy__", op_same, METH_O, nullptr},
                            {nullptr, nullptr, 0, nullptr}};
PyGetSetDef kOpGetters[] = {{"__doc__", op_doc, nullptr, nullptr, nullptr},
                            {"__name__", op_name, nullptr, nullptr, nullptr},
                            {"__qualname__", op_name, nullptr, nullptr, nullptr},
                            {"__module__", op_module, nullptr, nullptr, nullptr},
                            {"__signature__", op_signature, nullptr, nullptr, nullptr},
                            {"schemas", op_schemas, nullptr,
                             "The schemas behind this name, in the order they are tried.", nullptr},
                            {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyMemberDef kOpMembers[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(PyOp, vectorcall), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr}};

void add_overload(PyObject* o, const OpDef& op) {
  Overload overload{&op, {}, 0, true};
  for (auto& p : op.params) {
    if (p.number_ok && !p.number_alone) overload.numbers_alone = false;
    overload.names.push_back(PyUnicode_InternFromString(p.name.c_str()));
    if (!p.keyword_only) ++overload.positional;
  }
  if (op.params.size() > kMaxParams)
    raise(ErrorKind::Internal, op.full_name, " has too many parameters");
  op_in(o)->overloads->push_back(std::move(overload));
}

PyObject* new_op(const std::string& dotted, bool inplace) {
  bool method = dotted.starts_with("Tensor.");
  auto* o = PyObject_New(PyOp, method ? g_op_method_type : g_op_type);
  if (!o) throw PythonError();
  o->vectorcall = op_vectorcall;
  o->overloads = new std::vector<Overload>;
  o->form = inplace ? Form::InPlace : Form::Functional;
  o->method = method;
  o->dotted = PyUnicode_FromString(dotted.c_str());
  auto dot = dotted.rfind('.');
  o->name =
      PyUnicode_InternFromString(dotted.substr(dot == std::string::npos ? 0 : dot + 1).c_str());
  return reinterpret_cast<PyObject*>(o);
}

// {name: operator} of the dotted names with this prefix: "" for the top level, "nn.functional",
// "Tensor", ...
PyObject* op_namespace(PyObject*, PyObject* prefix_object) {
  return guarded([&]() -> PyObject* {
    const char* text = PyUnicode_AsUTF8(prefix_object);
    if (!text) throw PythonError();
    std::string prefix = *text ? std::string(text) + "." : "";
    Object dict = check(PyDict_New());
    for (auto& [dotted, op] : table()) {
      if (!dotted.starts_with(prefix)) continue;
      std::string name = dotted.substr(prefix.size());
      if (name.find('.') == std::string::npos)
        check(PyDict_SetItemString(dict.get(), name.c_str(), op));
    }
    return dict.release();
  });
}

PyMethodDef kFunctions[] = {
    {"_find_op", find_named, METH_O, "The operator of a dotted name."},
    {"namespace", op_namespace, METH_O, "The operators of a dotted namespace, by name."},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

PyObject* make_single_op(const OpDef& op, bool inplace) {
  PyObject* o = new_op(op.full_name + (inplace ? "_" : ""), inplace);
  add_overload(o, op);
  return o;
}

bool is_op(PyObject* o) { return Py_TYPE(o) == g_op_type || Py_TYPE(o) == g_op_method_type; }

PyObject* lookup_op(std::string_view dotted) {
  auto found = table().find(std::string(dotted));
  return found == table().end() ? nullptr : found->second;
}

void run(Call& call) {
  const int64_t work = call.op.work ? call.op.work(call) : elements(call);
  ReleaseGil release(work >= kReleaseGilFrom);
  dispatch(call);
}

void publish_ops() {
  static size_t published = 0;
  auto ops = all_ops();
  for (; published < ops.size(); ++published) {
    const OpDef& op = *ops[published];
    for (const std::string& dotted : op.names) {
      bool inplace = dotted.ends_with('_') && !dotted.ends_with("__") && !op.writes_first;
      PyObject*& slot = table()[dotted];
      if (!slot) slot = new_op(dotted, inplace);
      add_overload(slot, op);
      if (dotted.starts_with("Tensor.")) {
        check(PyObject_SetAttrString(reinterpret_cast<PyObject*>(TensorType), dotted.c_str() + 7,
                                     slot));
      }
    }
  }
}

PyObject* unary(const OpDef& op, PyObject* a) {
  return guarded([&]() -> PyObject* {
    Arena arena;
    Value values[kMaxParams];
    as_tensor(a, values[0], arena);
    if (arena.overridden) {
      PyObject* result = call_override(lookup_op("Tensor." + op.name), &a, 1, nullptr);
      if (result || PyErr_Occurred()) return result;
    }
    for (size_t i = 1; i < op.params.size(); ++i) values[i] = op.params[i].fallback;
    Call call(op, values);
    run(call);
    return wrap_results(call, nullptr);
  });
}

PyObject* binary(const OpDef& op, PyObject* a, PyObject* b, Form form) {
  return guarded([&]() -> PyObject* {
    Arena arena;
    arena.held.reserve(2);
    Value values[kMaxParams];
    PyObject* operands[2] = {a, b};
    for (int i = 0; i < 2; ++i) {
      if (as_tensor(operands[i], values[i], arena)) continue;
      Scalar s;
      if (!as_number(operands[i], s)) Py_RETURN_NOTIMPLEMENTED;
      arena.held.push_back(wrapped_number(s));
      values[i] = Value(arena.held.back());
    }
    if (__builtin_expect(arena.overridden, 0)) {
      PyObject* callable = lookup_op("Tensor." + op.name + (form == Form::InPlace ? "_" : ""));
      PyObject* result = callable ? call_override(callable, operands, 2, nullptr) : nullptr;
      if (result || PyErr_Occurred()) return result;
    }
    for (size_t i = 2; i < op.params.size(); ++i) values[i] = op.params[i].fallback;
    Call call(op, values, form);
    if (form == Form::InPlace) {
      call.targets = &tensor_of(a);
      call.target_count = 1;
    }
    run(call);
    return wrap_results(call, form == Form::InPlace ? a : nullptr);
  });
}

void init_ops(PyObject* module) {
  PyType_Slot function_slots[] = {{Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
                                  {Py_tp_repr, reinterpret_cast<void*>(op_repr)},
                                  {Py_tp_methods, kOpMethods},
                                  {Py_tp_getset, kOpGetters},
                                  {Py_tp_members, kOpMembers},
                                  {0, nullptr}};
  PyType_Slot method_slots[] = {{Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
                                {Py_tp_repr, reinterpret_cast<void*>(op_repr)},
                                {Py_tp_methods, kOpMethods},
                                {Py_tp_getset, kOpGetters},
                                {Py_tp_members, kOpMembers},
                                {Py_tp_descr_get, reinterpret_cast<void*>(op_get)},
                                {0, nullptr}};
  constexpr unsigned flags =
      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_DISALLOW_INSTANTIATION;
  PyType_Spec function{"flambeau.Op", sizeof(PyOp), 0, flags, function_slots};
  PyType_Spec method{"flambeau.OpMethod", sizeof(PyOp), 0, flags | Py_TPFLAGS_METHOD_DESCRIPTOR,
                     method_slots};
  g_op_type = reinterpret_cast<PyTypeObject*>(check(PyType_FromSpec(&function)).release());
  g_op_method_type = reinterpret_cast<PyTypeObject*>(check(PyType_FromSpec(&method)).release());
  check(PyObject_SetAttrString(module, "Op", reinterpret_cast<PyObject*>(g_op_type)));
  check(PyModule_AddFunctions(module, kFunctions));
  publish_ops();
}

}  // namespace fb::py
