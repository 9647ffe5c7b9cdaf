#include "capi/tokenizer_c.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "core/answer_text.h"
#include "core/error.h"
#include "core/text/utf8.h"
#include "core/tokenizer/regex/regex.h"
#include "core/tokenizer/tokenizer.h"
#include "core/tokenizer/unicode/normalization.h"

namespace {

const mmoe::Tokenizer& From(const void* tokenizer) { return *static_cast<const mmoe::Tokenizer*>(tokenizer); }

void Explain(const mmoe::CoreError& error, char* message, size_t capacity) {
  std::snprintf(message, capacity, "status %d: %s", static_cast<int>(error.status()), error.what());
}

size_t Hand(const std::string& text, char* out, size_t capacity) {
  std::memcpy(out, text.data(), std::min(capacity, text.size()));
  return text.size();
}

}  // namespace

void* mmoe_tokenizer_new(const char* json, size_t bytes, char* message, size_t capacity) {
  try {
    return new mmoe::Tokenizer(std::string_view(json, bytes), "tokenizer.json");
  } catch (const mmoe::CoreError& error) {
    Explain(error, message, capacity);
    return nullptr;
  }
}

void mmoe_tokenizer_delete(void* tokenizer) { delete static_cast<mmoe::Tokenizer*>(tokenizer); }

size_t mmoe_tokenizer_encode(const void* tokenizer, const char* text, size_t bytes, int32_t add_bos,
                             int32_t parse_special, int32_t* ids, size_t capacity, char* message,
                             size_t message_capacity) {
  try {
    std::vector<int32_t> found;
    From(tokenizer).Encode(std::string_view(text, bytes), add_bos != 0, parse_special != 0, &found);
    std::copy_n(found.begin(), std::min(capacity, found.size()), ids);
    return found.size();
  } catch (const mmoe::CoreError& error) {
    Explain(error, message, message_capacity);
    return SIZE_MAX;
  }
}

size_t mmoe_tokenizer_decode(const void* tokenizer, const int32_t* ids, size_t count, int32_t skip_special,
                             char* text, size_t capacity) {
  std::string found;
  From(tokenizer).Decode(ids, count, skip_special != 0, &found);
  return Hand(found, text, capacity);
}

size_t mmoe_tokenizer_token_bytes(const void* tokenizer, int32_t id, int32_t first, char* bytes,
                                  size_t capacity) {
  return Hand(From(tokenizer).TokenBytes(id, first != 0), bytes, capacity);
}

size_t mmoe_tokenizer_stream(const void* tokenizer, const int32_t* ids, size_t count, char* text,
                             size_t capacity, size_t* ends) {
  mmoe::DecodeStream stream = From(tokenizer).NewStream();
  std::string found;
  for (size_t index = 0; index < count; ++index) {
    if (From(tokenizer).HasToken(ids[index])) found += stream.Push(From(tokenizer).TokenText(ids[index]));
    ends[index] = found.size();
  }
  found += stream.Flush();
  ends[count] = found.size();
  return Hand(found, text, capacity);
}

size_t mmoe_tokenizer_stream_until(const void* tokenizer, const int32_t* ids, size_t count, const char* stops,
                                   const size_t* stop_ends, size_t stop_count, char* text, size_t capacity,
                                   size_t* ends, size_t* used) {
  mmoe::Limits limits;
  for (size_t index = 0; index < stop_count; ++index) {
    const size_t begin = index == 0 ? 0 : stop_ends[index - 1];
    limits.stop.emplace_back(stops + begin, stops + stop_ends[index]);
  }
  mmoe::AnswerText answer(From(tokenizer));
  answer.SetLimits(limits);
  std::string found;
  for (*used = 0; *used < count && answer.finish() == MMOE_FINISH_NONE; ++*used) {
    found += answer.Push(ids[*used]);
    ends[*used] = found.size();
  }
  found += answer.End(MMOE_FINISH_STOP_TOKEN, -1);
  ends[*used] = found.size();
  return Hand(found, text, capacity);
}

size_t mmoe_regex_matches(const char* pattern, size_t pattern_bytes, const char* text, size_t bytes,
                          size_t* positions, size_t capacity, char* message, size_t message_capacity) {
  try {
    const mmoe::Regex regex(std::string_view(pattern, pattern_bytes));
    mmoe::RegexMatches matches(regex, std::string_view(text, bytes));
    size_t count = 0;
    for (mmoe::Regex::Match match = matches.Next(); match.begin < bytes; match = matches.Next()) {
      for (const size_t position : {match.begin, match.end}) {
        if (count < capacity) positions[count] = position;
        ++count;
      }
    }
    return count;
  } catch (const mmoe::CoreError& error) {
    Explain(error, message, message_capacity);
    return SIZE_MAX;
  }
}

size_t mmoe_normalize(const char* text, size_t bytes, int32_t form, char* normalized, size_t capacity) {
  const std::string found =
      mmoe::Normalize(std::string_view(text, bytes), static_cast<mmoe::NormalizationForm>(form));
  return Hand(found, normalized, capacity);
}
