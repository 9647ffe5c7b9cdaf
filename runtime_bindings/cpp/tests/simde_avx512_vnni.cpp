// What a test program is linked with to have AVX-512 on every processor with AVX2: the linker leads calls of HasAvx512Vnni here
// (--wrap), and the table of kernels is isa_simde_avx512_vnni.cpp's.

#include "kernels/isa/cpu_features.h"

extern "C" bool __wrap__ZN4mmoe13HasAvx512VnniEv() { return mmoe::HasAvx2(); }
