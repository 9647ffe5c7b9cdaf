#pragma once

#include <ucontext.h>

namespace mmoe {

// The two instructions of AVX-VNNI that the kernels use, vpdpbusd and vpdpwssd on XMM and YMM registers, on processors that
// lack them: there they raise SIGILL, whose handler computes them. So tests run the machine code of the instruction set as
// it is shipped. For 64-bit Linux, because the registers lie in the signal's frame.
void InstallAvxVnniEmulator();

// Carries out the instruction that `context` is stopped at and moves on behind it; false if it is another one.
bool EmulateAvxVnni(ucontext_t& context);

}  // namespace mmoe
