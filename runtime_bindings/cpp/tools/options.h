#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/mmoe.h"

namespace mmoe {

// The command line of mmoe-run.
struct Options {
  std::string artifact;
  // One of the three is given.
  std::vector<int32_t> ids;
  std::string prompt;
  std::string chat;
  int64_t max_new_tokens = 64;
  int64_t min_new_tokens = 0;
  std::vector<std::string> stop;
  uint32_t threads = 0;
  bool verify_checksums = false;
  int64_t chunk = 0;
  mmoe_sampling sampling;
};

class UsageError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

extern const char* const kUsage;

// `arguments` without the program's name. Throws UsageError.
Options ParseOptions(const std::vector<std::string>& arguments);

}  // namespace mmoe
