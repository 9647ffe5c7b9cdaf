#include <utility>

#include "core/tokenizer/reader/parts.h"

namespace mmoe {

namespace {

constexpr std::pair<const char*, NormalizationForm> kForms[] = {{"NFC", NormalizationForm::kNfc},
                                                                {"NFD", NormalizationForm::kNfd},
                                                                {"NFKC", NormalizationForm::kNfkc},
                                                                {"NFKD", NormalizationForm::kNfkd}};

Normalizer::Step ReadStep(const TokenizerFile& file, const Json& step) {
  const std::string type = step.Get("type").String();
  for (const auto& [name, form] : kForms) {
    if (type == name) return form;
  }
  if (type == "Prepend") return Normalizer::Prepend{step.Get("prepend").String()};
  if (type == "Replace") {
    return Normalizer::Replace{file.Pattern(step, "Replace normalizer"), step.Get("content").String()};
  }
  if (type == "Lowercase") return Normalizer::LowercaseAll{};
  if (type == "Strip")
    return Normalizer::Strip{step.Get("strip_left").Bool(), step.Get("strip_right").Bool()};
  file.Unsupported("has a normalizer of type " + type);
}

}  // namespace

Normalizer ReadNormalizer(const TokenizerFile& file, const Json& normalizer) {
  Normalizer steps;
  for (const Json& step : file.Steps(normalizer, "normalizers")) steps.Add(ReadStep(file, step));
  return steps;
}

}  // namespace mmoe
