#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/json.h"
#include "core/template/ast.h"
#include "core/template/budget.h"
#include "core/template/civil_time.h"
#include "core/template/conversation.h"
#include "core/template/text.h"

namespace mmoe {

// A chat template of Hugging Face: Jinja as transformers sets it up (trim_blocks, lstrip_blocks, loop
// controls,
// {% generation %}, its own tojson), read once and rendered as often as wanted, from any thread.
class ChatTemplate {
 public:
  // `where` names the template in messages. Throws jinja::TemplateError with the line: MMOE_CORRUPT for a
  // fault of syntax, MMOE_UNSUPPORTED for what this interpreter does not have.
  ChatTemplate(std::string_view source, std::string where);

  // The text that the template makes of an object of variables: `messages`, `tools`, `documents`,
  // `add_generation_prompt`, `bos_token` and whatever else it reads; see template/conversation.h. Every byte
  // knows whether the template wrote it or a message held it.
  //
  // `now`: what strftime_now shows; the local time unless it is given. Throws jinja::TemplateError with the
  // line where the template failed: MMOE_INVALID_ARGUMENT when it refuses the messages, MMOE_OUT_OF_RESOURCES
  // beyond `limits`.
  jinja::Text Render(const Json& variables, const jinja::SpecialTokens& special_tokens = {},
                     const std::optional<jinja::CivilTime>& now = std::nullopt,
                     const jinja::Limits& limits = {}) const;

 private:
  std::string where_;
  jinja::Program program_;
};

}  // namespace mmoe
