#include "core/template/chat_template.h"

#include "core/template/interpreter.h"
#include "core/template/parser.h"
#include "core/template/template_error.h"

namespace mmoe {

ChatTemplate::ChatTemplate(std::string_view source, std::string where)
    : where_(std::move(where)), program_(jinja::Parse(source, where_)) {}

jinja::Text ChatTemplate::Render(const Json& variables, const jinja::SpecialTokens& special_tokens,
                                 const std::optional<jinja::CivilTime>& now,
                                 const jinja::Limits& limits) const {
  jinja::Runtime runtime(limits, now);
  const jinja::Dict read = jinja::ReadVariables(runtime, variables, special_tokens);
  jinja::Interpreter interpreter(program_, runtime);
  try {
    return interpreter.Run(read);
  } catch (const CoreError& error) {
    throw jinja::TemplateError(error.status(), where_, interpreter.line(), error.what());
  }
}

}  // namespace mmoe
