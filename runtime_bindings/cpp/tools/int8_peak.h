#pragma once

#include <string>

#include "kernels/parallel.h"

namespace mmoe {

// Multiply-adds per second of int8 that all threads reach together with the multiplying instruction of an
// instruction set when every operand stays in registers: a limit for any kernel. 0 for instruction sets
// without such a loop (portable).
double Int8Peak(const std::string& isa, const Parallel& parallel);

}  // namespace mmoe
