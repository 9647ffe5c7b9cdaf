#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace mmoe {

// The SHA-256 digest (FIPS 180-4) in lower-case hexadecimal. `on_bytes` is told how many of the bytes are done, every
// `step` of them, a multiple of 64.
std::string Sha256(std::string_view bytes, size_t step, const std::function<void(size_t)>& on_bytes);

}  // namespace mmoe
