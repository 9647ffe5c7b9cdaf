#include "benchmarks/mapped_experts.h"

#include <cmath>
#include <random>
#include <vector>

#include "benchmarks/support.h"

namespace mmoe {
MappedExperts::MappedExperts(const MoeFfnShape& shape) : shape_(shape) {
  const int64_t hidden = shape.hidden_size, width = shape.intermediate_size, experts = shape.num_experts;
  gate_up_bytes_ = hidden * width;
  down_bytes_ = hidden * width / 2;
  gate_up_scale_bytes_ = 2 * width / 32 * hidden * 2;
  down_scale_bytes_ = hidden / 32 * width * 2;
  router_bytes_ = experts * hidden * 4;
  bias_bytes_ = (experts * 4 + 63) / 64 * 64;
  layer_bytes_ = experts * expert_bytes() + router_bytes_ + bias_bytes_;
  layers_ = (kLeastMappedBytes + layer_bytes_ - 1) / layer_bytes_;

  std::mt19937_64 random(1);
  std::vector<uint64_t> weights(static_cast<size_t>(experts * (gate_up_bytes_ + down_bytes_) / 8));
  // float16: 2^-7 to 2^-6.
  std::vector<uint16_t> scales(static_cast<size_t>(experts * (gate_up_scale_bytes_ + down_scale_bytes_) / 2));
  for (int64_t layer = 0; layer < layers_; ++layer) {
    for (uint64_t& word : weights) word = random();
    for (uint16_t& scale : scales) scale = static_cast<uint16_t>(0x2000 + random() % 1024);
    // Logits of about 1: larger ones saturate the sigmoid, and ties all go to the first experts.
    std::vector<float> router = Normal(router_bytes_ / 4);
    for (float& weight : router) weight /= std::sqrt(static_cast<float>(hidden));
    const std::vector<float> bias(static_cast<size_t>(bias_bytes_ / 4));
    file_.Append(weights.data(), experts * (gate_up_bytes_ + down_bytes_));
    file_.Append(scales.data(), experts * (gate_up_scale_bytes_ + down_scale_bytes_));
    file_.Append(router.data(), router_bytes_);
    file_.Append(bias.data(), bias_bytes_);
  }
  file_.Map();
}

MoeFfnArgs MappedExperts::Layer(int64_t layer) const {
  const int64_t experts = shape_.num_experts;
  const char* gate_up = file_.bytes() + layer * layer_bytes_;
  const char* down = gate_up + experts * gate_up_bytes_;
  const char* gate_up_scale = down + experts * down_bytes_;
  const char* down_scale = gate_up_scale + experts * gate_up_scale_bytes_;
  const char* router = down_scale + experts * down_scale_bytes_;
  MoeFfnArgs args = {};
  args.shape = shape_;
  args.router = {true, 2.5f};
  args.router_weight = reinterpret_cast<const float*>(router);
  args.expert_bias = reinterpret_cast<const float*>(router + router_bytes_);
  args.gate_up_weight = reinterpret_cast<const uint8_t*>(gate_up);
  args.gate_up_scale = reinterpret_cast<const uint16_t*>(gate_up_scale);
  args.down_weight = reinterpret_cast<const uint8_t*>(down);
  args.down_scale = reinterpret_cast<const uint16_t*>(down_scale);
  return args;
}

}  // namespace mmoe
