#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mmoe {

// The bytes of a file of at most `most_bytes`. Throws CoreError: MMOE_NOT_FOUND, MMOE_CORRUPT (no file, or larger),
// MMOE_IO.
std::string ReadWholeFile(const std::string& path, uint64_t most_bytes);

// Writes a file, or leaves what is there as it is: under a name of its own first, which then takes the place. A link
// stays one, and only a regular file is replaced. Throws
// CoreError(MMOE_IO) naming the path and what the system said.
void ReplaceFile(const std::string& path, std::string_view bytes);

}  // namespace mmoe
