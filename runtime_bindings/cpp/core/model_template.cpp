#include "core/model_template.h"

#include "core/error.h"
#include "core/mapped_file.h"

namespace mmoe {

namespace {

constexpr const char* kTemplateFile = "chat_template.jinja";
constexpr const char* kSettingsFile = "tokenizer_config.json";
constexpr const char* kSpecialTokens[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                          "pad_token", "cls_token", "mask_token"};

// Those of tokenizer_config.json, where a token is written as its text or as an object with it.
jinja::SpecialTokens ReadSettings(const std::string& path) {
  const MappedFile file(path);
  const JsonDocument document(file.bytes(), path);
  jinja::SpecialTokens tokens;
  for (const char* name : kSpecialTokens) {
    const std::optional<Json> token = document.root().Find(name);
    if (!token) continue;
    tokens.emplace_back(name,
                        (token->type() == Json::Type::kObject ? token->Get("content") : *token).String());
  }
  file.Check();
  return tokens;
}

jinja::SpecialTokens ReadSpecialTokens(const std::string& folder, const Manifest& manifest) {
  if (manifest.special_tokens) return {manifest.special_tokens->begin(), manifest.special_tokens->end()};
  if (manifest.files.count(kSettingsFile) != 0) return ReadSettings(folder + "/" + kSettingsFile);
  return {};
}

}  // namespace

ModelTemplate::ModelTemplate(std::string_view source, const std::string& source_path,
                             jinja::SpecialTokens special_tokens)
    : template_(source, source_path), special_tokens_(std::move(special_tokens)) {}

jinja::Text ModelTemplate::Render(std::string_view conversation,
                                  const std::optional<jinja::CivilTime>& now) const {
  std::unique_ptr<const JsonDocument> document;
  try {
    document = std::make_unique<const JsonDocument>(conversation, "the conversation");
  } catch (const CoreError& error) {
    throw CoreError(MMOE_INVALID_ARGUMENT, error.what());
  }
  return template_.Render(document->root(), special_tokens_, now);
}

ArtifactTemplate::ArtifactTemplate(const std::string& folder, const Manifest& manifest) {
  if (manifest.files.count(kTemplateFile) == 0) {
    problem_ = CoreError(MMOE_UNSUPPORTED, folder + ": has no chat template; give a plain prompt");
    return;
  }
  const MappedFile source(folder + "/" + kTemplateFile);
  try {
    template_ = std::make_unique<const ModelTemplate>(source.bytes(), source.path(),
                                                      ReadSpecialTokens(folder, manifest));
  } catch (const CoreError& error) {
    problem_ = error;
  }
  source.Check();
}

const ModelTemplate& ArtifactTemplate::Get() const {
  if (problem_) throw CoreError(*problem_);
  return *template_;
}

}  // namespace mmoe
