#include "core/model.h"

#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <vector>

#include "core/error.h"
#include "core/mapped_file.h"
#include "core/stopwatch.h"

namespace mmoe {

namespace {

constexpr char kProgramFile[] = "model.pte";
constexpr char kTokenizerFile[] = "tokenizer.json";
constexpr int64_t kWarmUpTokens = 8;

// What is parsed may not change meanwhile.
std::string Copied(const MappedFile& file) {
  std::string content(file.bytes());
  file.Check();
  return content;
}

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
  Manifest manifest = ParseManifest(Copied(file), path);
  return manifest;
}

using Verified = std::map<std::string, FileIdentity>;

// The digest is of the file that had this name then; another one may have taken it since.
void RequireVerified(const MappedFile& file, const Verified& verified, const char* name) {
  const auto found = verified.find(name);
  if (found == verified.end() || found->second == file.identity()) return;
  throw CoreError(MMOE_IO, file.path() + ": was replaced while the model was opened; open it again");
}

std::unique_ptr<const Tokenizer> ReadTokenizer(const std::string& folder, const Verified& verified) {
  const std::string path = folder + "/" + kTokenizerFile;
  const MappedFile file(path);
  RequireVerified(file, verified, kTokenizerFile);
  const std::string json = Copied(file);
  return std::make_unique<const Tokenizer>(json, path);
}

}  // namespace

Model::Model(const std::string& folder, bool verify_checksums, const Progress& progress) {
  const Stopwatch watch;
  manifest_ = ReadManifest(folder);
  CheckSizes(manifest_, folder);
  Verified verified;
  if (verify_checksums) {
    verified = CheckDigests(manifest_, folder, {kProgramFile, kTokenizerFile}, progress);
  }
  progress.InOnePiece(MMOE_LOAD_TOKENIZER, [&] {
    tokenizer_ = ReadTokenizer(folder, verified);
    chat_template_ = std::make_unique<const ArtifactTemplate>(folder, manifest_);
  });
  progress.InOnePiece(MMOE_LOAD_PROGRAM, [&] {
    program_ = std::make_shared<const Program>(folder + "/" + kProgramFile, manifest_.executorch_version);
  });
  RequireVerified(program_->file(), verified, kProgramFile);
  const int64_t vocab_size = program_->info().vocab_size;
  if (vocab_size != manifest_.vocab_size || tokenizer_->vocab_size() > vocab_size) {
    throw CoreError(MMOE_CORRUPT, folder +
                                      ": its files do not belong together: the program has a vocabulary of " +
                                      std::to_string(vocab_size) + ", the manifest " +
                                      std::to_string(manifest_.vocab_size) + ", the tokenizer " +
                                      std::to_string(tokenizer_->vocab_size()));
  }
  grammars_ = std::make_unique<grammar::Grammars>(*tokenizer_, manifest_.stop_ids);
  load_seconds_ = watch.Seconds();
}

void Model::WarmUp(const Progress& progress) const {
  const MappedFile& file = program_->file();
  const uint64_t total = file.bytes().size();
  progress.Tell(MMOE_LOAD_WEIGHTS, 0, total);
  for (uint64_t done = 0; done < total;) {
    const uint64_t bytes = std::min(kProgressBytes, total - done);
    file.ReadIntoMemory(done, bytes);
    done += bytes;
    progress.Tell(MMOE_LOAD_WEIGHTS, done, total);
  }
  file.Check();
  progress.InOnePiece(MMOE_LOAD_FIRST_CALL, [&] {
    // A prompt and a token: they take different ways through the kernels.
    ProgramContext context(program_);
    const std::vector<int32_t> prompt(
        static_cast<size_t>(std::min(kWarmUpTokens, program_->info().max_seq_len)));
    context.Forward(prompt.data(), prompt.size(), 0);
    const auto position = static_cast<int64_t>(prompt.size());
    if (position < program_->info().max_context_len) context.Forward(prompt.data(), 1, position);
  });
}

bool Model::IsStop(int32_t id) const {
  return std::find(manifest_.stop_ids.begin(), manifest_.stop_ids.end(), id) != manifest_.stop_ids.end();
}

}  // namespace mmoe
