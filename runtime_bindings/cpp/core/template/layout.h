#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/template/runtime.h"
#include "core/template/text.h"

namespace mmoe::jinja {

// What a format may ask for.
constexpr int64_t kMaxWidth = 1'000'000;
constexpr int64_t kMaxPrecision = 300;

// How a value is laid out: [[fill]align][sign][#][0][width][,][.precision][type].
struct Layout {
  std::string fill = " ";
  char align = '\0';  // '<', '>', '^' or '=', which pads behind the sign
  char sign = '-';
  bool alternate = false;
  char grouping = '\0';
  int64_t width = 0;
  int64_t precision = -1;
  char type = '\0';
};

Text LayOutText(Runtime& runtime, const Text& text, const Layout& layout);
Text LayOutInteger(Runtime& runtime, int64_t value, const Layout& layout);
Text LayOutFloat(Runtime& runtime, double value, const Layout& layout);

// A number at text[*at], which moves behind it, or `missing`; throws for one above `most`.
int64_t ReadNumber(const std::string& text, size_t* at, int64_t missing, int64_t most);

}  // namespace mmoe::jinja
