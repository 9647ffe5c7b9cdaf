#include "core/grammar/schema/disjoint.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "core/grammar/schema/object_parts.h"
#include "core/grammar/schema/types.h"

namespace mmoe::grammar {

namespace {

// Of members that tell objects apart by members of theirs.
constexpr int kMaxDepth = 3;

std::vector<Json> ConstantsOf(const Flattened& parts, SchemaDocument* document) {
  for (const SchemaId schema : parts.plain) {
    if (const auto value = document->Keyword(schema, "const")) return {*value};
    const auto list = document->Keyword(schema, "enum");
    if (!list || list->type() != Json::Type::kArray) continue;
    std::vector<Json> values;
    for (Json value = list->First(); value.valid(); value = value.Next()) values.push_back(value);
    return values;
  }
  return {};
}

bool AreDisjoint(const Conjunction& a, const Conjunction& b, SchemaDocument* document, int depth) {
  const Flattened left = Flatten(a, document);
  const Flattened right = Flatten(b, document);
  if (left.nothing || right.nothing) return true;
  const auto types_of = [&](const Flattened& parts, const std::vector<Json>& constants) {
    Types types = kAllTypes;
    for (const SchemaId schema : parts.plain) types &= TypesOf(document, schema);
    Types of_constants = 0;
    for (const Json& value : constants) of_constants |= TypesOf(value);
    return constants.empty() ? types : static_cast<Types>(types & of_constants);
  };
  const std::vector<Json> left_values = ConstantsOf(left, document);
  const std::vector<Json> right_values = ConstantsOf(right, document);
  const Types common = types_of(left, left_values) & types_of(right, right_values);
  if (common == 0) return true;
  if (!left_values.empty() && !right_values.empty()) {
    return std::none_of(left_values.begin(), left_values.end(), [&](const Json& value) {
      return std::any_of(right_values.begin(), right_values.end(),
                         [&](const Json& other) { return Equal(value, other); });
    });
  }
  if (common != kObject || depth == kMaxDepth) return false;
  const ObjectParts left_object(left.plain, document);
  const ObjectParts right_object(right.plain, document);
  for (const std::string& name : left_object.required()) {
    const Conjunction theirs = right_object.MemberParts(name);
    if (Flatten(theirs, document).nothing) return true;
    if (right_object.Requires(name) &&
        AreDisjoint(left_object.MemberParts(name), theirs, document, depth + 1)) {
      return true;
    }
  }
  return std::any_of(
      right_object.required().begin(), right_object.required().end(),
      [&](const std::string& name) { return Flatten(left_object.MemberParts(name), document).nothing; });
}

}  // namespace

bool AreDisjoint(const Conjunction& a, const Conjunction& b, SchemaDocument* document) {
  return AreDisjoint(a, b, document, 0);
}

}  // namespace mmoe::grammar
