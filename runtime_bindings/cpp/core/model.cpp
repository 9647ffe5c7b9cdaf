#include "core/model.h"

#include <sys/stat.h>

#include <algorithm>

#include "core/error.h"
#include "core/mapped_file.h"
#include "core/stopwatch.h"

namespace mmoe {

namespace {

Manifest ReadManifest(const std::string& folder) {
  struct stat status = {};
  if (stat(folder.c_str(), &status) != 0) throw CoreError(MMOE_NOT_FOUND, folder + ": no such folder");
  if (!S_ISDIR(status.st_mode)) {
    throw CoreError(MMOE_INVALID_ARGUMENT,
                    folder + ": is not a folder; give the artifact's folder, not a file in it");
  }
  const std::string path = folder + "/mmoe.json";
  if (stat(path.c_str(), &status) != 0) {
    throw CoreError(MMOE_NOT_FOUND, path + ": file missing; this is no folder that mmoe-export wrote");
  }
  const MappedFile file(path);
  Manifest manifest = ParseManifest(file.bytes(), path);
  file.Check();
  return manifest;
}

std::unique_ptr<const Tokenizer> ReadTokenizer(const std::string& folder) {
  const std::string path = folder + "/tokenizer.json";
  const MappedFile file(path);
  auto tokenizer = std::make_unique<const Tokenizer>(file.bytes(), path);
  file.Check();
  return tokenizer;
}

}  // namespace

Model::Model(const std::string& folder, bool verify_checksums) {
  const Stopwatch watch;
  manifest_ = ReadManifest(folder);
  CheckFiles(manifest_, folder, verify_checksums);
  tokenizer_ = ReadTokenizer(folder);
  program_ = std::make_shared<const Program>(folder + "/model.pte", manifest_.executorch_version);
  const int64_t vocab_size = program_->info().vocab_size;
  if (vocab_size != manifest_.vocab_size || tokenizer_->vocab_size() > vocab_size) {
    throw CoreError(MMOE_CORRUPT, folder +
                                      ": its files do not belong together: the program has a vocabulary of " +
                                      std::to_string(vocab_size) + ", the manifest " +
                                      std::to_string(manifest_.vocab_size) + ", the tokenizer " +
                                      std::to_string(tokenizer_->vocab_size()));
  }
  load_seconds_ = watch.Seconds();
}

bool Model::IsStop(int32_t id) const {
  return std::find(manifest_.stop_ids.begin(), manifest_.stop_ids.end(), id) != manifest_.stop_ids.end();
}

}  // namespace mmoe
