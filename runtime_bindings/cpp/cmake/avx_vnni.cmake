# Whether the compiler and its assembler know AVX-VNNI: GCC 11 and clang 12 do. Defines
#   MMOE_AVX_VNNI_OPTIONS        what a source is compiled with
#   MMOE_COMPILER_HAS_AVX_VNNI   whether it can be

set(MMOE_AVX_VNNI_OPTIONS -mavx2 -mf16c -mavxvnni)

include(CheckCXXSourceCompiles)
list(JOIN MMOE_AVX_VNNI_OPTIONS " " CMAKE_REQUIRED_FLAGS)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)  # only compiled
check_cxx_source_compiles("
#include <immintrin.h>
__m256i Sum(__m256i sums, __m256i a, __m256i b) {
  return _mm256_dpwssd_avx_epi32(_mm256_dpbusd_avx_epi32(sums, a, b), a, b);
}
" MMOE_COMPILER_HAS_AVX_VNNI)
unset(CMAKE_REQUIRED_FLAGS)
unset(CMAKE_TRY_COMPILE_TARGET_TYPE)
if(NOT MMOE_COMPILER_HAS_AVX_VNNI)
  message(STATUS "The compiler has no AVX-VNNI (GCC 11 has): the kernels are built without that instruction set")
endif()
