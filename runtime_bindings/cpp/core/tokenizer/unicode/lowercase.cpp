#include "core/tokenizer/unicode/lowercase.h"

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "core/text/utf8.h"

namespace mmoe {

namespace {

struct Lower {
  uint32_t upper;
  uint32_t first;
  uint32_t second;  // 0: there is none
};

constexpr Lower kLower[] = {
#include "core/tokenizer/unicode/lowercase.inc"
};

}  // namespace

std::string Lowercase(std::string_view text) {
  std::string lower;
  lower.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const CodePoint code_point = ReadValidUtf8(text, at);
    const Lower* found =
        std::lower_bound(std::begin(kLower), std::end(kLower), code_point.value,
                         [](const Lower& candidate, uint32_t value) { return candidate.upper < value; });
    if (found == std::end(kLower) || found->upper != code_point.value) {
      lower += text.substr(at, code_point.bytes);
    } else {
      AppendUtf8(found->first, &lower);
      if (found->second != 0) AppendUtf8(found->second, &lower);
    }
    at += code_point.bytes;
  }
  return lower;
}

}  // namespace mmoe
