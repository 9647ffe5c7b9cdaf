#pragma once

#include <string>
#include <string_view>

namespace mmoe {

// The SHA-256 digest (FIPS 180-4) in lower-case hexadecimal.
std::string Sha256(std::string_view bytes);

}  // namespace mmoe
