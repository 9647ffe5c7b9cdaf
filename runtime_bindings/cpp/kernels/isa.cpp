#include "isa.h"

#include <cstdlib>
#include <cstring>

namespace mmoe {

extern const KernelTable kPortableKernels;
extern const KernelTable kAvx512VnniKernels;

namespace {

struct Candidate {
  const KernelTable* table;
  bool (*supported)();
};

bool Always() { return true; }

#if defined(MMOE_HAVE_AVX512_VNNI)
bool HasAvx512Vnni() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512vnni");
}
#endif

// Fastest first.
const Candidate kCandidates[] = {
#if defined(MMOE_HAVE_AVX512_VNNI)
    {&kAvx512VnniKernels, HasAvx512Vnni},
#endif
    {&kPortableKernels, Always},
};

const KernelTable* FromEnvironment(const char** error) {
  const char* forced = std::getenv(kIsaVariable);
  if (forced != nullptr && forced[0] != '\0') return FindKernels(forced, error);
  for (const Candidate& candidate : kCandidates) {
    if (candidate.supported()) return candidate.table;
  }
  return nullptr;
}

}  // namespace

const KernelTable* FindKernels(const char* name, const char** error) {
  for (const Candidate& candidate : kCandidates) {
    if (std::strcmp(candidate.table->name, name) != 0) continue;
    if (candidate.supported()) return candidate.table;
    *error = "this CPU does not support the instruction set asked for (MMOE_ISA)";
    return nullptr;
  }
  *error =
      "unknown instruction set asked for (MMOE_ISA): this build knows "
#if defined(MMOE_HAVE_AVX512_VNNI)
      "avx512_vnni, "
#endif
      "portable";
  return nullptr;
}

const KernelTable* SelectKernels(const char** error) {
  struct Selection {
    const KernelTable* table;
    const char* error;
  };
  static const Selection selection = [] {
    Selection result = {nullptr, nullptr};
    result.table = FromEnvironment(&result.error);
    return result;
  }();
  *error = selection.error;
  return selection.table;
}

}  // namespace mmoe
