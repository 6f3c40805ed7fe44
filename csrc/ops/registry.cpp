#include <deque>
#include <mutex>
#include <unordered_map>

#include "core/error.h"
#include "ops/schema.h"

namespace fb {
namespace {

struct Registry {
  std::mutex lock;
  std::deque<OpDef> ops;  // stable addresses
  std::unordered_map<std::string_view, OpDef*> by_name;
};

// A function-local static: rooms register during static initialisation, in any order.
Registry& registry() {
  static Registry r;
  return r;
}

std::string node_name(const std::string& op) {
  std::string text;
  bool upper = true;
  for (char c : op) {
    if (c == '_') {
      upper = true;
    } else {
      text += upper ? static_cast<char>(std::toupper(c)) : c;
      upper = false;
    }
  }
  return text + "Backward0";
}

std::string family_of(std::string_view path) {
  auto slash = path.rfind('/');
  auto name = path.substr(slash + 1);
  return std::string(name.substr(0, name.find('.')));
}

}  // namespace

const OpDef& register_op(const OpRecord& record, std::string family, void* context) {
  OpDef op{.forward = record.forward, .vjp = record.vjp};
  parse_schema(record.schema, op);
  op.context = context;
  op.view = record.view;
  op.autocast = record.autocast;
  op.work = record.work;
  op.samples = record.samples;
  op.errors = record.errors;
  op.doc = record.doc;
  op.family = std::move(family);
  op.node_name = node_name(op.name);
  op.writes_first = op.name.ends_with('_');
  op.names = record.names ? split_list(record.names, ',')
                          : std::vector<std::string>{op.name, "Tensor." + op.name};
  for (const auto& name : op.names) op.inplace_form |= name.ends_with('_') && !op.writes_first;
  parse_save_rules(record.save, op);
  Registry& r = registry();
  std::lock_guard guard(r.lock);
  if (r.by_name.count(op.full_name)) {
    raise(ErrorKind::Internal, "operator '", op.full_name, "' is registered twice");
  }
  OpDef& kept = r.ops.emplace_back(std::move(op));
  r.by_name[kept.full_name] = &kept;
  return kept;
}

Registration::Registration(const OpRecord& record, const char* file) {
  register_op(record, family_of(file));
}

const OpDef& find_op(std::string_view full_name) {
  Registry& r = registry();
  std::lock_guard guard(r.lock);
  auto found = r.by_name.find(full_name);
  FB_CHECK(found != r.by_name.end(), "there is no operator '", full_name, "'");
  return *found->second;
}

std::vector<const OpDef*> all_ops() {
  Registry& r = registry();
  std::lock_guard guard(r.lock);
  std::vector<const OpDef*> list;
  for (const OpDef& op : r.ops) list.push_back(&op);
  return list;
}

}  // namespace fb
