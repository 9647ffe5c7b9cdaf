#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mmoe::jinja {

enum class TokenType : uint8_t {
  kData,  // text between the tags
  kBlockBegin,
  kBlockEnd,
  kVariableBegin,
  kVariableEnd,
  kName,
  kString,  // with its escapes resolved
  kInteger,
  kFloat,
  kOperator,
  kEnd,
};

struct Token {
  TokenType type;
  std::string text;
  int line;

  bool Is(TokenType wanted, std::string_view what) const { return type == wanted && text == what; }
};

// The tokens of a template as Jinja cuts it with trim_blocks and lstrip_blocks: the newline behind a block
// tag and the white space before one that begins its line are dropped. Throws TemplateError; `where` names
// the template.
std::vector<Token> Tokenize(std::string_view source, const std::string& where);

}  // namespace mmoe::jinja
