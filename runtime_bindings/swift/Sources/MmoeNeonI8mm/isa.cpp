#include "kernels/isa/isa_neon_i8mm.cpp"
