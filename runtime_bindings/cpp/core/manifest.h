#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/mapped_file.h"
#include "core/mmoe.h"
#include "core/progress.h"

namespace mmoe {

// What the runtime reads of an artifact's mmoe.json.
struct Manifest {
  struct File {
    uint64_t bytes;
    std::string sha256;
  };

  std::string backend;
  std::string executorch_version;  // that wrote the program
  int32_t layers;
  int32_t vocab_size;
  int32_t bos_id;  // -1: none
  std::vector<int32_t> stop_ids;
  mmoe_sampling sampling;  // what the checkpoint's author recommends; greedy without a recommendation
  // By the names that a chat template has for them; none in an artifact of before they were written down.
  std::optional<std::map<std::string, std::string>> special_tokens;
  std::map<std::string, File> files;
};

// Parses mmoe.json; `where` names it in messages. Throws CoreError: MMOE_CORRUPT, or MMOE_VERSION for a
// format that is newer than this library.
Manifest ParseManifest(std::string_view json, const std::string& where);

// Throws CoreError(MMOE_CORRUPT) unless every file of the manifest is in `folder` with its size;
// MMOE_NOT_FOUND for one that is missing.
void CheckSizes(const Manifest& manifest, const std::string& folder);

// Throws CoreError(MMOE_CORRUPT) unless the manifest lists each of `required` and every file that it lists
// has its digest. Returns the files that have it, so that what is opened later can be told to be these.
std::map<std::string, FileIdentity> CheckDigests(const Manifest& manifest, const std::string& folder,
                                                 const std::vector<std::string>& required,
                                                 const Progress& progress);

}  // namespace mmoe
