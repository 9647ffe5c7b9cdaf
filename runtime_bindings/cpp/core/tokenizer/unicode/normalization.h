#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mmoe {

// Unicode's normalization forms (Unicode Standard Annex 15).
enum class NormalizationForm : uint8_t { kNfc, kNfd, kNfkc, kNfkd };

// `text` is valid UTF-8. Linear but for the sorting of marks that follow each other.
std::string Normalize(std::string_view text, NormalizationForm form);

}  // namespace mmoe
