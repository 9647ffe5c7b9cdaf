#pragma once

#include <cstdint>

namespace mmoe::grammar {

// Of a running hash and another number; every bit of both reaches every bit of the result.
inline uint64_t Mix(uint64_t hash, uint64_t value) {
  hash = (hash ^ value) * 0x9E3779B97F4A7C15u + 0x632BE59BD9B4E019u;
  return hash ^ hash >> 29;
}

}  // namespace mmoe::grammar
