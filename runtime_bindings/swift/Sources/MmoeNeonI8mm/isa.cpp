#include "../MmoeCore/cpp/kernels/isa_neon_i8mm.cpp"
