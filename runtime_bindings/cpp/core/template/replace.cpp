#include "core/template/replace.h"

#include "core/text/utf8.h"

namespace mmoe::jinja {

namespace {

// An empty text is found before every character and at the end.
Text Interleave(Runtime& runtime, const Text& text, const Text& replacement, int64_t most) {
  Text replaced;
  int64_t count = 0;
  size_t at = 0;
  while (most < 0 || count < most) {
    runtime.budget().Bytes(replacement.size() + 16);
    replaced.Append(replacement);
    ++count;
    if (at == text.size()) return replaced;
    const size_t next = at + ReadValidUtf8(text.bytes(), at).bytes;
    replaced.AppendPart(text, at, next);
    at = next;
  }
  replaced.AppendPart(text, at, text.size());
  return replaced;
}

Text ReplaceFound(Runtime& runtime, const Text& text, const Text& old, const Text& replacement,
                  int64_t most) {
  Text replaced;
  size_t at = 0;
  for (int64_t count = 0; most < 0 || count < most; ++count) {
    const size_t found = FindBytes(text.bytes(), old.bytes(), at);
    if (found == std::string::npos) break;
    runtime.budget().Bytes(found - at + replacement.size() + 16);
    replaced.AppendPart(text, at, found);
    replaced.Append(replacement);
    at = found + old.size();
  }
  runtime.budget().Bytes(text.size() - at);
  replaced.AppendPart(text, at, text.size());
  return replaced;
}

}  // namespace

Text Replace(Runtime& runtime, const Text& text, const Text& old, const Text& replacement, int64_t most) {
  const Text escaped = text.markup() ? EscapeHtml(replacement) : replacement;
  Text replaced = old.empty() ? Interleave(runtime, text, escaped, most)
                              : ReplaceFound(runtime, text, old, escaped, most);
  replaced.set_markup(text.markup());
  return replaced;
}

}  // namespace mmoe::jinja
