// Tokenizer's constructor: what a tokenizer.json says, checked to be what this library does.

#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/json.h"
#include "core/tokenizer/byte_alphabet.h"
#include "core/tokenizer/pretokenize.h"
#include "core/tokenizer/tokenizer.h"

namespace mmoe {

class TokenizerReader {
 public:
  TokenizerReader(Tokenizer* tokenizer, const std::string& where) : tokenizer_(*tokenizer), where_(where) {}

  void Read(const Json& root) {
    CheckPipeline(root);
    const Json model = root.Get("model");
    CheckModel(model);
    ReadVocabulary(model.Get("vocab"));
    ReadBytes();
    ReadMerges(model.Get("merges"));
    if (const std::optional<Json> added = root.Find("added_tokens")) ReadAddedTokens(*added);
    if (const std::optional<Json> processor = root.Find("post_processor")) ReadPostProcessor(*processor);
    // Last, because the views need tokens that do not move any more.
    if (Flag(model, "ignore_merges", false)) {
      for (const auto& [text, id] : ids_) tokenizer_.words_[tokenizer_.TokenBytes(id)] = id;
    }
  }

 private:
  // Ids beyond this are no vocabulary but a broken file, which must not cost memory.
  static constexpr int64_t kMaxVocabulary = 1 << 24;

  [[noreturn]] void Unsupported(const std::string& what) const {
    throw CoreError(MMOE_UNSUPPORTED,
                    where_ + ": " + what +
                        ", which this library does not implement; it reads the byte-level BPE "
                        "tokenizers of the Llama 3 family");
  }

  [[noreturn]] void Corrupt(const std::string& what) const {
    throw CoreError(MMOE_CORRUPT, where_ + ": " + what);
  }

  // The elements of a "Sequence", or the object alone.
  static std::vector<Json> Steps(const Json& step, const char* list) {
    if (step.Get("type").String() != "Sequence") return {step};
    std::vector<Json> steps;
    const Json elements = step.Get(list);
    for (Json element = elements.First(); element.valid(); element = element.Next()) steps.push_back(element);
    return steps;
  }

  static bool Flag(const Json& object, const char* name, bool otherwise) {
    const std::optional<Json> flag = object.Find(name);
    return flag ? flag->Bool() : otherwise;
  }

  void CheckPipeline(const Json& root) const {
    if (const std::optional<Json> normalizer = root.Find("normalizer")) {
      Unsupported("has a normalizer (" + normalizer->Get("type").String() + ")");
    }
    const std::vector<Json> steps = Steps(root.Get("pre_tokenizer"), "pretokenizers");
    if (steps.size() != 2 || steps[0].Get("type").String() != "Split" ||
        steps[1].Get("type").String() != "ByteLevel") {
      Unsupported("has a pre_tokenizer other than Split and ByteLevel");
    }
    const Json pattern = steps[0].Get("pattern");
    const std::optional<Json> regex = pattern.Find("Regex");
    if (!regex || regex->String() != kFamilyPattern) {
      Unsupported("splits text by the pattern " + (regex ? regex->String() : pattern.Get("String").String()));
    }
    if (steps[0].Get("behavior").String() != "Isolated" || Flag(steps[0], "invert", false)) {
      Unsupported("has a Split that is not isolating");
    }
    if (Flag(steps[1], "add_prefix_space", true) || Flag(steps[1], "use_regex", true)) {
      Unsupported("has a ByteLevel pre_tokenizer with a pattern or a prefix of its own");
    }
    for (const Json& step : Steps(root.Get("decoder"), "decoders")) {
      if (step.Get("type").String() != "ByteLevel")
        Unsupported("has a decoder of type " + step.Get("type").String());
    }
  }

  void CheckModel(const Json& model) const {
    if (model.Get("type").String() != "BPE") Unsupported("has a model of type " + model.Get("type").String());
    for (const char* affix : {"continuing_subword_prefix", "end_of_word_suffix"}) {
      const std::optional<Json> text = model.Find(affix);
      if (text && !text->String().empty()) Unsupported(std::string("has a ") + affix);
    }
    if (Flag(model, "byte_fallback", false)) Unsupported("has byte_fallback");
    if (const std::optional<Json> dropout = model.Find("dropout"); dropout && dropout->Number() != 0) {
      Unsupported("has dropout");
    }
  }

  Tokenizer::Token& Slot(int64_t id) {
    if (id < 0 || id >= kMaxVocabulary) Corrupt("has the token id " + std::to_string(id));
    if (static_cast<size_t>(id) >= tokenizer_.tokens_.size())
      tokenizer_.tokens_.resize(static_cast<size_t>(id) + 1);
    return tokenizer_.tokens_[static_cast<size_t>(id)];
  }

  void ReadVocabulary(const Json& vocab) {
    ids_.reserve(vocab.size());
    for (Json entry = vocab.First(); entry.valid(); entry = entry.Next()) {
      const int64_t id = entry.Integer();
      std::string text = entry.Name();
      Slot(id).bytes = AlphabetToBytes(text);
      ids_[std::move(text)] = static_cast<int32_t>(id);
    }
  }

  void ReadBytes() {
    for (int byte = 0; byte < 256; ++byte) {
      const auto found = ids_.find(AlphabetCharacter(static_cast<unsigned char>(byte)));
      if (found == ids_.end()) Unsupported("has no token for the byte " + std::to_string(byte));
      tokenizer_.byte_ids_[static_cast<size_t>(byte)] = found->second;
    }
  }

  int32_t Known(const std::string& token) const {
    const auto found = ids_.find(token);
    if (found == ids_.end()) Corrupt("model.merges speaks of \"" + token + "\", which model.vocab lacks");
    return found->second;
  }

  void ReadMerges(const Json& merges) {
    tokenizer_.merges_ = MergeTable(merges.size());
    int32_t rank = 0;
    for (Json merge = merges.First(); merge.valid(); merge = merge.Next(), ++rank) {
      const auto [left, right] = Pair(merge);
      tokenizer_.merges_.Insert(Known(left), Known(right), {rank, Known(left + right)});
    }
  }

  // ["a", "b"], or "a b" in older files.
  std::pair<std::string, std::string> Pair(const Json& merge) const {
    if (merge.type() == Json::Type::kArray) {
      if (merge.size() != 2) Corrupt("model.merges has an entry that is no pair");
      const Json left = merge.First();
      return {left.String(), left.Next().String()};
    }
    const std::string both = merge.String();
    const size_t space = both.find(' ');
    if (space == std::string::npos) Corrupt("model.merges has an entry that is no pair");
    return {both.substr(0, space), both.substr(space + 1)};
  }

  void ReadAddedTokens(const Json& added) {
    for (Json entry = added.First(); entry.valid(); entry = entry.Next()) {
      const std::string content = entry.Get("content").String();
      for (const char* option : {"single_word", "lstrip", "rstrip"}) {
        if (Flag(entry, option, false)) Unsupported("has the added token " + content + " with " + option);
      }
      const int64_t id = entry.Get("id").Integer();
      Tokenizer::Token& token = Slot(id);
      token.bytes = AlphabetToBytes(content);
      token.special = Flag(entry, "special", false);
      const size_t pass = Flag(entry, "normalized", !token.special) ? 1 : 0;
      tokenizer_.added_[pass].Add(content, static_cast<int32_t>(id));
      if (!token.special) tokenizer_.added_but_special_[pass].Add(content, static_cast<int32_t>(id));
    }
  }

  // TemplateProcessing: special tokens around the one sequence. ByteLevel only moves offsets, which nobody asks for.
  void ReadPostProcessor(const Json& processor) {
    for (const Json& step : Steps(processor, "processors")) {
      const std::string type = step.Get("type").String();
      if (type == "ByteLevel") continue;
      if (type != "TemplateProcessing") Unsupported("has a post_processor of type " + type);
      std::vector<int32_t>* side = &tokenizer_.prefix_;
      const Json single = step.Get("single");
      for (Json piece = single.First(); piece.valid(); piece = piece.Next()) {
        const std::optional<Json> special = piece.Find("SpecialToken");
        if (!special) {
          side = &tokenizer_.suffix_;
          continue;
        }
        const Json ids = step.Get("special_tokens").Get(special->Get("id").String()).Get("ids");
        for (Json id = ids.First(); id.valid(); id = id.Next()) {
          if (id.Integer() < 0 || id.Integer() >= tokenizer_.vocab_size()) {
            Corrupt("post_processor adds the id " + std::to_string(id.Integer()) + ", which is no token");
          }
          side->push_back(static_cast<int32_t>(id.Integer()));
        }
      }
    }
  }

  Tokenizer& tokenizer_;
  const std::string& where_;
  std::unordered_map<std::string, int32_t> ids_;  // by the text in the file
};

Tokenizer::Tokenizer(std::string_view json, const std::string& where) {
  const JsonDocument document(json, where);
  TokenizerReader(this, where).Read(document.root());
}

}  // namespace mmoe
