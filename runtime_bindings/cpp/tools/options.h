#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace mmoe {

// The command line of mmoe-run.
struct Options {
  std::string model;
  std::vector<int64_t> ids;
  int64_t max_new_tokens = 64;
  int64_t threads = 0;
  int64_t chunk = 0;
};

class UsageError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

extern const char* const kUsage;

// `arguments` without the program's name. Throws UsageError.
Options ParseOptions(const std::vector<std::string>& arguments);

}  // namespace mmoe
