#pragma once

#include <cstdint>

namespace mmoe {

// What the tokenizer's regular expression tells apart: \p{L}, \p{N}, \s and the rest.
enum class CharClass : uint8_t { kOther, kLetter, kNumber, kSpace };

CharClass ClassOf(uint32_t code_point);

}  // namespace mmoe
