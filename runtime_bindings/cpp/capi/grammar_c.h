#pragma once

// The core's grammars by themselves behind a plain C ABI, for tests and benchmarks without a model.

#include <stddef.h>
#include <stdint.h>

#define MMOE_API __attribute__((visibility("default")))

extern "C" {

// The tokens of a tokenizer.json's text, without the `stop_count` ones that end a text; and a grammar of an
// mmoe_grammar_kind for them, or for a text read byte by byte if `vocabulary` is nullptr. nullptr if there is none, and then
// `message` (NUL-terminated, at most `capacity` bytes) says why, after the number of the status and a space.
MMOE_API void* mmoe_vocabulary_new(const char* tokenizer_json, size_t bytes, const int32_t* stop_ids,
                                   size_t stop_count, char* message, size_t capacity);
MMOE_API void mmoe_vocabulary_delete(void* vocabulary);
MMOE_API void* mmoe_grammar_new(const void* vocabulary, int32_t kind, const char* text, size_t bytes,
                                char* message, size_t capacity);
MMOE_API void mmoe_grammar_delete(void* grammar);

// How many bytes of a text the grammar can begin with, and whether it may end behind all of them. SIZE_MAX if the grammar
// cannot be followed, and then `message` (as above) says why.
MMOE_API size_t mmoe_grammar_read(const void* grammar, const char* text, size_t bytes, int32_t* ends,
                                  char* message, size_t capacity);

// A text within a grammar for a vocabulary, which outlives it.
MMOE_API void* mmoe_matcher_new(const void* grammar, int32_t at_start);
MMOE_API void mmoe_matcher_delete(void* matcher);
// Sets allowed[id] to 1 or 0 for `vocab_size` ids; *ends: whether the text may end here. 0, or the status of a failure.
MMOE_API int32_t mmoe_matcher_allowed(void* matcher, uint8_t* allowed, size_t vocab_size, int32_t* ends,
                                      char* message, size_t capacity);
// 1 if the token may come next, and then it has.
MMOE_API int32_t mmoe_matcher_push(void* matcher, int32_t id);
}
