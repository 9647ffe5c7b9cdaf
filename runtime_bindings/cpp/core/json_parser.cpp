#include <cstring>

#include "core/error.h"
#include "core/json.h"
#include "core/text/utf8.h"

namespace mmoe {

namespace {

// Deeper nesting is nothing that a manifest or a tokenizer has; the parser recurses, so it must end somewhere.
constexpr int kMaxDepth = 64;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

class JsonParser {
 public:
  explicit JsonParser(JsonDocument* document) : document_(document), text_(document->text_) {}

  void Parse() {
    if (text_.size() >= UINT32_MAX) Fail("is larger than 4 GiB");
    const size_t broken = FindInvalidUtf8(text_);
    if (broken != text_.size()) {
      at_ = broken;
      Fail("is not UTF-8");
    }
    document_->nodes_.reserve(text_.size() / 8);
    Value(0, false);
    Blank();
    if (at_ != text_.size()) Fail("has text behind its end");
  }

 private:
  using Type = Json::Type;

  [[noreturn]] void Fail(const char* what) const {
    throw CoreError(MMOE_CORRUPT, document_->where_ + ": " + what + " (at byte " + std::to_string(at_) + ")");
  }

  void Blank() {
    while (at_ < text_.size() && std::strchr(" \t\r\n", text_[at_]) && text_[at_] != '\0') ++at_;
  }

  bool Take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  void Expect(char c, const char* what) {
    if (!Take(c)) Fail(what);
  }

  uint32_t Begin(Type type, bool named) {
    document_->nodes_.push_back({static_cast<uint32_t>(at_), 0, 0, type, false, named});
    return static_cast<uint32_t>(document_->nodes_.size() - 1);
  }

  void End(uint32_t node, size_t bytes) {
    document_->nodes_[node].bytes = static_cast<uint32_t>(bytes);
    document_->nodes_[node].next = static_cast<uint32_t>(document_->nodes_.size());
  }

  void Value(int depth, bool named) {
    if (depth > kMaxDepth) Fail("is nested too deeply");
    Blank();
    if (at_ >= text_.size()) Fail("ends too early");
    switch (text_[at_]) {
      case '{':
        return Container(Type::kObject, '}', depth, named);
      case '[':
        return Container(Type::kArray, ']', depth, named);
      case '"':
        return String(named);
      case 't':
        return Literal("true", Type::kBool, named);
      case 'f':
        return Literal("false", Type::kBool, named);
      case 'n':
        return Literal("null", Type::kNull, named);
      default:
        return Number(named);
    }
  }

  void Container(Type type, char close, int depth, bool named) {
    const uint32_t node = Begin(type, named);
    ++at_;
    size_t count = 0;
    Blank();
    if (!Take(close)) {
      do {
        Blank();
        if (type == Type::kObject) {
          if (at_ >= text_.size() || text_[at_] != '"') Fail("lacks a member's name");
          String(false);
          Blank();
          Expect(':', "lacks a colon");
        }
        Value(depth + 1, type == Type::kObject);
        ++count;
        Blank();
      } while (Take(','));
      Expect(close, type == Type::kObject ? "lacks a comma or }" : "lacks a comma or ]");
    }
    End(node, count);
  }

  void String(bool named) {
    ++at_;
    const uint32_t node = Begin(Type::kString, named);
    const size_t begin = at_;
    bool escaped = false;
    for (;; ++at_) {
      if (at_ >= text_.size()) Fail("ends inside a string");
      const unsigned char c = static_cast<unsigned char>(text_[at_]);
      if (c == '"') break;
      if (c < 0x20) Fail("has a control character in a string");
      if (c == '\\') {
        escaped = true;
        ++at_;
        if (at_ >= text_.size() || !std::strchr("\"\\/bfnrtu", text_[at_]) || text_[at_] == '\0') {
          Fail("has an unknown escape");
        }
        if (text_[at_] == 'u') Hex();
      }
    }
    document_->nodes_[node].escaped = escaped;
    End(node, at_ - begin);
    ++at_;
  }

  void Hex() {
    for (int digit = 0; digit < 4; ++digit) {
      ++at_;
      if (at_ >= text_.size() || !std::strchr("0123456789abcdefABCDEF", text_[at_]) || text_[at_] == '\0') {
        Fail("has a \\u without four hexadecimal digits");
      }
    }
  }

  void Literal(std::string_view word, Type type, bool named) {
    if (text_.substr(at_, word.size()) != word) Fail("has an unknown word");
    const uint32_t node = Begin(type, named);
    at_ += word.size();
    End(node, word.size());
  }

  void Digits() {
    if (at_ >= text_.size() || !IsDigit(text_[at_])) Fail("has something that is no value");
    while (at_ < text_.size() && IsDigit(text_[at_])) ++at_;
  }

  void Number(bool named) {
    const uint32_t node = Begin(Type::kNumber, named);
    const size_t begin = at_;
    Take('-');
    if (!Take('0')) Digits();
    if (Take('.')) Digits();
    if (Take('e') || Take('E')) {
      if (!Take('+')) Take('-');
      Digits();
    }
    End(node, at_ - begin);
  }

  JsonDocument* document_;
  std::string_view text_;
  size_t at_ = 0;
};

JsonDocument::JsonDocument(std::string_view text, std::string where) : text_(text), where_(std::move(where)) {
  JsonParser(this).Parse();
}

}  // namespace mmoe
