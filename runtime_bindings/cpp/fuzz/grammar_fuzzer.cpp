// A JSON schema or a grammar from anywhere: refused with a CoreError, or followed along any bytes within its limits. The
// first byte chooses the kind; the text, and the bytes that are read by it, are parted by the first 0xFF behind that,
// which no UTF-8 has.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/error.h"
#include "core/grammar/configurations.h"
#include "core/grammar/grammars.h"
#include "core/mmoe.h"

namespace {

// Longer texts only repeat what short ones do, slowly.
constexpr size_t kMostRead = 512;

void Follow(const mmoe::grammar::Automaton& automaton, std::string_view text) {
  using mmoe::grammar::Configurations;
  Configurations configurations(automaton);
  auto now = configurations.Start();
  for (const char byte : text.substr(0, kMostRead)) {
    if (configurations.IsLarge()) now = configurations.Keep(now);
    configurations.BeginStep();
    now = configurations.Next(now, static_cast<uint8_t>(byte));
    if (now == Configurations::kDead) return;
  }
  configurations.ends(now);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const size_t end = std::min(input.find('\xFF'), input.size());
  const int32_t kind = data[0] % 2 == 0 ? MMOE_GRAMMAR_JSON_SCHEMA : MMOE_GRAMMAR_GBNF;
  try {
    const mmoe::grammar::Automaton automaton = mmoe::grammar::Compile(kind, input.substr(0, end));
    Follow(automaton, end < input.size() ? input.substr(end + 1) : R"({"a": [1, "b", null], "c": {}})");
  } catch (const mmoe::CoreError&) {
  }
  return 0;
}
