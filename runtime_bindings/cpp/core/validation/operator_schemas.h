#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/validation/plan_values.h"

namespace mmoe {

// Throws Malformed unless the arguments, indices of values, are what the operator (name and overload, as in
// "mmoe::linear.out") takes: their number, their kinds, tensors that have data, results that may be written.
//
// Our operators and those of ATen that `convert` leaves in a program are known exactly. Of any other, whose
// tensors are looked at all the same, the last argument is taken for the result.
void RequireArguments(std::string_view op, const std::vector<int32_t>& arguments,
                      const std::vector<PlanValue>& values, const std::vector<bool>& inputs);

}  // namespace mmoe
