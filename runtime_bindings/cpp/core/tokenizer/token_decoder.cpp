#include "core/tokenizer/token_decoder.h"

#include <charconv>
#include <optional>

#include "core/tokenizer/byte_alphabet.h"

namespace mmoe {

namespace {

constexpr std::string_view kReplacementUtf8 = "\xEF\xBF\xBD";

std::string ReplaceAll(std::string_view text, std::string_view what, std::string_view by) {
  std::string replaced;
  for (size_t at = 0; at < text.size();) {
    const size_t found = std::min(text.find(what, at), text.size());
    replaced += text.substr(at, found - at);
    if (found == text.size()) break;
    replaced += by;
    at = found + what.size();
  }
  return replaced;
}

// 0x41 of <0x41>.
std::optional<char> ByteOf(std::string_view token) {
  if (token.size() != 6 || token.substr(0, 3) != "<0x" || token[5] != '>') return std::nullopt;
  unsigned value = 0;
  // The library's parser takes a sign in front of a digit, too.
  const char* begin = token.data() + (token[3] == '+' ? 4 : 3);
  const auto [end, error] = std::from_chars(begin, token.data() + 5, value, 16);
  if (error != std::errc() || end != token.data() + 5) return std::nullopt;
  return static_cast<char>(value);
}

}  // namespace

std::string TokenDecoder::Prepare(std::string text) const {
  if (kind == Kind::kByteLevel) return AlphabetToBytes(text).value_or(text);
  for (const auto& [what, by] : replacements) text = ReplaceAll(text, what, by);
  return text;
}

std::string TokenDecoder::Bytes(std::string_view token, bool first) const {
  switch (kind) {
    case Kind::kSpaced:
      return (first ? "" : " ") + std::string(token);
    case Kind::kByteLevel:
      return std::string(token);
    case Kind::kMetaspace:
      return ReplaceAll(token, metaspace, first && first_without_metaspace ? "" : " ");
    case Kind::kPieces:
      break;
  }
  const std::optional<char> byte = byte_fallback ? ByteOf(token) : std::nullopt;
  std::string_view bytes = byte ? std::string_view(&*byte, 1) : token;
  int64_t strip_left = first ? strip_most : 0;
  while (strip_left-- > 0 && bytes.substr(0, strip.size()) == strip) bytes.remove_prefix(strip.size());
  return std::string(bytes);
}

std::string DecodeStream::Push(std::string_view token) {
  const bool first = std::exchange(first_, false);
  switch (decoder_->kind) {
    case TokenDecoder::Kind::kSpaced:
    case TokenDecoder::Kind::kMetaspace:
      return decoder_->Bytes(token, first);
    case TokenDecoder::Kind::kByteLevel:
      return utf8_.Push(token);
    case TokenDecoder::Kind::kPieces:
      break;
  }
  if (decoder_->byte_fallback) {
    if (const std::optional<char> byte = ByteOf(token)) {
      bytes_ += *byte;
      return {};
    }
  }
  return Strip(EndBytes() + std::string(token));
}

std::string DecodeStream::Flush() {
  std::string text = utf8_.Flush() + Strip(EndBytes());
  first_ = true;
  strip_left_ = decoder_->strip_most;
  return text;
}

std::string DecodeStream::Pause() {
  return FindInvalidUtf8(bytes_) == bytes_.size() ? Strip(EndBytes()) : std::string();
}

std::string DecodeStream::EndBytes() {
  const std::string bytes = std::exchange(bytes_, {});
  if (FindInvalidUtf8(bytes) == bytes.size()) return bytes;
  std::string text;
  for (size_t byte = 0; byte < bytes.size(); ++byte) text += kReplacementUtf8;
  return text;
}

std::string DecodeStream::Strip(std::string text) {
  size_t begin = 0;
  while (strip_left_ > 0 && begin < text.size()) {
    if (text.compare(begin, decoder_->strip.size(), decoder_->strip) == 0) {
      begin += decoder_->strip.size();
      --strip_left_;
    } else {
      strip_left_ = 0;
    }
  }
  return text.substr(begin);
}

}  // namespace mmoe
