#include "ops/schema.h"

#include <charconv>
#include <deque>
#include <limits>
#include <mutex>

#include "core/error.h"

namespace fb {
namespace {

std::string_view trim(std::string_view s) {
  while (!s.empty() && s.front() == ' ') s.remove_prefix(1);
  while (!s.empty() && s.back() == ' ') s.remove_suffix(1);
  return s;
}

// Splits at top level: commas inside brackets and quotes don't count.
std::vector<std::string_view> split_arguments(std::string_view s) {
  std::vector<std::string_view> parts;
  int depth = 0;
  bool quoted = false;
  size_t start = 0;
  for (size_t i = 0; i < s.size(); ++i) {
    if (s[i] == '\'') quoted = !quoted;
    if (quoted) continue;
    depth += (s[i] == '(' || s[i] == '[') - (s[i] == ')' || s[i] == ']');
    if (s[i] == ',' && depth == 0) {
      parts.push_back(trim(s.substr(start, i - start)));
      start = i + 1;
    }
  }
  if (auto last = trim(s.substr(start)); !last.empty()) parts.push_back(last);
  return parts;
}

[[noreturn]] void malformed(std::string_view schema, std::string_view why) {
  raise(ErrorKind::Internal, "operator schema '", schema, "': ", why);
}

// Defaults that point somewhere live as long as the program.
std::string_view keep(std::string_view s) {
  static std::mutex lock;
  static std::deque<std::string> kept;
  std::lock_guard guard(lock);
  return kept.emplace_back(s);
}
Ints keep(const Dims& v) {
  static std::mutex lock;
  static std::deque<Dims> kept;
  std::lock_guard guard(lock);
  return kept.emplace_back(v);
}

std::optional<double> parse_number(std::string_view s) {
  if (s == "inf") return std::numeric_limits<double>::infinity();
  if (s == "-inf") return -std::numeric_limits<double>::infinity();
  double d = 0;
  auto [end, code] = std::from_chars(s.data(), s.data() + s.size(), d);
  if (code != std::errc() || end != s.data() + s.size()) return std::nullopt;
  return d;
}

bool is_integer(std::string_view s) {
  return s.find_first_not_of("-0123456789") == std::string_view::npos;
}

Value parse_default(std::string_view text, const Param& p, std::string_view schema) {
  if (text == "None") return Value();
  if (text == "True") return Value(true);
  if (text == "False") return Value(false);
  if (text == "contiguous_format") return Value(MemoryFormat::Contiguous);
  if (text == "preserve_format") return Value(MemoryFormat::Preserve);
  if (text.size() >= 2 && (text[0] == '\'' || text[0] == '"'))
    return Value(keep(text.substr(1, text.size() - 2)));
  if (text[0] == '[') {
    Dims values;
    for (auto part : split_arguments(text.substr(1, text.size() - 2))) {
      auto v = parse_number(part);
      if (!v) malformed(schema, "a list default must hold integers");
      values.push_back(static_cast<int64_t>(*v));
    }
    return Value(keep(values));
  }
  auto number = parse_number(text);
  if (!number) malformed(schema, concat("unknown default '", text, "'"));
  if (p.type == Type::IntList) {
    return Value(
        keep(Dims(static_cast<size_t>(std::max(p.list_size, 1)), static_cast<int64_t>(*number))));
  }
  if (p.type != Type::Float && is_integer(text)) return Value(static_cast<int64_t>(*number));
  return Value(*number);
}

void parse_type(std::string_view text, Param& p, std::string_view schema) {
  if (text.ends_with('?')) {
    p.optional = true;
    text.remove_suffix(1);
  }
  if (auto open = text.find('('); open != std::string_view::npos) {  // Tensor(a!)
    auto close = text.find(')', open);
    p.written = text.substr(open, close - open).find('!') != std::string_view::npos;
    static thread_local std::string joined;
    joined = std::string(text.substr(0, open)) + std::string(text.substr(close + 1));
    text = joined;
  }
  std::string_view base = text;
  bool list = false;
  if (auto open = text.find('['); open != std::string_view::npos) {
    list = true;
    base = text.substr(0, open);
    auto digits = text.substr(open + 1, text.size() - open - 2);
    std::from_chars(digits.data(), digits.data() + digits.size(), p.list_size);
    if (base.ends_with('?')) base.remove_suffix(1);
  }
  if (base == "Tensor|Number" || base == "Number|Tensor") {
    p.type = Type::Tensor;
    p.number_ok = true;
    p.number_alone = base == "Number|Tensor";
    return;
  }
  static constexpr std::pair<std::string_view, Type> kTypes[] = {
      {"Tensor", Type::Tensor},      {"int", Type::Int},       {"float", Type::Float},
      {"bool", Type::Bool},          {"Scalar", Type::Scalar}, {"ScalarType", Type::DType},
      {"Device", Type::Device},      {"str", Type::String},    {"Generator", Type::Generator},
      {"MemoryFormat", Type::Format}};
  for (auto& [name, type] : kTypes) {
    if (base != name) continue;
    p.type = type;
    if (list) {
      p.type = type == Type::Tensor  ? Type::TensorList
               : type == Type::Float ? Type::FloatList
                                     : Type::IntList;
    }
    return;
  }
  malformed(schema, concat("unknown type '", text, "'"));
}

void parse_returns(std::string_view text, OpDef& op, std::string_view schema) {
  if (text == "Tensor" || text == "Tensor(a!)" || text == "Tensor(a)") {
    op.returns = OpDef::Returns::Tensor;
  } else if (text == "Tensor[]") {
    op.returns = OpDef::Returns::List;
  } else if (text == "()") {
    op.returns = OpDef::Returns::Nothing;
  } else if (text == "int" || text == "bool" || text == "float" || text == "Scalar") {
    op.returns = OpDef::Returns::Scalar;
  } else if (text.starts_with('(')) {
    op.returns = OpDef::Returns::Tuple;
    for (auto part : split_arguments(text.substr(1, text.size() - 2))) {
      auto space = part.rfind(' ');
      op.result_names.emplace_back(space == std::string_view::npos ? "" : part.substr(space + 1));
    }
    if (op.result_names.size() > 4) malformed(schema, "more than four results");
  } else {
    malformed(schema, concat("unknown result '", text, "'"));
  }
}

}  // namespace

std::vector<std::string> split_list(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    auto at = text.find(separator);
    if (auto part = trim(text.substr(0, at)); !part.empty()) parts.emplace_back(part);
    text = at == std::string_view::npos ? std::string_view() : text.substr(at + 1);
  }
  return parts;
}

void parse_schema(std::string_view text, OpDef& op) {
  op.schema = std::string(text);
  auto open = text.find('(');
  auto arrow = text.rfind("->");
  if (open == std::string_view::npos || arrow == std::string_view::npos)
    malformed(text, "expected name(...) -> result");
  op.full_name = std::string(trim(text.substr(0, open)));
  auto dot = op.full_name.find('.');
  op.name = op.full_name.substr(0, dot);
  if (dot != std::string::npos) op.overload = op.full_name.substr(dot + 1);
  auto close = text.rfind(')', arrow);
  bool keyword_only = false;
  for (auto piece : split_arguments(text.substr(open + 1, close - open - 1))) {
    if (piece == "*") {
      keyword_only = true;
      continue;
    }
    Param p;
    p.keyword_only = keyword_only;
    auto equals = piece.find('=');
    auto declared = trim(piece.substr(0, equals));
    auto space = declared.rfind(' ');
    if (space == std::string_view::npos)
      malformed(text, concat("parameter '", piece, "' has no type"));
    p.name = std::string(declared.substr(space + 1));
    parse_type(trim(declared.substr(0, space)), p, text);
    if (equals != std::string_view::npos) {
      p.has_default = true;
      p.fallback = parse_default(trim(piece.substr(equals + 1)), p, text);
      if (p.fallback.none()) p.optional = true;
    }
    op.has_lists |= p.type == Type::TensorList;
    op.params.push_back(std::move(p));
  }
  parse_returns(trim(text.substr(arrow + 2)), op, text);
}

void parse_save_rules(std::string_view text, OpDef& op) {
  op.save = std::string(text);
  auto result_index = [&](std::string_view name) -> int {
    if (name == "result") return 0;
    if (name.starts_with("result")) return std::atoi(name.substr(6).data());
    for (size_t i = 0; i < op.result_names.size(); ++i)
      if (op.result_names[i] == name) return static_cast<int>(i);
    return -1;
  };
  for (const std::string& item : split_list(text, ',')) {
    auto space = item.find(" for ");
    std::string what = item.substr(0, space);
    int for_input = -1;
    if (space != std::string::npos) {
      for_input = op.param(item.substr(space + 5));
      if (for_input < 0) malformed(op.schema, concat("save rule '", item, "' names no parameter"));
    }
    if (int index = op.param(what); index >= 0) {
      op.saves.push_back({index, false, for_input});
    } else if (int result = result_index(what); result >= 0) {
      op.saves.push_back({result, true, for_input});
    } else {
      malformed(op.schema, concat("save rule '", item, "' names neither a parameter nor a result"));
    }
  }
}

int OpDef::param(std::string_view name) const {
  for (size_t i = 0; i < params.size(); ++i)
    if (params[i].name == name) return static_cast<int>(i);
  return -1;
}

}  // namespace fb
