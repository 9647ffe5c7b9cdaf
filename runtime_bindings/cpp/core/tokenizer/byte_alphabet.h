#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mmoe {

// The 256 printable characters that stand for bytes in a byte-level BPE vocabulary (GPT-2's
// bytes_to_unicode): printable Latin-1 stands for itself, the other bytes for U+0100 onwards.

// The character of a byte, as UTF-8.
std::string AlphabetCharacter(unsigned char byte);

// The bytes that a token's text stands for; none for a text with a character outside the alphabet, as an
// added token may have.
std::optional<std::string> AlphabetToBytes(std::string_view token);

}  // namespace mmoe
