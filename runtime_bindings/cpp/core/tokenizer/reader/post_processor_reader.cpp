#include "core/tokenizer/reader/parts.h"

namespace mmoe {

namespace {

void ReadTemplate(const TokenizerFile& file, const Json& step, int32_t vocab_size, PostProcessorPart* part) {
  bool seen = false;
  const Json single = step.Get("single");
  for (Json piece = single.First(); piece.valid(); piece = piece.Next()) {
    const std::optional<Json> special = piece.Find("SpecialToken");
    if (!special) {
      if (seen || piece.Get("Sequence").Get("id").String() != "A") {
        file.Unsupported("has a TemplateProcessing whose single is more than one text");
      }
      seen = true;
      continue;
    }
    const Json ids = step.Get("special_tokens").Get(special->Get("id").String()).Get("ids");
    for (Json id = ids.First(); id.valid(); id = id.Next()) {
      if (id.Integer() < 0 || id.Integer() >= vocab_size) {
        file.Corrupt("post_processor adds the id " + std::to_string(id.Integer()) + ", which is no token");
      }
      (seen ? part->suffix : part->prefix).push_back(static_cast<int32_t>(id.Integer()));
    }
  }
  if (!seen) file.Unsupported("has a TemplateProcessing whose single is without the text");
}

}  // namespace

PostProcessorPart ReadPostProcessor(const TokenizerFile& file, const Json& processor, int32_t vocab_size) {
  PostProcessorPart part;
  bool has_template = false;
  for (const Json& step : file.Steps(processor, "processors")) {
    const std::string type = step.Get("type").String();
    if (type == "ByteLevel") continue;  // only moves offsets, which nobody asks for
    if (type != "TemplateProcessing") file.Unsupported("has a post_processor of type " + type);
    if (has_template) file.Unsupported("has two TemplateProcessing");
    ReadTemplate(file, step, vocab_size, &part);
    has_template = true;
  }
  return part;
}

}  // namespace mmoe
