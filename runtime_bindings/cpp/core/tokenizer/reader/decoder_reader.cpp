#include <algorithm>
#include <iterator>

#include "core/tokenizer/reader/parts.h"

namespace mmoe {

namespace {

// In this order, each at most once but for Replace.
constexpr const char* kPieceSteps[] = {"Replace", "ByteFallback", "Fuse", "Strip"};

void AddReplace(const TokenizerFile& file, const Json& step, TokenDecoder* decoder) {
  const Json pattern = step.Get("pattern");
  if (pattern.Find("Regex")) file.Unsupported("has a Replace decoder with a regular expression");
  const std::string what = pattern.Get("String").String();
  if (what.empty()) file.Unsupported("has a Replace decoder of the empty text");
  decoder->replacements.emplace_back(what, step.Get("content").String());
}

void AddStrip(const TokenizerFile& file, const Json& step, bool fused, TokenDecoder* decoder) {
  if (!fused) file.Unsupported("has a Strip decoder without Fuse in front of it");
  if (step.Get("stop").Integer() != 0) file.Unsupported("has a Strip decoder that takes from the end");
  decoder->strip = file.Character(step.Get("content"), "Strip decoder's content");
  decoder->strip_most = std::max<int64_t>(0, step.Get("start").Integer());
}

TokenDecoder ReadPieces(const TokenizerFile& file, const std::vector<Json>& steps) {
  TokenDecoder decoder;
  decoder.kind = TokenDecoder::Kind::kPieces;
  auto next = std::begin(kPieceSteps);
  bool fused = false;
  for (const Json& step : steps) {
    const std::string type = step.Get("type").String();
    next = std::find(next, std::end(kPieceSteps), type);
    if (next == std::end(kPieceSteps)) file.Unsupported("has a decoder of type " + type + " at its place");
    if (type == "Replace") {
      AddReplace(file, step, &decoder);
      continue;
    }
    if (type == "ByteFallback") decoder.byte_fallback = true;
    if (type == "Fuse") fused = true;
    if (type == "Strip") AddStrip(file, step, fused, &decoder);
    ++next;
  }
  return decoder;
}

}  // namespace

TokenDecoder ReadDecoder(const TokenizerFile& file, const Json& decoder) {
  const std::vector<Json> steps = file.Steps(decoder, "decoders");
  const std::string only = steps.size() == 1 ? steps[0].Get("type").String() : "";
  if (only == "ByteLevel") {
    TokenDecoder bytes;
    bytes.kind = TokenDecoder::Kind::kByteLevel;
    return bytes;
  }
  if (only == "Metaspace") {
    TokenDecoder metaspace;
    metaspace.kind = TokenDecoder::Kind::kMetaspace;
    metaspace.metaspace = file.Character(steps[0].Get("replacement"), "Metaspace replacement");
    const std::optional<Json> scheme = steps[0].Find("prepend_scheme");
    metaspace.first_without_metaspace = !scheme || scheme->String() != "never";
    return metaspace;
  }
  return ReadPieces(file, steps);
}

}  // namespace mmoe
