#include "kernels/isa/cpu_features.h"

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)  // Android too
#include <asm/hwcap.h>
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>
#endif

namespace mmoe {

#if defined(__x86_64__)

namespace {

// Clang's __builtin_cpu_supports did not know it before version 18.
bool HasF16c() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_F16C) != 0;
}

}  // namespace

bool HasAvx2() { return __builtin_cpu_supports("avx2") && HasF16c(); }

// Not every compiler's __builtin_cpu_supports knows it. HasAvx2 has asked whether the system keeps its registers.
bool HasAvxVnni() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  constexpr unsigned kAvxVnni = 1u << 4;
  return HasAvx2() && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0 && (eax & kAvxVnni) != 0;
}

bool HasAvx512Vnni() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512vnni");
}

#else

bool HasAvx2() { return false; }
bool HasAvxVnni() { return false; }
bool HasAvx512Vnni() { return false; }

#endif

#if defined(__aarch64__) && defined(__linux__)

bool HasNeon() { return true; }
bool HasNeonDotprod() { return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0; }
bool HasNeonI8mm() { return HasNeonDotprod() && (getauxval(AT_HWCAP2) & HWCAP2_I8MM) != 0; }
// The bit's name, HWCAP2_SME2, is missing in older headers.
bool HasSme2() { return HasNeonI8mm() && (getauxval(AT_HWCAP2) & (1UL << 37)) != 0; }

#elif defined(__aarch64__) && defined(__APPLE__)

namespace {

bool HasFeature(const char* name) {
  int value = 0;
  size_t size = sizeof value;
  return sysctlbyname(name, &value, &size, nullptr, 0) == 0 && value != 0;
}

}  // namespace

bool HasNeon() { return true; }
bool HasNeonDotprod() { return HasFeature("hw.optional.arm.FEAT_DotProd"); }
bool HasNeonI8mm() { return HasNeonDotprod() && HasFeature("hw.optional.arm.FEAT_I8MM"); }
bool HasSme2() { return HasNeonI8mm() && HasFeature("hw.optional.arm.FEAT_SME2"); }

#else

bool HasNeon() { return false; }
bool HasNeonDotprod() { return false; }
bool HasNeonI8mm() { return false; }
bool HasSme2() { return false; }

#endif

}  // namespace mmoe
