#pragma once

#include "core/grammar/schema/conjunction.h"

namespace mmoe::grammar {

// Whether it is plain that no value satisfies both: other types, other constants, or objects that a member which both
// require tells apart. oneOf may be read as anyOf then.
bool AreDisjoint(const Conjunction& a, const Conjunction& b, SchemaDocument* document);

}  // namespace mmoe::grammar
