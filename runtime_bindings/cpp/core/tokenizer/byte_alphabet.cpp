#include "core/tokenizer/byte_alphabet.h"

#include <array>
#include <cstdint>

#include "core/text/utf8.h"

namespace mmoe {

namespace {

constexpr uint32_t kCharacters = 0x144;  // the last is U+0143
constexpr int kNoByte = -1;

bool StandsForItself(uint32_t byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || (byte >= 0xAE && byte <= 0xFF);
}

struct Alphabet {
  std::array<uint32_t, 256> character;
  std::array<int, kCharacters> byte;

  Alphabet() {
    byte.fill(kNoByte);
    uint32_t next = 0x100;
    for (uint32_t value = 0; value < 256; ++value) {
      character[value] = StandsForItself(value) ? value : next++;
      byte[character[value]] = static_cast<int>(value);
    }
  }
};

const Alphabet& TheAlphabet() {
  static const Alphabet alphabet;
  return alphabet;
}

}  // namespace

std::string AlphabetCharacter(unsigned char byte) {
  std::string text;
  AppendUtf8(TheAlphabet().character[byte], &text);
  return text;
}

std::optional<std::string> AlphabetToBytes(std::string_view token) {
  std::string bytes;
  for (size_t at = 0; at < token.size();) {
    const CodePoint code_point = ReadValidUtf8(token, at);
    const int byte = code_point.value < kCharacters ? TheAlphabet().byte[code_point.value] : kNoByte;
    if (byte == kNoByte) return std::nullopt;
    bytes += static_cast<char>(byte);
    at += code_point.bytes;
  }
  return bytes;
}

}  // namespace mmoe
