#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/template/lexer.h"
#include "core/template/template_error.h"

namespace mmoe::jinja {

// The tokens of a template, read one after the other.
class TokenStream {
 public:
  TokenStream(std::vector<Token> tokens, const std::string& where)
      : tokens_(std::move(tokens)), where_(where) {}

  const Token& current() const { return tokens_[at_]; }
  const Token& ahead() const { return tokens_[at_ + 1 < tokens_.size() ? at_ + 1 : at_]; }
  int line() const { return current().line; }
  bool Is(TokenType type) const { return current().type == type; }
  bool IsName(std::string_view name) const { return current().Is(TokenType::kName, name); }
  bool IsOperator(std::string_view text) const { return current().Is(TokenType::kOperator, text); }

  Token Next() {
    Token token = current();
    if (at_ + 1 < tokens_.size()) ++at_;
    return token;
  }
  bool TakeName(std::string_view name) { return Take(IsName(name)); }
  bool TakeOperator(std::string_view text) { return Take(IsOperator(text)); }
  void ExpectOperator(std::string_view text) {
    if (!TakeOperator(text)) Fail("expected \"" + std::string(text) + "\"");
  }
  void ExpectName(std::string_view name) {
    if (!TakeName(name)) Fail("expected " + std::string(name));
  }
  std::string ExpectName() {
    if (!Is(TokenType::kName)) Fail("expected a name");
    return Next().text;
  }
  void ExpectType(TokenType type, const char* what) {
    if (!Is(type)) Fail(std::string("expected ") + what);
    Next();
  }

  // Refuses the current token.
  [[noreturn]] void Fail(const std::string& message) const {
    throw TemplateError(MMOE_CORRUPT, where_, line(), message + ", got " + Shown());
  }
  [[noreturn]] void Unsupported(int at_line, const std::string& message) const {
    throw TemplateError(MMOE_UNSUPPORTED, where_, at_line, message);
  }

 private:
  bool Take(bool matches) {
    if (matches) Next();
    return matches;
  }

  std::string Shown() const {
    switch (current().type) {
      case TokenType::kEnd:
        return "the end of the template";
      case TokenType::kBlockEnd:
        return "the end of a block tag";
      case TokenType::kVariableEnd:
        return "the end of a variable tag";
      case TokenType::kString:
        return "a string";
      default:
        return "\"" + current().text + "\"";
    }
  }

  std::vector<Token> tokens_;
  const std::string& where_;
  size_t at_ = 0;
};

}  // namespace mmoe::jinja
