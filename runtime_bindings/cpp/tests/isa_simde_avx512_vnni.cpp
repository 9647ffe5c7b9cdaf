// The kernels of AVX-512 as any processor with AVX2 runs them.

#include "tests/simde_avx512.h"

#include "kernels/isa/isa_avx512_vnni.cpp"
