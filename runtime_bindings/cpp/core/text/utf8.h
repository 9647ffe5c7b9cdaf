#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace mmoe {

constexpr uint32_t kReplacement = 0xFFFD;

struct CodePoint {
  uint32_t value;
  uint32_t bytes;  // that it takes in the text
};

// The character at text[at]; the text must be valid UTF-8 from there.
inline CodePoint ReadValidUtf8(std::string_view text, size_t at) {
  const auto byte = [&](size_t offset) {
    return static_cast<uint32_t>(static_cast<unsigned char>(text[at + offset]));
  };
  const uint32_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  if (lead < 0xE0) return {(lead & 0x1F) << 6 | (byte(1) & 0x3F), 2};
  if (lead < 0xF0) return {(lead & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F), 3};
  return {(lead & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F), 4};
}

// The first byte that begins no valid character; text.size() when all is UTF-8.
size_t FindInvalidUtf8(std::string_view text);

void AppendUtf8(uint32_t code_point, std::string* text);

// Appends `bytes` as UTF-8. What is no UTF-8 becomes U+FFFD, one for each maximal part of a character
// (Unicode 15.0, section 3.9, "U+FFFD Substitution of Maximal Subparts"), as Rust and Python do it.
void AppendLossyUtf8(std::string_view bytes, std::string* text);

// Bytes in, whole characters out: the pieces joined are AppendLossyUtf8 of all bytes.
class Utf8Stream {
 public:
  // The text that `bytes` completes.
  std::string Push(std::string_view bytes);
  // What was kept back, at the end.
  std::string Flush();
  // What is kept back, and what gives it back to another stream.
  const std::string& pending() const { return pending_; }
  void Restore(std::string pending) { pending_ = std::move(pending); }

 private:
  std::string pending_;  // the beginning of a character, at most 3 bytes
};

}  // namespace mmoe
