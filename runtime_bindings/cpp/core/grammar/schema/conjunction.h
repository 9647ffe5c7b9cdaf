#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "core/grammar/schema/schema_document.h"

namespace mmoe::grammar {

// Schemas that a value has to satisfy all of: what $ref, allOf and keywords beside them come to. Of a plain one only its own
// keywords count, because its $ref, allOf, anyOf and oneOf are parts already or were chosen from.
struct Part {
  SchemaId schema;
  bool plain;
  bool operator<(const Part& other) const {
    return schema != other.schema ? schema < other.schema : plain < other.plain;
  }
  bool operator==(const Part& other) const { return schema == other.schema && plain == other.plain; }
};
using Conjunction = std::vector<Part>;  // ascending

Conjunction Sorted(Conjunction parts);
Conjunction OfSchemas(const std::vector<SchemaId>& schemas);

// A conjunction with all that is referred to: plain parts, and schemas that leave a choice.
struct Flattened {
  bool nothing = false;            // false is among them
  std::vector<SchemaId> plain;     // ascending; without `true`
  std::vector<SchemaId> choosing;  // with an anyOf or oneOf that is still to be chosen from
};
// Throws for keywords that are not understood, wherever it comes to.
Flattened Flatten(const Conjunction& parts, SchemaDocument* document);

// The ways to choose from the first choice of a conjunction; without one, none.
struct Choice {
  SchemaId schema;
  const char* keyword;
  std::vector<Conjunction> ways;
};
std::optional<Choice> FirstChoice(const Flattened& parts, SchemaDocument* document);

}  // namespace mmoe::grammar
