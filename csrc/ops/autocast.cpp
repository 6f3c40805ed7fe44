#include "ops/autocast.h"

#include <unordered_map>

#include "ops/copy.h"
#include "ops/mode.h"

namespace fb {
namespace {

struct CachedCast {
  Tensor source, cast;
  const Storage* storage = nullptr;
  uint32_t version = 0;
  bool recorded = false;
};
thread_local std::unordered_map<const TensorImpl*, CachedCast> cached_casts;
thread_local AutocastState state;

struct AutocastOff {
  AutocastOff() { tls.autocast = false; }
  ~AutocastOff() { tls.autocast = true; }
};

bool eligible(const Tensor& t) {
  return t.defined() && is_floating(t.dtype()) && t.dtype() != DType::Float64 &&
         t.device().type == DeviceType::CPU;
}

bool is_parameter(const Tensor& t) {
  auto* meta = autograd_meta(t);
  return t.dtype() == DType::Float32 && meta && meta->requires_grad && !t.impl()->base;
}

// A parameter is cast once for all its uses in a region, unless it is written in between. A cast
// made while gradients were off has no history, so it will not do once they are on.
Tensor cached_cast(const Tensor& t, DType to) {
  CachedCast& found = cached_casts[t.impl()];
  const bool fits = found.cast.defined() && found.cast.dtype() == to &&
                    found.storage == t.storage().get() && found.version == t.version() &&
                    (found.recorded || !tls.grad);
  if (!fits) found = {t, _to_copy(t, to), t.storage().get(), t.version(), tls.grad};
  return found.cast;
}

Tensor cast(const Tensor& t, DType to) {
  if (!eligible(t) || t.dtype() == to) return t;
  const bool keep = state.cache && state.nesting > 0 && to == state.dtype && is_parameter(t);
  return keep ? cached_cast(t, to) : _to_copy(t, to);
}

template <class F>
void each_tensor(const Value& v, F&& f) {
  if (v.kind == Kind::Tensor) f(Unbox<Tensor>::get(v));
  for (uint32_t i = 0; v.kind == Kind::Tensors && i < v.length; ++i) f(v.tensors[i]);
}

DType widest(const Call& c) {
  DType to = DType::Undefined;
  for (size_t i = 0; i < c.op.params.size(); ++i)
    each_tensor(c.args[i], [&](const Tensor& t) {
      if (!eligible(t)) return;
      to = to == DType::Undefined ? t.dtype() : promote_types(to, t.dtype());
    });
  return to;
}

// Stands in for a call's arguments with cast ones.
class CastArguments {
 public:
  CastArguments(Call& c, DType to) : call_(c), given_(c.args) {
    const size_t n = c.op.params.size();
    bool differs = false;
    for (size_t i = 0; i < n; ++i)
      each_tensor(c.args[i], [&](const Tensor& t) { differs |= eligible(t) && t.dtype() != to; });
    if (!differs) return;
    values_.assign(c.args, n);
    singles_.reserve(n);
    lists_.reserve(n);
    for (size_t i = 0; i < n; ++i) {
      const Value& v = c.args[i];
      if (v.kind == Kind::Tensor) {
        values_[i] = Value(singles_.emplace_back(cast(Unbox<Tensor>::get(v), to)));
      } else if (v.kind == Kind::Tensors) {
        Tensors& list = lists_.emplace_back();
        each_tensor(v, [&](const Tensor& t) { list.push_back(cast(t, to)); });
        values_[i] = Value(list);
      }
    }
    c.args = values_.data();
  }
  ~CastArguments() { call_.args = given_; }
  CastArguments(const CastArguments&) = delete;
  CastArguments& operator=(const CastArguments&) = delete;

 private:
  Call& call_;
  const Value* given_;
  SmallVector<Value, 12> values_;
  std::vector<Tensor> singles_;
  std::vector<Tensors> lists_;
};

}  // namespace

AutocastState& autocast_state() { return state; }

void clear_autocast_cache() { cached_casts.clear(); }

void execute_autocast(Call& c) {
  const Autocast rule = c.op.autocast;
  if (rule == Autocast::None && c.op.vjp.kind == Vjp::Kind::Composite) return execute_watched(c);
  AutocastOff off;
  if (rule == Autocast::None || c.form != Form::Functional) return execute_watched(c);
  const DType to = rule == Autocast::Lower     ? state.dtype
                   : rule == Autocast::Float32 ? DType::Float32
                                               : widest(c);
  CastArguments arguments(c, to);
  execute_watched(c);
}

}  // namespace fb
