#pragma once

#include <cstdint>
#include <cstdio>
#include <map>
#include <string>

#include "kernels/moe/moe_ffn.h"

namespace mmoe {

// Writes which experts the tokens of this process are sent to into a file, as records of int32 in native byte order:
//   layer, tokens, top_k, experts[tokens][top_k]
// Layers are the MoE layers, numbered in the order they first run. A call of many tokens makes several records.
class RoutingTrace {
 public:
  // Throws std::runtime_error if the file cannot be written.
  explicit RoutingTrace(const std::string& path);
  ~RoutingTrace();
  RoutingTrace(const RoutingTrace&) = delete;

  // What has been recorded so far is in the file. Throws std::runtime_error if it could not be written.
  void Flush();

 private:
  static void Record(void* self, const void* router, const int32_t* experts, int64_t tokens, int64_t top_k,
                     int64_t num_experts);

  std::string path_;
  std::FILE* file_;
  std::map<const void*, int32_t> layers_;
  RoutingObserver observer_;
};

}  // namespace mmoe
