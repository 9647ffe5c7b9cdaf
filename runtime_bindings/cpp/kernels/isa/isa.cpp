#include "kernels/isa/isa.h"

#include <cstdlib>
#include <cstring>
#include <string>

#include "kernels/isa/cpu_features.h"

namespace mmoe {

extern const KernelTable kPortableKernels;
extern const KernelTable kAvx2Kernels;
extern const KernelTable kAvxVnniKernels;
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
#if defined(MMOE_HAVE_AVX_VNNI)
    {&kAvxVnniKernels, HasAvxVnni},
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

// One unit for outer products serves all cores of a cluster. The count is one, because no system says on which cluster a thread
// runs: of processors with two, one unit idles, where two workers could as well meet at the same one.
constexpr int kUnitWorkers = 1;

// What a table's name stands for.
KernelSet SetOf(const KernelTable& table) {
#if defined(MMOE_HAVE_SME2) && defined(MMOE_HAVE_NEON_I8MM)
  if (&table == &kSme2Kernels) return {table, kUnitWorkers, kNeonI8mmKernels};
#endif
  return table;
}

std::optional<KernelSet> FromEnvironment(const char** error) {
  const char* forced = std::getenv(kIsaVariable);
  if (forced != nullptr && forced[0] != '\0') return FindKernelSet(forced, error);
  return SetOf(*SupportedKernels().front());
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

std::optional<KernelSet> FindKernelSet(const std::string& name, const char** error) {
  const size_t plus = name.find('+');
  const KernelTable* first = FindKernels(name.substr(0, plus).c_str(), error);
  if (first == nullptr) return std::nullopt;
  if (plus == std::string::npos) return SetOf(*first);
  const KernelTable* others = FindKernels(name.substr(plus + 1).c_str(), error);
  if (others == nullptr) return std::nullopt;
  return KernelSet(*first, kUnitWorkers, *others);
}

const KernelSet* SelectKernels(const char** error) {
  struct Selection {
    std::optional<KernelSet> kernels;
    const char* error;
  };
  static const Selection selection = [] {
    Selection result = {std::nullopt, nullptr};
    result.kernels = FromEnvironment(&result.error);
    return result;
  }();
  *error = selection.error;
  return selection.kernels.has_value() ? &*selection.kernels : nullptr;
}

std::vector<const KernelTable*> SupportedKernels() {
  std::vector<const KernelTable*> tables;
  for (const Candidate& candidate : kCandidates) {
    if (candidate.supported()) tables.push_back(candidate.table);
  }
  return tables;
}

}  // namespace mmoe
