#pragma once

#include <string_view>

#include "core/grammar/grammar.h"

namespace mmoe::grammar {

// Reads a grammar in llama.cpp's GBNF: rules (name ::= alternatives), "literals", [classes], ., groups, the repeats * + ?
// {n} {n,} {n,m}, escapes and # comments; its root is the rule `root`. Throws CoreError(MMOE_INVALID_ARGUMENT) with line and
// column, MMOE_UNSUPPORTED for tokens (<...>).
Grammar ParseGbnf(std::string_view text);

}  // namespace mmoe::grammar
