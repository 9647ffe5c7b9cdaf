# Whether the compiler knows SME2 as Apple's processors have it: without SVE outside streaming mode. Clang 18 does; GCC 14 has
# the one only with the other, older compilers have neither. Defines
#   MMOE_SME2_OPTIONS        what a source is compiled with
#   MMOE_COMPILER_HAS_SME2   whether it can be

set(MMOE_SME2_OPTIONS -march=armv8.2-a+dotprod+i8mm+sme2)

include(CheckCXXSourceCompiles)
set(CMAKE_REQUIRED_FLAGS ${MMOE_SME2_OPTIONS})
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)  # only compiled
check_cxx_source_compiles("
#include <arm_sme.h>
#if !defined(__clang__) || !defined(__ARM_FEATURE_SME2) || defined(__ARM_FEATURE_SVE)
#error
#endif
__attribute__((noinline)) void Sum(signed char* x) __arm_streaming __arm_inout(\"za\", \"zt0\") {
  const svuint8x4_t bytes = svld1_u8_x4(svptrue_c8(), reinterpret_cast<unsigned char*>(x));
  const svint8x2_t values = svuzp_s8_x2(svluti4_lane_zt_s8_x2(0, svget4(bytes, 0), 0));
  svmopa_za32_s8_m(0, svptrue_b8(), svptrue_b8(), svget2(values, 0), svget2(values, 1));
}
__arm_new(\"za\", \"zt0\") __attribute__((noinline)) void Enter(signed char* x) { Sum(x); }
" MMOE_COMPILER_HAS_SME2)
unset(CMAKE_REQUIRED_FLAGS)
unset(CMAKE_TRY_COMPILE_TARGET_TYPE)
if(NOT MMOE_COMPILER_HAS_SME2)
  message(STATUS "The compiler has no SME2 without SVE (clang 18 has): the kernels are built without that instruction set")
endif()
