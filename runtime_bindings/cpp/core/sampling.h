#pragma once

#include "core/mmoe.h"

namespace mmoe {

// The values that change nothing, with temperature 0.
mmoe_sampling GreedySampling();

// Throws CoreError(MMOE_INVALID_ARGUMENT) naming the field that is outside its range.
void RequireSampling(const mmoe_sampling& sampling);

}  // namespace mmoe
