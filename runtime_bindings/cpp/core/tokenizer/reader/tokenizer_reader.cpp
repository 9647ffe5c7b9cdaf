// Tokenizer's constructor: what a tokenizer.json says, checked to be what this library does.

#include <map>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>

#include "core/json.h"
#include "core/tokenizer/reader/bpe_reader.h"
#include "core/tokenizer/reader/parts.h"
#include "core/tokenizer/tokenizer.h"

namespace mmoe {

class TokenizerReader {
 public:
  TokenizerReader(Tokenizer* tokenizer, const std::string& where) : tokenizer_(*tokenizer), file_(where) {}

  void Read(const Json& root) {
    const std::optional<Json> version = root.Find("version");
    if (version && version->String() != "1.0") file_.Unsupported("has the version " + version->String());
    if (const std::optional<Json> normalizer = root.Find("normalizer")) {
      tokenizer_.normalizer_ = ReadNormalizer(file_, *normalizer);
    }
    PreTokenizerPart cutting;
    if (const std::optional<Json> part = root.Find("pre_tokenizer")) cutting = ReadPreTokenizer(file_, *part);
    tokenizer_.pre_tokenizer_ = std::move(cutting.steps);
    if (const std::optional<Json> decoder = root.Find("decoder")) {
      tokenizer_.decoder_ = ReadDecoder(file_, *decoder);
    }
    if (cutting.byte_level != (tokenizer_.decoder_.kind == TokenDecoder::Kind::kByteLevel)) {
      file_.Unsupported("has a ByteLevel pre_tokenizer without a ByteLevel decoder, or the other way round");
    }
    BpeReader model(file_, cutting.byte_level, &tokenizer_.model_);
    model.Read(root.Get("model"));
    for (const auto& [text, id] : model.ids()) Store(id, text, false);
    if (const std::optional<Json> added = root.Find("added_tokens")) ReadAddedTokens(*added, model);
    if (const std::optional<Json> processor = root.Find("post_processor")) {
      PostProcessorPart around = ReadPostProcessor(file_, *processor, tokenizer_.vocab_size());
      tokenizer_.prefix_ = std::move(around.prefix);
      tokenizer_.suffix_ = std::move(around.suffix);
    }
  }

 private:
  struct Entry {
    AddedToken token;
    bool normalized;
  };

  void Store(int32_t id, const std::string& text, bool special) {
    const auto index = static_cast<size_t>(id);
    if (index >= tokenizer_.tokens_.size()) tokenizer_.tokens_.resize(index + 1);
    tokenizer_.tokens_[index] = {tokenizer_.decoder_.Prepare(text), true, special};
  }

  void ReadAddedTokens(const Json& added, const BpeReader& model) {
    std::map<int32_t, Entry> entries;  // one that comes again replaces the one before
    std::unordered_map<std::string, int32_t> new_ids;
    std::unordered_set<std::string> specials;
    for (Json value = added.First(); value.valid(); value = value.Next()) {
      Entry entry = ReadEntry(value);
      const std::string& content = entry.token.content;
      if (content.empty()) continue;
      if (entry.token.special) specials.insert(content);
      entry.token.id = IdOf(content, model, &new_ids);
      if (entry.token.id != value.Get("id").Integer()) {
        file_.Corrupt("added_tokens gives \"" + content + "\" the id " +
                      std::to_string(value.Get("id").Integer()) + ", but Hugging Face's library the id " +
                      std::to_string(entry.token.id) + "; save the tokenizer again with that library");
      }
      entries.insert_or_assign(entry.token.id, std::move(entry));
    }
    std::unordered_set<std::string> raw;
    std::unordered_set<std::string> normalized;
    for (auto& [id, entry] : entries) {
      AddedToken& token = entry.token;
      bool cut = false;
      if (entry.normalized) token.content = tokenizer_.normalizer_.Apply(token.content, &cut);
      if (token.content.empty() || !(entry.normalized ? normalized : raw).insert(token.content).second) {
        file_.Unsupported("has the added token " + std::to_string(id) +
                          ", of which the normalizer leaves \"" + token.content +
                          "\", as of another or as nothing");
      }
      // The library decodes to what it looks for.
      Store(id, token.content, specials.count(token.content) != 0);
      (entry.normalized ? tokenizer_.normalized_added_ : tokenizer_.raw_added_).Add(std::move(token));
    }
  }

  static Entry ReadEntry(const Json& value) {
    const bool special = TokenizerFile::Flag(value, "special", false);
    return {{value.Get("content").String(), -1, special, TokenizerFile::Flag(value, "lstrip", false),
             TokenizerFile::Flag(value, "rstrip", false), TokenizerFile::Flag(value, "single_word", false)},
            TokenizerFile::Flag(value, "normalized", !special)};
  }

  // The library does not look at the file's ids: a token that the model lacks gets the next one.
  static int32_t IdOf(const std::string& content, const BpeReader& model,
                      std::unordered_map<std::string, int32_t>* new_ids) {
    const auto known = model.ids().find(content);
    if (known != model.ids().end()) return known->second;
    const auto next = static_cast<int32_t>(model.ids().size() + new_ids->size());
    return new_ids->emplace(content, next).first->second;
  }

  Tokenizer& tokenizer_;
  const TokenizerFile file_;
};

Tokenizer::Tokenizer(std::string_view json, const std::string& where) {
  const JsonDocument document(json, where);
  TokenizerReader(this, where).Read(document.root());
}

}  // namespace mmoe
