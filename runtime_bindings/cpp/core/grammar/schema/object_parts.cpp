#include "core/grammar/schema/object_parts.h"

#include <algorithm>
#include <set>

namespace mmoe::grammar {

ObjectParts::ObjectParts(const std::vector<SchemaId>& plain, SchemaDocument* document) {
  std::set<std::string> required;
  for (const SchemaId schema : plain) {
    OneSchema& found = schemas_.emplace_back();
    for (const auto& [name, property] : document->NamedSchemas(schema, "properties")) {
      found.properties[name] = property;
    }
    if (const auto additional = document->Schema(schema, "additionalProperties")) {
      found.additional.push_back(*additional);
    }
    for (const std::string& name : document->Names(schema, "required")) required.insert(name);
  }
  required_.assign(required.begin(), required.end());
}

bool ObjectParts::Requires(const std::string& name) const {
  return std::binary_search(required_.begin(), required_.end(), name);
}

std::vector<std::string> ObjectParts::Names() const {
  std::set<std::string> names(required_.begin(), required_.end());
  for (const OneSchema& schema : schemas_) {
    for (const auto& [name, property] : schema.properties) names.insert(name);
  }
  return {names.begin(), names.end()};
}

Conjunction ObjectParts::MemberParts(const std::string& name) const {
  std::vector<SchemaId> parts;
  for (const OneSchema& schema : schemas_) {
    const auto property = schema.properties.find(name);
    if (property != schema.properties.end()) {
      parts.push_back(property->second);
    } else {
      parts.insert(parts.end(), schema.additional.begin(), schema.additional.end());
    }
  }
  return OfSchemas(parts);
}

Conjunction ObjectParts::OtherParts() const {
  std::vector<SchemaId> parts;
  for (const OneSchema& schema : schemas_) {
    parts.insert(parts.end(), schema.additional.begin(), schema.additional.end());
  }
  return OfSchemas(parts);
}

}  // namespace mmoe::grammar
