#include "core/tools/pythonic_calls.h"

#include <cctype>
#include <string>
#include <utility>

#include "core/error.h"
#include "core/json.h"
#include "core/json_text.h"
#include "core/text/utf8.h"

namespace mmoe {

namespace {

constexpr int kDeepest = 64;

struct NoCalls {};

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  std::vector<ToolCall> Calls() {
    std::vector<ToolCall> calls;
    Require('[');
    while (!Take(']')) {
      if (!calls.empty()) Require(',');
      calls.push_back(Call());
    }
    SkipSpace();
    if (at_ != text_.size()) throw NoCalls();
    return calls;
  }

 private:
  void SkipSpace() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) ++at_;
  }

  bool Take(char c) {
    SkipSpace();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  void Require(char c) {
    if (!Take(c)) throw NoCalls();
  }

  // Names of tools may have dots and hyphens, which are no part of a Python name.
  std::string Name() {
    SkipSpace();
    const size_t begin = at_;
    while (at_ < text_.size()) {
      const auto c = static_cast<unsigned char>(text_[at_]);
      if (std::isalnum(c) == 0 && c != '_' && c != '.' && c != '-' && c < 0x80) break;
      ++at_;
    }
    if (at_ == begin) throw NoCalls();
    return std::string(text_.substr(begin, at_ - begin));
  }

  ToolCall Call() {
    ToolCall call{Name(), "{"};
    Require('(');
    while (!Take(')')) {
      if (call.arguments.size() > 1) {
        Require(',');
        call.arguments += ", ";
      }
      call.arguments += JsonString(Name()) + ": ";
      Require('=');
      call.arguments += Literal(0);
    }
    call.arguments += "}";
    return call;
  }

  // As JSON.
  std::string Literal(int depth) {
    if (depth > kDeepest) throw NoCalls();
    SkipSpace();
    if (at_ >= text_.size()) throw NoCalls();
    const char c = text_[at_];
    if (c == '"' || c == '\'') return JsonString(String());
    if (c == '[' || c == '(') return Items(c == '[' ? ']' : ')', false, depth);
    if (c == '{') return Items('}', true, depth);
    return Scalar();
  }

  std::string Items(char end, bool object, int depth) {
    ++at_;
    std::string items;
    while (!Take(end)) {
      if (!items.empty()) {
        Require(',');
        if (Take(end)) break;
        items += ", ";
      }
      if (object) {
        SkipSpace();
        if (at_ >= text_.size() || (text_[at_] != '"' && text_[at_] != '\'')) throw NoCalls();
        items += JsonString(String()) + ": ";
        Require(':');
      }
      items += Literal(depth + 1);
    }
    return object ? "{" + items + "}" : "[" + items + "]";
  }

  std::string String() {
    const char quote = text_[at_++];
    std::string value;
    while (at_ < text_.size() && text_[at_] != quote) {
      if (text_[at_] == '\\') {
        Escape(&value);
      } else {
        value += text_[at_++];
      }
    }
    if (at_ >= text_.size()) throw NoCalls();
    ++at_;
    return value;
  }

  void Escape(std::string* value) {
    if (++at_ >= text_.size()) throw NoCalls();
    switch (const char c = text_[at_++]) {
      case 'n':
        *value += '\n';
        return;
      case 't':
        *value += '\t';
        return;
      case 'r':
        *value += '\r';
        return;
      case 'x':
        return AppendUtf8(Hex(2), value);
      case 'u':
        return CodeUnit(value);
      case 'U':
        return CodePoint(Hex(8), value);
      case '\\':
      case '\'':
      case '"':
      case '/':
        *value += c;
        return;
      default:
        *value += '\\';
        *value += c;
    }
  }

  // JSON's escapes come in pairs beyond the basic plane.
  void CodeUnit(std::string* value) {
    uint32_t code = Hex(4);
    if (code >= 0xD800 && code < 0xDC00 && text_.substr(at_, 2) == "\\u") {
      at_ += 2;
      const uint32_t low = Hex(4);
      if (low < 0xDC00 || low > 0xDFFF) throw NoCalls();
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    CodePoint(code, value);
  }

  static void CodePoint(uint32_t code, std::string* value) {
    if (code > 0x10FFFF) throw NoCalls();
    AppendUtf8(code >= 0xD800 && code < 0xE000 ? kReplacement : code, value);
  }

  uint32_t Hex(size_t digits) {
    if (text_.size() - at_ < digits) throw NoCalls();
    uint32_t value = 0;
    for (size_t digit = 0; digit < digits; ++digit) {
      const auto c = static_cast<unsigned char>(text_[at_++]);
      if (std::isxdigit(c) == 0) throw NoCalls();
      value = value * 16 + static_cast<uint32_t>(std::isdigit(c) != 0 ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
  }

  // A number, or one of Python's and JSON's words.
  std::string Scalar() {
    const size_t begin = at_;
    while (at_ < text_.size()) {
      const auto c = static_cast<unsigned char>(text_[at_]);
      if (std::isalnum(c) == 0 && c != '+' && c != '-' && c != '.') break;
      ++at_;
    }
    std::string word(text_.substr(begin, at_ - begin));
    if (word == "True") return "true";
    if (word == "False") return "false";
    if (word == "None") return "null";
    try {
      const JsonDocument document(word, "");
    } catch (const CoreError&) {
      throw NoCalls();
    }
    return word;
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

std::optional<std::vector<ToolCall>> ParsePythonicCalls(std::string_view text) {
  try {
    return Parser(text).Calls();
  } catch (const NoCalls&) {
    return std::nullopt;
  }
}

}  // namespace mmoe
