#pragma once

#include "core/validation/constant_ranges.h"
#include "core/validation/flatbuffer.h"

namespace mmoe {

// Throws Malformed unless everything that a method's instructions refer to is there and of the right kind, so
// that running it touches no memory but its own.
void ValidatePlan(const FlatTable& plan, const ConstantRanges& constants);

}  // namespace mmoe
