#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/manifest.h"
#include "core/template/chat_template.h"

namespace mmoe {

// The chat template of an artifact with the special tokens that it may name.
class ModelTemplate {
 public:
  // Throws CoreError as ChatTemplate does.
  ModelTemplate(std::string_view source, const std::string& source_path, jinja::SpecialTokens special_tokens);

  // The text for `conversation`, a JSON object of what Hugging Face's apply_chat_template takes: "messages",
  // "tools", "documents", "add_generation_prompt" and the template's own names. A special token that it names
  // goes before the artifact's. Throws CoreError(MMOE_INVALID_ARGUMENT) when that is no JSON, and as
  // ChatTemplate::Render does.
  jinja::Text Render(std::string_view conversation, const std::optional<jinja::CivilTime>& now) const;

 private:
  ChatTemplate template_;
  jinja::SpecialTokens special_tokens_;
};

// The template that the manifest lists; none when it lists none. A template that this library cannot read is
// reported when it is used, because the artifact can do without it.
class ArtifactTemplate {
 public:
  ArtifactTemplate(const std::string& folder, const Manifest& manifest);

  // Throws CoreError: why the template cannot be read, or MMOE_UNSUPPORTED when there is none.
  const ModelTemplate& Get() const;
  bool readable() const { return template_ != nullptr; }

 private:
  std::unique_ptr<const ModelTemplate> template_;
  std::optional<CoreError> problem_;
};

}  // namespace mmoe
