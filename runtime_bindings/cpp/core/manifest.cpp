#include "core/manifest.h"

#include <sys/stat.h>

#include "core/error.h"
#include "core/json.h"
#include "core/mapped_file.h"
#include "core/sampling.h"
#include "core/sha256.h"

namespace mmoe {

namespace {

constexpr int64_t kFormatVersion = 1;

int32_t Id(const Json& value, const std::string& where) {
  const int64_t id = value.Integer();
  if (id < 0 || id > INT32_MAX)
    throw CoreError(MMOE_CORRUPT, where + ": has the value " + std::to_string(id));
  return static_cast<int32_t>(id);
}

std::map<std::string, Manifest::File> ReadFiles(const Json& files, const std::string& where) {
  std::map<std::string, Manifest::File> found;
  for (Json file = files.First(); file.valid(); file = file.Next()) {
    const std::string name = file.Name();
    // Names, not paths: a manifest from somewhere must not make us read elsewhere.
    if (name.empty() || name[0] == '.' || name.find('/') != std::string::npos ||
        name.find('\\') != std::string::npos) {
      throw CoreError(MMOE_CORRUPT, where + ": files has the name \"" + name + "\"");
    }
    const int64_t bytes = file.Get("bytes").Integer();
    if (bytes < 0) throw CoreError(MMOE_CORRUPT, where + ": the size of " + name + " is negative");
    found[name] = {static_cast<uint64_t>(bytes), file.Get("sha256").String()};
  }
  return found;
}

float Number(const Json& runtime, const char* name, float otherwise) {
  const std::optional<Json> value = runtime.Find(name);
  return value ? static_cast<float>(value->Number()) : otherwise;
}

mmoe_sampling ReadSampling(const Json& runtime, const std::string& where) {
  mmoe_sampling sampling = GreedySampling();
  sampling.temperature = Number(runtime, "temperature", sampling.temperature);
  if (const std::optional<Json> top_k = runtime.Find("top_k")) sampling.top_k = Id(*top_k, where);
  sampling.top_p = Number(runtime, "top_p", sampling.top_p);
  sampling.min_p = Number(runtime, "min_p", sampling.min_p);
  sampling.repetition_penalty = Number(runtime, "repetition_penalty", sampling.repetition_penalty);
  try {
    RequireSampling(sampling);
  } catch (const CoreError& error) {
    throw CoreError(MMOE_CORRUPT, where + ": runtime: " + error.what() + "; convert the checkpoint again");
  }
  return sampling;
}

std::map<std::string, std::string> ReadSpecialTokens(const Json& tokens) {
  std::map<std::string, std::string> found;
  for (Json token = tokens.First(); token.valid(); token = token.Next()) found[token.Name()] = token.String();
  return found;
}

}  // namespace

Manifest ParseManifest(std::string_view json, const std::string& where) {
  const JsonDocument document(json, where);
  const Json root = document.root();
  const int64_t version = root.Get("format_version").Integer();
  if (version != kFormatVersion) {
    throw CoreError(MMOE_VERSION, where + ": the artifact has format " + std::to_string(version) +
                                      ", this library reads format " + std::to_string(kFormatVersion) +
                                      "; convert the checkpoint again or update the app");
  }
  Manifest manifest;
  manifest.backend = root.Get("backend").Get("name").String();
  manifest.executorch_version = root.Get("versions").Get("executorch").String();
  manifest.layers = Id(root.Get("architecture").Get("num_hidden_layers"), where);
  const Json runtime = root.Get("runtime");
  manifest.vocab_size = Id(runtime.Get("vocab_size"), where);
  const std::optional<Json> bos = runtime.Find("bos_id");
  manifest.bos_id = bos ? Id(*bos, where) : -1;
  const Json stop_ids = runtime.Get("stop_ids");
  for (Json id = stop_ids.First(); id.valid(); id = id.Next()) manifest.stop_ids.push_back(Id(id, where));
  manifest.files = ReadFiles(root.Get("files"), where);
  manifest.sampling = ReadSampling(runtime, where);
  if (const std::optional<Json> tokens = runtime.Find("special_tokens")) {
    manifest.special_tokens = ReadSpecialTokens(*tokens);
  }
  return manifest;
}

void CheckSizes(const Manifest& manifest, const std::string& folder) {
  for (const auto& [name, file] : manifest.files) {
    const std::string path = folder + "/" + name;
    struct stat status = {};
    if (stat(path.c_str(), &status) != 0) throw CoreError(MMOE_NOT_FOUND, path + ": file missing");
    if (static_cast<uint64_t>(status.st_size) != file.bytes) {
      throw CoreError(MMOE_CORRUPT, path + ": has " + std::to_string(status.st_size) +
                                        " bytes, the manifest says " + std::to_string(file.bytes) +
                                        "; copy the artifact again");
    }
  }
}

std::map<std::string, FileIdentity> CheckDigests(const Manifest& manifest, const std::string& folder,
                                                 const std::vector<std::string>& required,
                                                 const Progress& progress) {
  for (const std::string& name : required) {
    if (manifest.files.count(name) != 0) continue;
    throw CoreError(MMOE_CORRUPT, folder + "/mmoe.json: lists no digest of " + name +
                                      ", so that file cannot be verified; copy the artifact again");
  }
  std::map<std::string, FileIdentity> verified;
  uint64_t done = 0, total = 0;
  for (const auto& [name, file] : manifest.files) total += file.bytes;
  progress.Tell(MMOE_LOAD_CHECKSUMS, 0, total);
  for (const auto& [name, file] : manifest.files) {
    if (file.bytes == 0) continue;  // its size says all there is
    const MappedFile mapped(folder + "/" + name);
    const std::string digest = Sha256(mapped.bytes(), kProgressBytes, [&](size_t bytes) {
      progress.Tell(MMOE_LOAD_CHECKSUMS, done + bytes, total);
    });
    mapped.Check();
    if (digest != file.sha256) {
      throw CoreError(MMOE_CORRUPT,
                      mapped.path() + ": its SHA-256 is not the manifest's; copy the artifact again");
    }
    verified[name] = mapped.identity();
    done += file.bytes;
  }
  progress.Tell(MMOE_LOAD_CHECKSUMS, done, total);
  return verified;
}

}  // namespace mmoe
