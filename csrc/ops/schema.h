// Reads a record's schema text.
#pragma once
#include "ops/op.h"

namespace fb {

// Fills name, overload, params, returns and result_names. A malformed schema is a bug of ours and
// raises.
void parse_schema(std::string_view text, OpDef& op);
// "a, b for c" -> rules; names are checked against the schema.
void parse_save_rules(std::string_view text, OpDef& op);
std::vector<std::string> split_list(std::string_view text, char separator);

}  // namespace fb
