// The operator record. A room (ops/<family>.cpp) states everything device-independent about an
// operator in one OP(...) block; everything else (Python signatures, parsing, in-place and out=
// forms, C++ callers, docs, stubs, tests) is derived from it.
//
//   static Tensor softmax_forward(const Tensor& input, int64_t dim, std::optional<DType> dtype,
//                                 Out out);
//   static void softmax_vjp(Grad& g) {                       // dx = y * (dy - sum(y * dy, dim))
//     Tensor y = g.out(), s = y * g.dout();
//     g.set("input", s - y * sum(s, {g.arg<int64_t>("dim")}, true));
//   }
//   OP(softmax) {
//     .schema  = "softmax(Tensor input, int dim, *, ScalarType? dtype=None) -> Tensor",
//     .names   = "softmax, nn.functional.softmax, Tensor.softmax",
//     .forward = boxed<softmax_forward>,
//     .vjp     = softmax_vjp,
//     .save    = "result",
//     .samples = "(3,4,5) dim=-1 | (7,) dim=0 | (0,4) dim=1",
//     .errors  = "(3,) dim=2 -> IndexError: Dimension out of range",
//     .doc     = R"(Rescale along ``dim`` so that entries lie in [0, 1] and sum to 1. ...)",
//   };
//
// schema   PyTorch's schema language. Types: Tensor, Tensor?, Tensor[], Tensor?[], int, int?,
//          int[], int[2] (one int stands for all), int[]?, float, float[], bool, Scalar,
//          ScalarType, Device, MemoryFormat, str, Generator; each with `?`. `Tensor|Number` also
//          takes a Python number where another argument is a tensor, `Number|Tensor` in any case.
//          Overloads are `max.dim(...)`: one record each, tried in order of
//          registration. Results: Tensor, (Tensor values, Tensor indices), Tensor[], int, bool,
//          float, Scalar, (). A record whose name ends in `_` writes its first argument and
//          returns it (random fills, optimizers).
// names    dotted Python names. `Tensor.x` is a method; a name ending in `_` is the in-place form.
//          Default: "name, Tensor.name".
// forward  a plain C++ function with the schema's parameters in order. A trailing `Out` parameter
//          lets it write into a given tensor (in-place and out=); without it they compute and copy.
// vjp      no default: a function, not_differentiable("why"), no_gradient() (results never require
//          gradients, e.g. comparisons) or composite() (made of recorded operators).
// save     which arguments and results the vjp reads: "result", "input, weight", "other for input,
//          input for other".
// view     the result shares the first argument's memory.
// autocast what mixed precision makes of floating-point arguments (not float64): Autocast::Lower
//          casts them to the region's half type, Float32 to float32, Promote to the widest of them.
#pragma once
#include <string>
#include <tuple>

#include "autograd/variable.h"
#include "ops/value.h"

namespace fb {

enum class Type : uint8_t {
  Tensor,
  TensorList,
  Int,
  IntList,
  Float,
  FloatList,
  Bool,
  Scalar,
  DType,
  Device,
  Format,
  String,
  Generator
};

struct Param {
  std::string name;
  Type type;
  bool optional = false;  // takes None
  bool keyword_only = false;
  bool has_default = false;
  bool number_ok = false;     // Tensor|Number
  bool number_alone = false;  // Number|Tensor
  bool written = false;       // Tensor(a!): the operator writes it
  int list_size = 0;          // int[2]
  Value fallback;             // the default value
};

struct OpDef;
struct Call;
class Grad;
using Forward = void (*)(Call&);

class Vjp {
 public:
  enum class Kind : uint8_t { Function, NotDifferentiable, NoGradient, Composite };
  Vjp(void (*f)(Grad&)) : kind(Kind::Function), function(f) {}
  Vjp(Kind k, const char* why) : kind(k), reason(why) {}
  Kind kind;
  void (*function)(Grad&) = nullptr;
  const char* reason = "";
};
inline Vjp not_differentiable(const char* why) { return {Vjp::Kind::NotDifferentiable, why}; }
inline Vjp no_gradient() { return {Vjp::Kind::NoGradient, ""}; }
inline Vjp composite() { return {Vjp::Kind::Composite, ""}; }

enum class Autocast : uint8_t { None, Lower, Float32, Promote };

// About how long a call takes, in the time that an elementwise operator takes for one element.
using Work = int64_t (*)(const Call&);

// What an author writes.
struct OpRecord {
  const char* schema;
  const char* names = nullptr;
  Forward forward;
  Vjp vjp;
  const char* save = "";
  bool view = false;
  Autocast autocast = Autocast::None;
  Work work = nullptr;  // null: the number of elements of the arguments
  const char* samples = "";
  const char* errors = "";
  const char* doc = "";
};

struct SaveRule {
  int index;  // argument, or result where is_result
  bool is_result;
  int for_input;  // only if this argument needs a gradient; -1: always
};

// What the registry makes of it.
struct OpDef {
  std::string schema;     // normalised text
  std::string name;       // "max"
  std::string overload;   // "dim", or empty
  std::string full_name;  // "max.dim"
  std::vector<std::string> names;
  std::vector<Param> params;
  enum class Returns : uint8_t { Tensor, Tuple, List, Scalar, Nothing } returns;
  std::vector<std::string> result_names;  // of a named tuple
  Forward forward;
  void* context = nullptr;  // of operators written in Python
  Vjp vjp;
  std::vector<SaveRule> saves;
  bool view = false;
  Autocast autocast = Autocast::None;
  Work work = nullptr;
  bool writes_first = false;  // name ends in '_'
  bool inplace_form = false;  // some name ends in '_' (and the record's own does not)
  bool has_lists = false;     // some parameter is Tensor[]
  std::string save, samples, errors, doc, family;
  std::string node_name;  // "SoftmaxBackward0"

  int param(std::string_view name) const;  // index; -1: none
};

enum class Form : uint8_t { Functional, InPlace, Out };

// One call on its way through the choke point.
struct Call {
  Call(const OpDef& op, const Value* args, Form form = Form::Functional)
      : op(op), args(args), form(form) {}
  const OpDef& op;
  const Value* args;
  Form form;
  // In-place: the first argument; out=: the tensors given. Results land in `results` in each case.
  const Tensor* targets = nullptr;
  uint32_t target_count = 0;
  Tensor results[4];
  uint32_t count = 0;
  Tensors list;   // results of an operator that returns Tensor[]
  Scalar scalar;  // ... a number

  void push(Tensor t) { results[count++] = std::move(t); }
};

// The choke point. Every call of every operator, from Python, C++ and derivatives, passes here.
void dispatch(Call& call);
// Below the mode stack: runs the forward function and records it for autograd.
void execute(Call& call);

// Where a forward function puts its result.
class Out {
 public:
  explicit Out(Call* call) : call_(call) {}
  // The tensor to write into, if one was given.
  const Tensor* given(uint32_t i = 0) const {
    return call_ && i < call_->target_count ? &call_->targets[i] : nullptr;
  }
  bool inplace() const { return call_ && call_->form == Form::InPlace; }
  // A tensor of the given shape and type to write the i-th result into: the given one, resized and
  // checked, or a fresh one. If the given one has another dtype a fresh one is returned; finish()
  // then copies it over.
  Tensor make(Ints sizes, DType dtype, Device device, uint32_t i = 0) const;
  Tensor finish(const Tensor& computed, uint32_t i = 0) const;

 private:
  Call* call_;
};

// Copies `value` into a given target with the checks of out= and in-place forms.
void write_target(Form form, const Tensor& target, const Tensor& value);
// Those checks alone, resizing an out= target; false if there is nothing to copy.
bool prepare_target(Form form, const Tensor& target, const Tensor& value);

namespace detail {

inline void push_result(Call& c, Tensor t) { c.push(std::move(t)); }
inline void push_result(Call& c, Tensors list) { c.list = std::move(list); }
template <class... T>
void push_result(Call& c, std::tuple<T...> results) {
  std::apply([&](auto&... t) { (c.push(std::move(t)), ...); }, results);
}
inline void push_result(Call& c, bool v) { c.scalar = Scalar(v); }
inline void push_result(Call& c, int64_t v) { c.scalar = Scalar(v); }
inline void push_result(Call& c, double v) { c.scalar = Scalar(v); }
inline void push_result(Call& c, Scalar v) { c.scalar = v; }

template <class T> using Bare = std::remove_cvref_t<T>;

template <auto F, class R, class... A, size_t... I>
void call_boxed(Call& c, R (*)(A...), std::index_sequence<I...>) {
  constexpr bool writes = (std::is_same_v<Bare<A>, Out> || ...);
  auto argument = [&]<class T, size_t K>(std::integral_constant<size_t, K>) -> decltype(auto) {
    if constexpr (std::is_same_v<T, Out>) {
      return Out(&c);
    } else {
      return Unbox<T>::get(c.args[K]);
    }
  };
  auto run = [&]() -> R {
    return F(argument.template operator()<Bare<A>>(std::integral_constant<size_t, I>())...);
  };
  if constexpr (std::is_void_v<R>) {
    run();
  } else {
    push_result(c, run());
    if constexpr (!writes) {
      for (uint32_t i = 0; i < c.target_count; ++i) {
        write_target(c.form, c.targets[i], c.results[i]);
        c.results[i] = c.targets[i];
      }
    }
  }
}

}  // namespace detail

// A forward function as the registry calls it.
template <auto F>
void boxed(Call& c) {
  [&]<class R, class... A>(R (*f)(A...)) {
    detail::call_boxed<F>(c, f, std::index_sequence_for<A...>());
  }(F);
}

// --- registry ------------------------------------------------------------------------------------

class Registration {
 public:
  Registration(const OpRecord& record, const char* file);
};
// `context` is handed on to `forward`; used by operators written in Python.
const OpDef& register_op(const OpRecord& record, std::string family, void* context = nullptr);
// By full name ("max.dim"). Usable during static initialisation of callers: resolved at first call.
const OpDef& find_op(std::string_view full_name);
std::vector<const OpDef*> all_ops();

// --- typed calls ---------------------------------------------------------------------------------

template <class R>
R take(Call& c) {
  if constexpr (std::is_same_v<R, Tensor>) {
    return std::move(c.results[0]);
  } else if constexpr (std::is_same_v<R, Tensors>) {
    return std::move(c.list);
  } else if constexpr (std::is_same_v<R, Scalar>) {
    return c.scalar;
  } else if constexpr (std::is_arithmetic_v<R>) {
    return c.scalar.to<R>();
  } else if constexpr (!std::is_void_v<R>) {
    return [&]<size_t... I>(std::index_sequence<I...>) {
      return R(std::move(c.results[I])...);
    }(std::make_index_sequence<std::tuple_size_v<R>>());
  }
}

template <class R, class... A>
R call_op(const OpDef& op, const A&... args) {
  Value values[sizeof...(A) + 1] = {Value(args)...};
  Call c(op, values);
  dispatch(c);
  return take<R>(c);
}

// The in-place form: writes the first argument and returns it.
template <class... A>
Tensor call_inplace(const OpDef& op, const Tensor& self, const A&... args) {
  Value values[sizeof...(A) + 1] = {Value(self), Value(args)...};
  Call c(op, values, Form::InPlace);
  c.targets = &self;
  c.target_count = 1;
  dispatch(c);
  return std::move(c.results[0]);
}

}  // namespace fb

#define OP(id) \
  static const ::fb::Registration id##_registration = ::fb::detail::File{__FILE__} << ::fb::OpRecord
namespace fb::detail {
struct File {
  const char* path;
  Registration operator<<(const OpRecord& record) const { return Registration(record, path); }
};
}  // namespace fb::detail
