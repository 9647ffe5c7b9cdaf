#pragma once

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/mmoe.h"

namespace mmoe {

// The command line of mmoe-run.
struct Options {
  std::string artifact;
  // One of the five is given.
  std::vector<int32_t> ids;
  std::string prompt;
  std::string chat;
  std::string messages_file;
  std::string restore_file;
  std::string now;  // "": the clock's
  bool print_prompt_ids = false;
  int64_t max_new_tokens = 64;
  int64_t min_new_tokens = 0;
  std::vector<std::string> stop;
  std::string json_schema;  // a file, or a schema that begins with {; "": none
  std::string grammar_file;
  int64_t draft_tokens = 0;  // -1: as many as the program judges
  std::string save_file;     // "": none
  uint32_t threads = 0;
  bool verify_checksums = false;
  int64_t chunk = 0;
  // In this order upon the artifact's own sampling.
  std::vector<std::function<void(mmoe_sampling&)>> sampling_changes;
};

class UsageError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

extern const char* const kUsage;

// `arguments` without the program's name. Throws UsageError.
Options ParseOptions(const std::vector<std::string>& arguments);

}  // namespace mmoe
