#pragma once

#include <cstdint>

#include "benchmarks/mapped_file.h"
#include "kernels/moe/moe_ffn_in.h"

namespace mmoe {

// As MappedExperts, grouped along the input: float16 scales, no zero points.
class MappedGroupedExperts {
 public:
  // shape.num_tokens is not used.
  MappedGroupedExperts(const MoeFfnShape& shape, int64_t group_size);

  int64_t layers() const { return layers_; }
  const char* bytes() const { return file_.bytes(); }
  int64_t size() const { return file_.size(); }

  // Weights and scales of one expert.
  int64_t expert_bytes() const { return weights_ / 2 + weights_ / group_size_ * 2; }

  // One layer as arguments of MoeFfnIn, without x and out.
  MoeFfnInArgs Layer(int64_t layer) const;

 private:
  MoeFfnShape shape_;
  int64_t group_size_;
  int64_t weights_;  // of one expert
  int64_t layer_bytes_, layers_;
  MappedFile file_;
};

}  // namespace mmoe
