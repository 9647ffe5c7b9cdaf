#include <optional>
#include <utility>

#include "core/tokenizer/reader/parts.h"
#include "core/tokenizer/unicode/properties.h"

namespace mmoe {

namespace {

using Behavior = PreTokenizer::Behavior;
using Metaspace = PreTokenizer::Metaspace;
using Split = PreTokenizer::Split;

// GPT-2's, which ByteLevel uses unless it is told not to.
constexpr std::string_view kByteLevelPattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

constexpr std::pair<const char*, Behavior> kBehaviors[] = {
    {"Removed", Behavior::kRemoved},
    {"Isolated", Behavior::kIsolated},
    {"MergedWithPrevious", Behavior::kMergedWithPrevious},
    {"MergedWithNext", Behavior::kMergedWithNext},
    {"Contiguous", Behavior::kContiguous}};

Behavior ReadBehavior(const TokenizerFile& file, const Json& value) {
  const std::string wanted = value.String();
  for (const auto& [name, behavior] : kBehaviors) {
    if (wanted == name) return behavior;
  }
  file.Corrupt("has a pre_tokenizer with the unknown behavior " + wanted);
}

Split SplitAt(const CharSet& set, Behavior behavior) {
  return {std::make_shared<const Regex>(set), behavior, false};
}

void AddByteLevel(const TokenizerFile& file, const Json& step, PreTokenizer* steps) {
  if (TokenizerFile::Flag(step, "add_prefix_space", true)) steps->Add(PreTokenizer::PrefixSpace{});
  if (TokenizerFile::Flag(step, "use_regex", true)) {
    steps->Add(Split{file.Compile(std::string(kByteLevelPattern), "ByteLevel"), Behavior::kIsolated, false});
  }
}

Metaspace::Prepend ReadPrepend(const TokenizerFile& file, const Json& step) {
  const std::optional<Json> scheme = step.Find("prepend_scheme");
  const std::string name = scheme ? scheme->String() : "always";
  if (!TokenizerFile::Flag(step, "add_prefix_space", true) && name != "never") {
    file.Corrupt("has a Metaspace whose add_prefix_space contradicts its prepend_scheme");
  }
  if (name == "always") return Metaspace::Prepend::kAlways;
  if (name == "first") return Metaspace::Prepend::kFirst;
  if (name == "never") return Metaspace::Prepend::kNever;
  file.Corrupt("has a Metaspace with the unknown prepend_scheme " + name);
}

void AddMetaspace(const TokenizerFile& file, const Json& step, PreTokenizer* steps) {
  const std::string replacement = file.Character(step.Get("replacement"), "Metaspace replacement");
  steps->Add(Metaspace{replacement, ReadPrepend(file, step)});
  if (TokenizerFile::Flag(step, "split", true)) {
    const std::shared_ptr<const Regex> pattern(new Regex(Regex::Literal(replacement)));
    steps->Add(Split{pattern, Behavior::kMergedWithNext, false});
  }
}

void AddStep(const TokenizerFile& file, const Json& step, PreTokenizer* steps) {
  const std::string type = step.Get("type").String();
  if (type == "Split") {
    steps->Add(Split{file.Pattern(step, "Split"), ReadBehavior(file, step.Get("behavior")),
                     TokenizerFile::Flag(step, "invert", false)});
  } else if (type == "Digits") {
    const bool individual = TokenizerFile::Flag(step, "individual_digits", false);
    steps->Add(SplitAt(*FindProperty("N"), individual ? Behavior::kIsolated : Behavior::kContiguous));
  } else if (type == "Punctuation") {
    const std::optional<Json> behavior = step.Find("behavior");
    steps->Add(SplitAt(Punctuation(), behavior ? ReadBehavior(file, *behavior) : Behavior::kIsolated));
  } else if (type == "WhitespaceSplit") {
    steps->Add(SplitAt(WhiteSpace(), Behavior::kRemoved));
  } else if (type == "Whitespace") {
    const CharSet word = PlainWordCharacters();
    const std::shared_ptr<const Regex> runs(
        new Regex(Regex::Runs({word, word.Union(WhiteSpace()).Complement()})));
    steps->Add(Split{runs, Behavior::kRemoved, true});
  } else if (type == "ByteLevel") {
    AddByteLevel(file, step, steps);
  } else if (type == "Metaspace") {
    AddMetaspace(file, step, steps);
  } else {
    file.Unsupported("has a pre_tokenizer of type " + type);
  }
}

}  // namespace

PreTokenizerPart ReadPreTokenizer(const TokenizerFile& file, const Json& pre_tokenizer) {
  PreTokenizerPart part;
  for (const Json& step : file.Steps(pre_tokenizer, "pretokenizers")) {
    // It would see the byte alphabet instead of the text.
    if (part.byte_level) file.Unsupported("has a pre_tokenizer behind ByteLevel");
    AddStep(file, step, &part.steps);
    part.byte_level = step.Get("type").String() == "ByteLevel";
  }
  return part;
}

}  // namespace mmoe
