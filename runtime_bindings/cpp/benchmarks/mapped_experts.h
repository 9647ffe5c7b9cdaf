#pragma once

#include <cstdint>

#include "benchmarks/mapped_file.h"
#include "kernels/moe/moe_ffn.h"

namespace mmoe {

// The experts and routers of as many layers of one shape as make up at least 600 MB, random, in a file mapped
// like an artifact's: read-only, shared, in pages of 4 KB that are all in the page cache. The file has no
// name and goes with the process.
class MappedExperts {
 public:
  // shape.num_tokens is not used. Ends the process if there is no room for the file.
  explicit MappedExperts(const MoeFfnShape& shape);

  int64_t layers() const { return layers_; }
  const char* bytes() const { return file_.bytes(); }
  int64_t size() const { return file_.size(); }

  // Weights and scales of one expert.
  int64_t expert_bytes() const {
    return gate_up_bytes_ + down_bytes_ + gate_up_scale_bytes_ + down_scale_bytes_;
  }

  // One layer as arguments of MoeFfn, without x and out.
  MoeFfnArgs Layer(int64_t layer) const;

 private:
  MoeFfnShape shape_;
  int64_t gate_up_bytes_, down_bytes_, gate_up_scale_bytes_, down_scale_bytes_, router_bytes_, bias_bytes_;
  int64_t layer_bytes_, layers_;
  MappedFile file_;
};

}  // namespace mmoe
