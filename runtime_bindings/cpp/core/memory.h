#pragma once

#include "core/mmoe.h"

namespace mmoe {

// Fills what the system tells about this process now, and raises the peaks that are kept here: the system
// keeps one for the whole resident set only.
void ReadMemory(mmoe_memory* memory);

}  // namespace mmoe
