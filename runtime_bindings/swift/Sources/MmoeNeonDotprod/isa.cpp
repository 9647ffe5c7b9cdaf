#include "../MmoeCore/cpp/kernels/isa_neon_dotprod.cpp"
