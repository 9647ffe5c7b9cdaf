#include "core/grammar/schema/types.h"

#include <optional>
#include <string>

#include "core/grammar/schema/number_range.h"

namespace mmoe::grammar {

namespace {

struct NamedType {
  std::string_view name;
  Types types;
};
constexpr NamedType kNamedTypes[] = {
    {"null", kNull},     {"boolean", kBoolean}, {"integer", kInteger}, {"number", kInteger | kFraction},
    {"string", kString}, {"array", kArray},     {"object", kObject}};

Types Named(SchemaDocument* document, SchemaId schema, const Json& name) {
  if (name.type() == Json::Type::kString) {
    for (const NamedType& type : kNamedTypes) {
      if (name.String() == type.name) return type.types;
    }
  }
  document->Fail(schema, "type", "must name types: null, boolean, integer, number, string, array, object");
}

}  // namespace

Types TypesOf(SchemaDocument* document, SchemaId schema) {
  const std::optional<Json> type = document->Keyword(schema, "type");
  if (!type) return kAllTypes;
  if (type->type() != Json::Type::kArray) return Named(document, schema, *type);
  Types types = 0;
  for (Json name = type->First(); name.valid(); name = name.Next()) types |= Named(document, schema, name);
  return types;
}

Types TypesOf(const Json& value) {
  switch (value.type()) {
    case Json::Type::kNull:
      return kNull;
    case Json::Type::kBool:
      return kBoolean;
    case Json::Type::kString:
      return kString;
    case Json::Type::kArray:
      return kArray;
    case Json::Type::kObject:
      return kObject;
    case Json::Type::kNumber:
      break;
  }
  const std::optional<Decimal> number = Decimal::Parse(value.NumberText());
  return !number || number->fraction.empty() ? kInteger : kFraction;
}

bool Equal(const Json& a, const Json& b) {
  if (a.type() != b.type()) return false;
  switch (a.type()) {
    case Json::Type::kNull:
      return true;
    case Json::Type::kBool:
      return a.Bool() == b.Bool();
    case Json::Type::kString:
      return a.String() == b.String();
    case Json::Type::kNumber: {
      const std::optional<Decimal> left = Decimal::Parse(a.NumberText());
      const std::optional<Decimal> right = Decimal::Parse(b.NumberText());
      return left && right ? left->Compare(*right) == 0 : a.NumberText() == b.NumberText();
    }
    case Json::Type::kArray:
    case Json::Type::kObject:
      break;
  }
  if (a.size() != b.size()) return false;
  for (Json left = a.First(), right = b.First(); left.valid(); left = left.Next()) {
    if (a.type() == Json::Type::kArray) {
      if (!Equal(left, right)) return false;
      right = right.Next();
      continue;
    }
    bool found = false;
    for (Json member = b.First(); member.valid(); member = member.Next()) {
      if (member.Name() == left.Name()) found = Equal(left, member);
    }
    if (!found) return false;
  }
  return true;
}

}  // namespace mmoe::grammar
