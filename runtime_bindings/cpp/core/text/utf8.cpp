#include "core/text/utf8.h"

namespace mmoe {

namespace {

struct Scan {
  uint32_t bytes;  // of the character, or of the maximal part of one; at least 1
  bool valid;
  bool cut;  // the text ends inside what may become a character
};

// Table 3-7 of Unicode 15.0: what may follow a lead byte.
Scan ScanCharacter(std::string_view text, size_t at) {
  const unsigned char lead = static_cast<unsigned char>(text[at]);
  if (lead < 0x80) return {1, true, false};
  const uint32_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4) return {1, false, false};
  unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  for (uint32_t offset = 1; offset < size; ++offset) {
    if (at + offset >= text.size()) return {offset, false, true};
    const unsigned char byte = static_cast<unsigned char>(text[at + offset]);
    if (byte < low || byte > high) return {offset, false, false};
    low = 0x80;
    high = 0xBF;
  }
  return {size, true, false};
}

constexpr std::string_view kReplacementUtf8 = "\xEF\xBF\xBD";

}  // namespace

size_t FindInvalidUtf8(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const Scan scan = ScanCharacter(text, at);
    if (!scan.valid) return at;
    at += scan.bytes;
  }
  return text.size();
}

void AppendUtf8(uint32_t code_point, std::string* text) {
  const auto put = [&](uint32_t byte) { text->push_back(static_cast<char>(byte)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xC0 | code_point >> 6);
    put(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    put(0xE0 | code_point >> 12);
    put(0x80 | (code_point >> 6 & 0x3F));
    put(0x80 | (code_point & 0x3F));
  } else {
    put(0xF0 | code_point >> 18);
    put(0x80 | (code_point >> 12 & 0x3F));
    put(0x80 | (code_point >> 6 & 0x3F));
    put(0x80 | (code_point & 0x3F));
  }
}

void AppendLossyUtf8(std::string_view bytes, std::string* text) {
  Utf8Stream stream;
  *text += stream.Push(bytes);
  *text += stream.Flush();
}

std::string Utf8Stream::Push(std::string_view bytes) {
  std::string joined;
  if (!pending_.empty()) {
    joined = pending_ + std::string(bytes);
    bytes = joined;
  }
  std::string text;
  text.reserve(bytes.size());
  std::string rest;
  for (size_t at = 0; at < bytes.size();) {
    const Scan scan = ScanCharacter(bytes, at);
    if (scan.cut) {
      rest = bytes.substr(at);
      break;
    }
    text += scan.valid ? bytes.substr(at, scan.bytes) : kReplacementUtf8;
    at += scan.bytes;
  }
  pending_ = std::move(rest);
  return text;
}

std::string Utf8Stream::Flush() {
  const bool unfinished = !pending_.empty();
  pending_.clear();
  return unfinished ? std::string(kReplacementUtf8) : std::string();
}

}  // namespace mmoe
