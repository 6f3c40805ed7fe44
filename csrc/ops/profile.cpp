#include "ops/profile.h"

#include <bit>

#include "core/error.h"
#include "ops/mode.h"

namespace fb {
namespace {

// How arguments stand in Log::arguments: a tag with its length or type, then what belongs to it.
// flambeau/profiler/_decode.py reads this.
enum class Tag : int64_t { Other, None, Tensor, Tensors, Int, Float, Bool, Ints };

void put(std::vector<int64_t>& to, Tag tag, int64_t length = 0) {
  to.push_back(static_cast<int64_t>(tag) | length << 8);
}

void put_tensor(std::vector<int64_t>& to, const TensorImpl* t) {
  if (!t) return put(to, Tag::None);
  put(to, Tag::Tensor, static_cast<int64_t>(t->sizes.size()));
  to.push_back(static_cast<int64_t>(t->dtype));
  to.insert(to.end(), t->sizes.begin(), t->sizes.end());
}

void put_value(std::vector<int64_t>& to, const Value& v) {
  switch (v.kind) {
    case Kind::None:
      return put(to, Tag::None);
    case Kind::Tensor:
      return put_tensor(to, v.tensor);
    case Kind::Tensors:
      put(to, Tag::Tensors, v.length);
      for (uint32_t i = 0; i < v.length; ++i) put_tensor(to, v.tensors[i].impl());
      return;
    case Kind::Int:
      put(to, Tag::Int);
      return to.push_back(v.i);
    case Kind::Bool:
      return put(to, Tag::Bool, v.b);
    case Kind::Float:
      put(to, Tag::Float);
      return to.push_back(std::bit_cast<int64_t>(v.d));
    case Kind::Ints:
      put(to, Tag::Ints, v.length);
      to.insert(to.end(), v.ints, v.ints + v.length);
      return;
    default:
      put(to, Tag::Other);
  }
}

// The node that the call made, -1 if it made none.
int64_t node_made(const Call& c) {
  if (!tls.grad || c.op.vjp.kind != Vjp::Kind::Function) return -1;
  const Tensor* t = c.count ? c.results : c.list.empty() ? nullptr : c.list.data();
  const AutogradMeta* meta = t && t->defined() ? autograd_meta(*t) : nullptr;
  return meta && meta->grad_fn ? static_cast<int64_t>(meta->grad_fn->sequence()) : -1;
}

class ProfileMode final : public Mode {
 public:
  void handle(Call& c) override {
    if (!trace::on()) return execute(c);
    const trace::What what{trace::Kind::Operator, c.op.name,
                           c.op.overload.empty() ? nullptr : &c.op.overload,
                           c.form == Form::InPlace};
    struct Scope {
      trace::Mark mark;
      int64_t sequence = -1;
      ~Scope() { trace::end(mark, sequence); }
    } scope{trace::begin(what, [&](std::vector<int64_t>& to) {
      for (size_t i = 0, n = c.op.params.size(); i < n; ++i) put_value(to, c.args[i]);
    })};
    execute(c);
    scope.sequence = node_made(c);
  }
};

}  // namespace

void start_profile(uint32_t wanted) {
  // Never destroyed: another thread may be inside.
  static auto* mode = new ProfileMode;
  FB_CHECK(trace::start(wanted),
           "Profiler is already enabled: only one can record at a time, and it records all threads "
           "of the process. Stop the first before you start another.");
  ground_mode.store(mode, std::memory_order_release);
}

std::vector<std::unique_ptr<trace::Log>> stop_profile() {
  ground_mode.store(nullptr, std::memory_order_release);
  return trace::stop();
}

}  // namespace fb
