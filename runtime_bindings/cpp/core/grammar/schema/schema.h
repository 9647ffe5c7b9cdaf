#pragma once

#include <string_view>

#include "core/grammar/grammar.h"

namespace mmoe::grammar {

// The JSON texts that a JSON schema (draft 2020-12) describes, as a grammar. What of it is understood is in docs/runtime.md.
// Throws CoreError: MMOE_INVALID_ARGUMENT if it is no schema, MMOE_UNSUPPORTED for a keyword that is not understood; the
// message has the JSON pointer.
Grammar GrammarOfSchema(std::string_view json);

}  // namespace mmoe::grammar
