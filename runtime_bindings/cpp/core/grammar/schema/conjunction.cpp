#include "core/grammar/schema/conjunction.h"

#include <algorithm>
#include <set>

namespace mmoe::grammar {

namespace {

const char* const kChoices[] = {"anyOf", "oneOf"};

}  // namespace

Conjunction Sorted(Conjunction parts) {
  std::sort(parts.begin(), parts.end());
  parts.erase(std::unique(parts.begin(), parts.end()), parts.end());
  return parts;
}

Conjunction OfSchemas(const std::vector<SchemaId>& schemas) {
  Conjunction parts;
  for (const SchemaId schema : schemas) parts.push_back({schema, false});
  return Sorted(std::move(parts));
}

Flattened Flatten(const Conjunction& parts, SchemaDocument* document) {
  std::set<SchemaId> plain;
  std::set<SchemaId> choosing;
  Conjunction work = parts;
  std::set<SchemaId> seen;
  Flattened found;
  while (!work.empty()) {
    const Part part = work.back();
    work.pop_back();
    const SchemaId schema = part.schema;
    if (!part.plain && !seen.insert(schema).second) continue;
    document->Check(schema);
    const Json value = document->At(schema);
    if (value.type() == Json::Type::kBool) {
      if (!value.Bool()) found.nothing = true;
      continue;
    }
    plain.insert(schema);
    if (part.plain) continue;
    if (const auto reference = document->Reference(schema)) work.push_back({*reference, false});
    for (const SchemaId all : document->Schemas(schema, "allOf")) work.push_back({all, false});
    for (const char* keyword : kChoices) {
      if (document->Keyword(schema, keyword)) choosing.insert(schema);
    }
  }
  found.plain.assign(plain.begin(), plain.end());
  found.choosing.assign(choosing.begin(), choosing.end());
  return found;
}

std::optional<Choice> FirstChoice(const Flattened& parts, SchemaDocument* document) {
  if (parts.choosing.empty()) return std::nullopt;
  const SchemaId schema = parts.choosing[0];
  const bool both = document->Keyword(schema, "anyOf") && document->Keyword(schema, "oneOf");
  if (both) document->Unsupported(schema, "oneOf", "beside anyOf is not supported");
  Choice choice{schema, document->Keyword(schema, "anyOf") ? "anyOf" : "oneOf", {}};
  Conjunction others;
  for (const SchemaId other : parts.plain) others.push_back({other, true});
  for (size_t index = 1; index < parts.choosing.size(); ++index)
    others.push_back({parts.choosing[index], false});
  for (const SchemaId way : document->Schemas(schema, choice.keyword)) {
    Conjunction chosen = others;
    chosen.push_back({way, false});
    choice.ways.push_back(Sorted(std::move(chosen)));
  }
  if (choice.ways.empty()) document->Fail(schema, choice.keyword, "has no alternatives");
  return choice;
}

}  // namespace mmoe::grammar
