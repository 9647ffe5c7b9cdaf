#pragma once

#include "core/json.h"
#include "core/tokenizer/normalizer.h"
#include "core/tokenizer/pre_tokenizer.h"
#include "core/tokenizer/reader/tokenizer_file.h"
#include "core/tokenizer/token_decoder.h"

namespace mmoe {

// The parts of a tokenizer.json around its model. All throw CoreError for what they do not know.

Normalizer ReadNormalizer(const TokenizerFile& file, const Json& normalizer);

struct PreTokenizerPart {
  PreTokenizer steps;
  bool byte_level = false;  // words are bytes to the model
};
PreTokenizerPart ReadPreTokenizer(const TokenizerFile& file, const Json& pre_tokenizer);

TokenDecoder ReadDecoder(const TokenizerFile& file, const Json& decoder);

// Special tokens around the one sequence.
struct PostProcessorPart {
  std::vector<int32_t> prefix;
  std::vector<int32_t> suffix;
};
PostProcessorPart ReadPostProcessor(const TokenizerFile& file, const Json& processor, int32_t vocab_size);

}  // namespace mmoe
