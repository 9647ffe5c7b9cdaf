#pragma once

#include <cstddef>
#include <string_view>

namespace mmoe {

// The regular expression of the family's tokenizer.json (Llama 3's), which splits text into the words that
// BPE works on.
inline constexpr std::string_view kFamilyPattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

// The end of the first match of that expression in text[at..); `text` is valid UTF-8 and at < text.size().
// Every character belongs to a match, so the next word begins there.
size_t NextWord(std::string_view text, size_t at);

}  // namespace mmoe
