#pragma once

// The core's tokenizer by itself behind a plain C ABI, for tests and benchmarks without a model.

#include <stddef.h>
#include <stdint.h>

#define MMOE_API __attribute__((visibility("default")))

extern "C" {

// A tokenizer of the text of a tokenizer.json; nullptr if it is none, and then `message` (NUL-terminated, at
// most `capacity` bytes) says why.
MMOE_API void* mmoe_tokenizer_new(const char* json, size_t bytes, char* message, size_t capacity);
MMOE_API void mmoe_tokenizer_delete(void* tokenizer);

// The number of ids, the first `capacity` of which are written. SIZE_MAX if the text is refused, and then `message` (as
// above) says why.
MMOE_API size_t mmoe_tokenizer_encode(const void* tokenizer, const char* text, size_t bytes, int32_t add_bos,
                                      int32_t parse_special, int32_t* ids, size_t capacity, char* message,
                                      size_t message_capacity);

// The number of bytes, the first `capacity` of which are written.
MMOE_API size_t mmoe_tokenizer_decode(const void* tokenizer, const int32_t* ids, size_t count,
                                      int32_t skip_special, char* text, size_t capacity);

// The bytes of one token, as the first one of a text or as a later one; returns as mmoe_tokenizer_decode.
MMOE_API size_t mmoe_tokenizer_token_bytes(const void* tokenizer, int32_t id, int32_t first, char* bytes,
                                           size_t capacity);

// The text that mmoe_tokenizer_decode gives, through a DecodeStream, id by id; `ends` [count + 1] are the ends of the
// pieces, the last one that of the flush.
MMOE_API size_t mmoe_tokenizer_stream(const void* tokenizer, const int32_t* ids, size_t count, char* text,
                                      size_t capacity, size_t* ends);

// The same through an AnswerText that ends before the first of `stop_count` strings, which lie in `stops` one after the
// other and end at `stop_ends`. *used: the ids that were taken until the text ended, or `count`.
MMOE_API size_t mmoe_tokenizer_stream_until(const void* tokenizer, const int32_t* ids, size_t count,
                                            const char* stops, const size_t* stop_ends, size_t stop_count,
                                            char* text, size_t capacity, size_t* ends, size_t* used);

// The matches of a regular expression as pairs of byte positions: twice their number, the first `capacity` of
// which are written. SIZE_MAX if the expression is refused, and then `message` (as above) says why.
MMOE_API size_t mmoe_regex_matches(const char* pattern, size_t pattern_bytes, const char* text, size_t bytes,
                                   size_t* positions, size_t capacity, char* message,
                                   size_t message_capacity);

// Valid UTF-8 in a Unicode normalization form: 0 NFC, 1 NFD, 2 NFKC, 3 NFKD. Returns as
// mmoe_tokenizer_decode.
MMOE_API size_t mmoe_normalize(const char* text, size_t bytes, int32_t form, char* normalized,
                               size_t capacity);
}
