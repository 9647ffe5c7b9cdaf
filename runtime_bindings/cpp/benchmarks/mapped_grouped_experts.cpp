#include "benchmarks/mapped_grouped_experts.h"

#include <cmath>
#include <random>
#include <vector>

#include "benchmarks/support.h"

namespace mmoe {
MappedGroupedExperts::MappedGroupedExperts(const MoeFfnShape& shape, int64_t group_size)
    : shape_(shape), group_size_(group_size), weights_(3 * shape.hidden_size * shape.intermediate_size) {
  const int64_t experts = shape.num_experts, router = experts * shape.hidden_size;
  layer_bytes_ = experts * expert_bytes() + (router + experts) * 4;
  layers_ = (kLeastMappedBytes + layer_bytes_ - 1) / layer_bytes_;
  std::mt19937_64 random(1);
  std::vector<uint64_t> nibbles(static_cast<size_t>(experts * weights_ / 16));
  // float16: 2^-7 to 2^-6.
  std::vector<uint16_t> scales(static_cast<size_t>(experts * weights_ / group_size));
  for (int64_t layer = 0; layer < layers_; ++layer) {
    for (uint64_t& word : nibbles) word = random();
    for (uint16_t& scale : scales) scale = static_cast<uint16_t>(0x2000 + random() % 1024);
    // Logits of about 1.
    std::vector<float> weights = Normal(router);
    for (float& weight : weights) weight /= std::sqrt(static_cast<float>(shape.hidden_size));
    file_.Append(nibbles.data(), experts * weights_ / 2);
    file_.Append(scales.data(), experts * weights_ / group_size * 2);
    weights.resize(static_cast<size_t>(router + experts));  // and no bias
    file_.Append(weights.data(), (router + experts) * 4);
  }
  file_.Map();
}

MoeFfnInArgs MappedGroupedExperts::Layer(int64_t layer) const {
  const int64_t experts = shape_.num_experts, scales = experts * weights_ / group_size_;
  const char* weight = file_.bytes() + layer * layer_bytes_;
  const char* scale = weight + experts * weights_ / 2;
  // Of three parts, gate and up are two.
  const auto* gate_up = reinterpret_cast<const uint8_t*>(weight);
  const auto* gate_up_scale = reinterpret_cast<const uint16_t*>(scale);
  MoeFfnInArgs args = {};
  args.shape = shape_;
  args.group_size = group_size_;
  args.router = {true, 1.0f};
  args.router_weight = reinterpret_cast<const float*>(scale + scales * 2);
  args.expert_bias = args.router_weight + experts * shape_.hidden_size;
  args.gate_up = {gate_up, gate_up_scale, nullptr, nullptr};
  args.down = {gate_up + experts * weights_ / 3, gate_up_scale + scales / 3 * 2, nullptr, nullptr};
  return args;
}

}  // namespace mmoe
