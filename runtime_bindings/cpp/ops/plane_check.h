#pragma once

#include <cstdint>

#include "kernels/linear/linear.h"
#include "kernels/linear/linear_planes.h"
#include "ops/op_support.h"

namespace mmoe {

// Weight and scale are those of a matrix of planes; see linear_planes.h.
inline void CheckPlanes(ArgumentCheck& check, const Tensor& weight, const Tensor& scale, int64_t inputs,
                        int64_t outputs, int64_t planes) {
  check.NoProblem(CheckLinearPlanes(inputs, outputs, planes));
  if (!check.ok()) return;
  const int64_t panels = LinearPanels(outputs), groups = planes * inputs / kLinearGroup;
  check.Is(weight, "weight", ScalarType::Byte,
           {panels, planes * inputs / kPanelBlockInputs, kPanelBlockBytes});
  const bool wide = scale.scalar_type() == ScalarType::Float;
  check.Is(scale, "scale", wide ? ScalarType::Float : ScalarType::Half, {panels, groups, kPanelOutputs});
}

inline PlaneMatrix AsPlanes(const Tensor& weight, const Tensor& scale, int64_t inputs, int64_t planes) {
  const bool wide = scale.scalar_type() == ScalarType::Float;
  return {weight.const_data_ptr<uint8_t>(),
          wide ? nullptr : static_cast<const uint16_t*>(scale.const_data_ptr()),
          wide ? scale.const_data_ptr<float>() : nullptr, inputs, planes};
}

}  // namespace mmoe
