#pragma once

#include <cstdint>

#include "kernels/linear/linear.h"
#include "ops/op_support.h"

namespace mmoe {

struct NamedTensor {
  const Tensor& tensor;
  const char* name;
};

// Weight and scale are those of a dense matrix of this many inputs and panels; see linear.h.
inline void CheckPanels(ArgumentCheck& check, NamedTensor weight, NamedTensor scale, int64_t inputs,
                        int64_t panels) {
  check.Is(weight.tensor, weight.name, ScalarType::Byte,
           {panels, inputs / kPanelBlockInputs, kPanelBlockBytes});
  check.Is(scale.tensor, scale.name, ScalarType::Half, {panels, inputs / kLinearGroup, kPanelOutputs});
}

inline LinearMatrix PanelMatrix(const Tensor& weight, const Tensor& scale, int64_t inputs) {
  return {weight.const_data_ptr<uint8_t>(), static_cast<const uint16_t*>(scale.const_data_ptr()), inputs};
}

}  // namespace mmoe
