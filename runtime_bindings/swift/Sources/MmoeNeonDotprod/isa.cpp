#include "kernels/isa/isa_neon_dotprod.cpp"
