#include "core/snapshot/crc32.h"

#include <array>
#include <cstddef>
#include <cstring>

namespace mmoe {

namespace {

constexpr uint32_t kPolynomial = 0xEDB88320;  // bits reversed
constexpr size_t kStride = 8;

using Table = std::array<uint32_t, 256>;

// tables[k][b]: what byte b does to the sum when k bytes of zeros follow it, so that eight bytes are one step
// (Kounavis, Berry: A systematic approach to building high performance software-based CRC generators, 2005).
constexpr std::array<Table, kStride> MakeTables() {
  std::array<Table, kStride> tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t sum = byte;
    for (int bit = 0; bit < 8; ++bit) sum = sum >> 1 ^ ((sum & 1) != 0 ? kPolynomial : 0);
    tables[0][byte] = sum;
  }
  for (size_t zeros = 1; zeros < kStride; ++zeros) {
    for (size_t byte = 0; byte < 256; ++byte) {
      const uint32_t before = tables[zeros - 1][byte];
      tables[zeros][byte] = before >> 8 ^ tables[0][before & 0xFF];
    }
  }
  return tables;
}

constexpr std::array<Table, kStride> kTables = MakeTables();

}  // namespace

uint32_t Crc32(std::string_view bytes) {
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  size_t left = bytes.size();
  uint32_t sum = 0xFFFFFFFF;
  for (; left >= kStride; left -= kStride, data += kStride) {
    uint32_t low = 0, high = 0;
    std::memcpy(&low, data, 4);
    std::memcpy(&high, data + 4, 4);
    low ^= sum;
    sum = kTables[7][low & 0xFF] ^ kTables[6][low >> 8 & 0xFF] ^ kTables[5][low >> 16 & 0xFF] ^
          kTables[4][low >> 24] ^ kTables[3][high & 0xFF] ^ kTables[2][high >> 8 & 0xFF] ^
          kTables[1][high >> 16 & 0xFF] ^ kTables[0][high >> 24];
  }
  for (; left > 0; --left, ++data) sum = sum >> 8 ^ kTables[0][(sum ^ *data) & 0xFF];
  return ~sum;
}

}  // namespace mmoe
