#pragma once

#include <string_view>

#include "core/validation/constant_ranges.h"
#include "core/validation/delegate_validation.h"

namespace mmoe::xnnpack {

// What the payload of a delegate of XNNPACK's takes and gives. The graph in it is one of those that `convert`
// makes, of linears, sums, products and sigmoids, and each value is computed once, before it is used, in the
// shape that follows from its operands; anything else is refused, because XNNPACK itself looks at little of
// this. Throws Malformed.
Delegate ReadDelegate(std::string_view payload, const ConstantRanges& constants);

}  // namespace mmoe::xnnpack
