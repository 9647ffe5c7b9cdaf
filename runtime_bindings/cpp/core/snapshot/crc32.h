#pragma once

#include <cstdint>
#include <string_view>

namespace mmoe {

// CRC-32 as zlib and IEEE 802.3 have it. Finds what storage and copying do to a file at memory speed: SHA-256 of a
// snapshot would take longer than all the rest of its restoring.
uint32_t Crc32(std::string_view bytes);

}  // namespace mmoe
