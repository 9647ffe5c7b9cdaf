#pragma once

#include <cstdint>

#include "core/grammar/schema/schema_document.h"

namespace mmoe::grammar {

// Types of JSON values, as bits. An integer is a number without a fraction.
enum Type : uint8_t {
  kNull = 1,
  kBoolean = 2,
  kInteger = 4,
  kFraction = 8,
  kString = 16,
  kArray = 32,
  kObject = 64,
  kAllTypes = 127,
};
using Types = uint8_t;

// What a schema's `type` says; all without one.
Types TypesOf(SchemaDocument* document, SchemaId schema);
Types TypesOf(const Json& value);

// Whether two values are equal: numbers by their value, objects in any order.
bool Equal(const Json& a, const Json& b);

}  // namespace mmoe::grammar
