#include "core/template/split.h"

#include <algorithm>
#include <unordered_set>

#include "core/template/unicode.h"
#include "core/text/utf8.h"

namespace mmoe::jinja {

namespace {

struct Part {
  size_t begin;
  size_t end;
};

std::vector<Text> Cut(Budget& budget, const Text& text, const std::vector<Part>& parts) {
  budget.Step(static_cast<int64_t>(parts.size() + text.size() / 16));
  std::vector<Text> texts;
  texts.reserve(parts.size());
  for (const Part& part : parts) texts.push_back(text.Part(part.begin, part.end));
  return texts;
}

bool IsSpaceAt(const std::string& bytes, size_t at) { return IsPythonSpace(ReadValidUtf8(bytes, at).value); }

size_t CharacterBefore(const std::string& bytes, size_t at) {
  do --at;
  while ((static_cast<unsigned char>(bytes[at]) & 0xC0) == 0x80);
  return at;
}

size_t SkipForward(const std::string& bytes, size_t at, bool spaces) {
  while (at < bytes.size() && IsSpaceAt(bytes, at) == spaces) at += ReadValidUtf8(bytes, at).bytes;
  return at;
}

size_t SkipBackward(const std::string& bytes, size_t at, bool spaces) {
  while (at > 0 && IsSpaceAt(bytes, CharacterBefore(bytes, at)) == spaces) at = CharacterBefore(bytes, at);
  return at;
}

std::vector<Part> WordsForward(const std::string& bytes, int64_t most) {
  std::vector<Part> parts;
  for (size_t at = SkipForward(bytes, 0, true); at < bytes.size(); at = SkipForward(bytes, at, true)) {
    if (most >= 0 && static_cast<int64_t>(parts.size()) == most) {
      parts.push_back({at, bytes.size()});
      break;
    }
    const size_t end = SkipForward(bytes, at, false);
    parts.push_back({at, end});
    at = end;
  }
  return parts;
}

std::vector<Part> WordsBackward(const std::string& bytes, int64_t most) {
  std::vector<Part> parts;
  for (size_t at = SkipBackward(bytes, bytes.size(), true); at > 0; at = SkipBackward(bytes, at, true)) {
    if (most >= 0 && static_cast<int64_t>(parts.size()) == most) {
      parts.push_back({0, at});
      break;
    }
    const size_t begin = SkipBackward(bytes, at, false);
    parts.push_back({begin, at});
    at = begin;
  }
  std::reverse(parts.begin(), parts.end());
  return parts;
}

// Of a line that ends at `at`: 0 when it does not end there.
size_t LineEnd(const std::string& bytes, size_t at) {
  const CodePoint character = ReadValidUtf8(bytes, at);
  switch (character.value) {
    case '\r':
      return at + 1 < bytes.size() && bytes[at + 1] == '\n' ? 2 : 1;
    case '\n':
    case 0x0B:
    case 0x0C:
    case 0x1C:
    case 0x1D:
    case 0x1E:
    case 0x85:
    case 0x2028:
    case 0x2029:
      return character.bytes;
    default:
      return 0;
  }
}

}  // namespace

Text Strip(const Text& text, const Text* characters, bool at_begin, bool at_end) {
  const std::string& bytes = text.bytes();
  std::unordered_set<uint32_t> dropped;
  if (characters != nullptr) {
    for (size_t at = 0; at < characters->size();) {
      const CodePoint character = ReadValidUtf8(characters->bytes(), at);
      dropped.insert(character.value);
      at += character.bytes;
    }
  }
  const auto drops = [&](size_t at) {
    const uint32_t character = ReadValidUtf8(bytes, at).value;
    return characters == nullptr ? IsPythonSpace(character) : dropped.count(character) > 0;
  };
  size_t begin = 0;
  size_t end = bytes.size();
  while (at_begin && begin < end && drops(begin)) begin += ReadValidUtf8(bytes, begin).bytes;
  while (at_end && end > begin && drops(CharacterBefore(bytes, end))) end = CharacterBefore(bytes, end);
  return text.Part(begin, end);
}

std::vector<Text> Split(Budget& budget, const Text& text, const Text* separator, int64_t most) {
  const std::string& bytes = text.bytes();
  if (separator == nullptr) return Cut(budget, text, WordsForward(bytes, most));
  std::vector<Part> parts;
  size_t at = 0;
  while (most < 0 || static_cast<int64_t>(parts.size()) < most) {
    const size_t found = FindBytes(bytes, separator->bytes(), at);
    if (found == std::string::npos) break;
    parts.push_back({at, found});
    at = found + separator->size();
  }
  parts.push_back({at, bytes.size()});
  return Cut(budget, text, parts);
}

std::vector<Text> SplitFromEnd(Budget& budget, const Text& text, const Text* separator, int64_t most) {
  const std::string& bytes = text.bytes();
  if (separator == nullptr) return Cut(budget, text, WordsBackward(bytes, most));
  std::vector<Part> parts;
  size_t end = bytes.size();
  while ((most < 0 || static_cast<int64_t>(parts.size()) < most) && end >= separator->size()) {
    const size_t found = FindBytesFromEnd(bytes, separator->bytes(), end - separator->size());
    if (found == std::string::npos) break;
    parts.push_back({found + separator->size(), end});
    end = found;
  }
  parts.push_back({0, end});
  std::reverse(parts.begin(), parts.end());
  return Cut(budget, text, parts);
}

std::vector<Text> SplitLines(Budget& budget, const Text& text, bool keep_ends) {
  const std::string& bytes = text.bytes();
  std::vector<Part> parts;
  size_t begin = 0;
  for (size_t at = 0; at < bytes.size();) {
    const size_t end = LineEnd(bytes, at);
    if (end == 0) {
      at += ReadValidUtf8(bytes, at).bytes;
      continue;
    }
    parts.push_back({begin, keep_ends ? at + end : at});
    at += end;
    begin = at;
  }
  if (begin < bytes.size()) parts.push_back({begin, bytes.size()});
  return Cut(budget, text, parts);
}

}  // namespace mmoe::jinja
