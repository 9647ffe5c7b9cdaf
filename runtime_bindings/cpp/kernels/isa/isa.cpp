#include "kernels/isa/isa.h"

#include <cstdlib>
#include <cstring>
#include <string>

#include "kernels/isa/cpu_features.h"

namespace mmoe {

extern const KernelTable kPortableKernels;
extern const KernelTable kAvx2Kernels;
extern const KernelTable kAvx512VnniKernels;
extern const KernelTable kNeonKernels;
extern const KernelTable kNeonDotprodKernels;
extern const KernelTable kNeonI8mmKernels;
extern const KernelTable kSme2Kernels;

namespace {

struct Candidate {
  const KernelTable* table;
  bool (*supported)();
};

// Fastest first.
const Candidate kCandidates[] = {
#if defined(MMOE_HAVE_AVX512_VNNI)
    {&kAvx512VnniKernels, HasAvx512Vnni},
#endif
#if defined(MMOE_HAVE_AVX2)
    {&kAvx2Kernels, HasAvx2},
#endif
#if defined(MMOE_HAVE_SME2)
    {&kSme2Kernels, HasSme2},
#endif
#if defined(MMOE_HAVE_NEON_I8MM)
    {&kNeonI8mmKernels, HasNeonI8mm},
#endif
#if defined(MMOE_HAVE_NEON_DOTPROD)
    {&kNeonDotprodKernels, HasNeonDotprod},
#endif
#if defined(MMOE_HAVE_NEON)
    {&kNeonKernels, HasNeon},
#endif
    {&kPortableKernels, [] { return true; }},
};

const char* UnknownIsaMessage() {
  static const std::string message = [] {
    std::string text = "unknown instruction set asked for (MMOE_ISA): this build knows ";
    for (const Candidate& candidate : kCandidates) {
      if (&candidate != kCandidates) text += ", ";
      text += candidate.table->name;
    }
    return text;
  }();
  return message.c_str();
}

const KernelTable* FromEnvironment(const char** error) {
  const char* forced = std::getenv(kIsaVariable);
  if (forced != nullptr && forced[0] != '\0') return FindKernels(forced, error);
  return SupportedKernels().front();
}

}  // namespace

const KernelTable* FindKernels(const char* name, const char** error) {
  for (const Candidate& candidate : kCandidates) {
    if (std::strcmp(candidate.table->name, name) != 0) continue;
    if (candidate.supported()) return candidate.table;
    *error = "this CPU does not support the instruction set asked for (MMOE_ISA)";
    return nullptr;
  }
  *error = UnknownIsaMessage();
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

std::vector<const KernelTable*> SupportedKernels() {
  std::vector<const KernelTable*> tables;
  for (const Candidate& candidate : kCandidates) {
    if (candidate.supported()) tables.push_back(candidate.table);
  }
  return tables;
}

}  // namespace mmoe
