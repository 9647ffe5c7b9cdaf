#pragma once

// The core's chat templates by themselves behind a plain C ABI, for tests without a model.

#include <stddef.h>
#include <stdint.h>

#define MMOE_API __attribute__((visibility("default")))

extern "C" {

// A template of this text; nullptr if it is none, and then `message` (NUL-terminated, at most `capacity`
// bytes) says why, after the number of the status and a space.
MMOE_API void* mmoe_template_new(const char* source, size_t bytes, char* message, size_t capacity);
MMOE_API void mmoe_template_delete(void* chat_template);

// Renders it for a JSON object of variables at the moment `now`, e.g. "2026-07-04T12:30:00". 0 for success,
// and then the text is `bytes` long and begins at `text`, and `origins` has a byte for each of its own: 0 for
// the template's, 1 for data. Otherwise the status, and then the text says why. Both live until the next call
// for this template.
MMOE_API int32_t mmoe_template_render(void* chat_template, const char* variables, size_t variables_bytes,
                                      const char* now, const char** text, const char** origins,
                                      size_t* bytes);
}
