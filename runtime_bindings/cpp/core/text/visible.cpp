#include "core/text/visible.h"

#include <cstdint>
#include <cstdio>

#include "core/text/utf8.h"

namespace mmoe {

namespace {

bool IsUnsafe(uint32_t character) {
  const auto within = [&](uint32_t first, uint32_t last) { return first <= character && character <= last; };
  return within(0, 0x1F) || within(0x7F, 0x9F) || character == 0x61C || within(0x200E, 0x200F) ||
         within(0x2028, 0x202E) || within(0x2066, 0x2069);
}

}  // namespace

std::string Visible(std::string_view text, bool keeps_lines) {
  std::string valid, shown;
  AppendLossyUtf8(text, &valid);
  shown.reserve(valid.size());
  for (size_t at = 0; at < valid.size();) {
    const CodePoint character = ReadValidUtf8(valid, at);
    const bool kept = keeps_lines && (character.value == '\n' || character.value == '\t');
    if (kept || !IsUnsafe(character.value)) {
      shown.append(valid, at, character.bytes);
    } else {
      char escape[8];
      std::snprintf(escape, sizeof(escape), character.value < 0x100 ? "\\x%02x" : "\\u%04x", character.value);
      shown += escape;
    }
    at += character.bytes;
  }
  return shown;
}

}  // namespace mmoe
