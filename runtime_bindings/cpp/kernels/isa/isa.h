#pragma once

#include <vector>

#include "kernels/isa/kernel_table.h"

namespace mmoe {

// Name of the environment variable that forces an instruction set by its table's name.
constexpr const char* kIsaVariable = "MMOE_ISA";

// The table called `name`; nullptr with *error set if it is unknown, not built, or not supported by this CPU.
const KernelTable* FindKernels(const char* name, const char** error);

// The table forced by MMOE_ISA, else the fastest one this CPU supports. The variable is read once per process.
const KernelTable* SelectKernels(const char** error);

// Every table of this build that this CPU can run, fastest first; the last one is portable.
std::vector<const KernelTable*> SupportedKernels();

}  // namespace mmoe
