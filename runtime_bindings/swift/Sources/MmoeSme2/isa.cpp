#include "kernels/isa/isa_sme2.cpp"
