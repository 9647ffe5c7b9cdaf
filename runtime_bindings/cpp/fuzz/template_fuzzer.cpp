// A chat template from anywhere: refused with a CoreError, or rendered within its limits for any JSON.
// The template and the variables are the two halves of the input, parted by its first byte 0xFF, which no
// UTF-8 has.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/error.h"
#include "core/json.h"
#include "core/template/chat_template.h"

namespace {

// A fraction of what an app allows, so that a run stays short under the sanitizers.
constexpr mmoe::jinja::Limits kLimits = {200'000, 1 << 20, 400};
constexpr mmoe::jinja::CivilTime kNow = {2026, 7, 4, 12, 30, 5};
constexpr std::string_view kVariables =
    R"({"messages": [{"role": "system", "content": " \u00e9 "}, {"role": "user", "content": "Why?", "n": [1, 2.5]}],)"
    R"( "tools": [{"function": {"name": "f", "arguments": {"a": null}}}], "bos_token": "<s>", "add_generation_prompt": true})";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t end = std::min(input.find('\xFF'), size);
  try {
    const mmoe::JsonDocument variables(end < size ? input.substr(end + 1) : kVariables, "variables");
    const mmoe::ChatTemplate chat_template(input.substr(0, end), "template");
    chat_template.Render(variables.root(), {}, kNow, kLimits).Spans();
  } catch (const mmoe::CoreError&) {
  }
  return 0;
}
