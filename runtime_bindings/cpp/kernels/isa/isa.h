#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kernels/isa/kernel_set.h"

namespace mmoe {

// Name of the environment variable that forces an instruction set by its table's name, or a set of two: "avx2+portable" gives
// the first table to worker 0 and the second to the others, "sme2+sme2" one to all.
constexpr const char* kIsaVariable = "MMOE_ISA";

// The table called `name`; nullptr with *error set if it is unknown, not built, or not supported by this CPU.
const KernelTable* FindKernels(const char* name, const char** error);

// What MMOE_ISA asks for by such a name. SME2's alone stands for one worker with it and the rest with neon_i8mm.
std::optional<KernelSet> FindKernelSet(const std::string& name, const char** error);

// The kernels forced by MMOE_ISA, else the fastest ones this CPU supports; nullptr with *error set if there are none of this
// name. The variable is read once per process.
const KernelSet* SelectKernels(const char** error);

// Every table of this build that this CPU can run, fastest first; the last one is portable.
std::vector<const KernelTable*> SupportedKernels();

}  // namespace mmoe
