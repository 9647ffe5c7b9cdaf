#include "core/tokenizer/regex/regex_reader.h"

#include "core/error.h"
#include "core/text/utf8.h"

namespace mmoe {

bool RegexReader::Take(char c) {
  if (!Sees(c)) return false;
  ++at_;
  return true;
}

bool RegexReader::TakeAhead(std::string_view text) {
  if (!SeesAhead(text)) return false;
  at_ += text.size();
  return true;
}

uint32_t RegexReader::Peek() const {
  if (AtEnd()) Unsupported("an end in the middle of something");
  return ReadValidUtf8(pattern_, at_).value;
}

uint32_t RegexReader::Next() {
  const uint32_t code_point = Peek();
  at_ += ReadValidUtf8(pattern_, at_).bytes;
  return code_point;
}

std::string RegexReader::Rest(size_t characters) const {
  size_t end = at_;
  for (; characters > 0 && end < pattern_.size(); --characters) end += ReadValidUtf8(pattern_, end).bytes;
  return std::string(pattern_.substr(at_, end - at_));
}

void RegexReader::Unsupported(const std::string& what) const {
  throw CoreError(MMOE_UNSUPPORTED, "the pattern " + std::string(pattern_) + " has " + what + " (at byte " +
                                        std::to_string(at_) + ")");
}

}  // namespace mmoe
