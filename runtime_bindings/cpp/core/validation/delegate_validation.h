#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/validation/constant_ranges.h"
#include "core/validation/flatbuffer.h"
#include "core/validation/plan_values.h"

namespace mmoe {

// A value that a delegate takes from its call or leaves there.
struct ExternalValue {
  size_t argument;             // of the call
  std::vector<int64_t> sizes;  // the largest, as the delegate was compiled
  bool output;
};

struct Delegate {
  std::vector<ExternalValue> externals;
};

// The delegates of a method. What XNNPACK's payload says of its external values is read; the rest of it is
// left to XNNPACK. Throws Malformed.
std::vector<Delegate> ReadDelegates(const FlatTable& plan, const ConstantRanges& constants);

// Throws Malformed unless a call hands the delegate the float32 tensors that it was compiled for, since
// XNNPACK writes its outputs before their sizes are compared.
void RequireDelegateArguments(const Delegate& delegate, const std::vector<int32_t>& arguments,
                              const std::vector<PlanValue>& values, const std::vector<bool>& inputs);

}  // namespace mmoe
