#include "core/tokenizer/unicode/normalization.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "core/text/utf8.h"

namespace mmoe {

namespace {

struct Decomposition {
  uint32_t code_point;
  uint32_t begin;  // in kDecomposed
  uint32_t size;
};

struct Composition {
  uint32_t first;
  uint32_t second;
  uint32_t composed;
};

struct CombiningClass {
  uint32_t code_point;
  uint8_t number;
};

// Whole decompositions, those of the canonical kind and those that only the compatible forms have.
constexpr Decomposition kCanonical[] = {
#include "core/tokenizer/unicode/canonical.inc"
};
constexpr Decomposition kCompatible[] = {
#include "core/tokenizer/unicode/compatible.inc"
};
constexpr uint32_t kDecomposed[] = {
#include "core/tokenizer/unicode/decomposed.inc"
};
constexpr Composition kCompositions[] = {
#include "core/tokenizer/unicode/compositions.inc"
};
constexpr CombiningClass kCombiningClasses[] = {
#include "core/tokenizer/unicode/combining_classes.inc"
};

// Section 3.12 of Unicode 15.0: syllables are made of leading consonant, vowel and trailing consonant.
constexpr uint32_t kSyllables = 0xAC00, kLeading = 0x1100, kVowels = 0x1161, kTrailing = 0x11A7;
constexpr uint32_t kLeadingCount = 19, kVowelCount = 21, kTrailingCount = 28;
constexpr uint32_t kSyllableCount = kLeadingCount * kVowelCount * kTrailingCount;

// Below it nothing decomposes or combines (the compatible forms: below U+00A0).
constexpr uint32_t kFirstDecomposition = 0xA0;

constexpr uint32_t kNothing = 0;  // U+0000 is composed of nothing

const Decomposition* Find(const Decomposition* begin, const Decomposition* end, uint32_t code_point) {
  const Decomposition* found = std::lower_bound(
      begin, end, code_point,
      [](const Decomposition& candidate, uint32_t value) { return candidate.code_point < value; });
  return found != end && found->code_point == code_point ? found : nullptr;
}

uint8_t CombiningClassOf(uint32_t code_point) {
  if (code_point < kCombiningClasses[0].code_point) return 0;
  const CombiningClass* found = std::lower_bound(
      std::begin(kCombiningClasses), std::end(kCombiningClasses), code_point,
      [](const CombiningClass& candidate, uint32_t value) { return candidate.code_point < value; });
  return found != std::end(kCombiningClasses) && found->code_point == code_point ? found->number : 0;
}

uint32_t Compose(uint32_t first, uint32_t second) {
  if (first - kLeading < kLeadingCount && second - kVowels < kVowelCount) {
    return kSyllables + ((first - kLeading) * kVowelCount + (second - kVowels)) * kTrailingCount;
  }
  const uint32_t syllable = first - kSyllables;
  if (syllable < kSyllableCount && syllable % kTrailingCount == 0 &&
      second - kTrailing - 1 < kTrailingCount - 1) {
    return first + (second - kTrailing);
  }
  const auto before = [](const Composition& candidate, const Composition& wanted) {
    return candidate.first != wanted.first ? candidate.first < wanted.first
                                           : candidate.second < wanted.second;
  };
  const Composition* found = std::lower_bound(std::begin(kCompositions), std::end(kCompositions),
                                              Composition{first, second, 0}, before);
  const bool exists = found != std::end(kCompositions) && found->first == first && found->second == second;
  return exists ? found->composed : kNothing;
}

struct Mark {
  uint32_t code_point;
  uint8_t combining_class;
};

// Collects a starter and the marks behind it, and writes them in order, composed if wanted.
class Writer {
 public:
  Writer(bool compatible, bool compose, std::string* text)
      : compatible_(compatible), compose_(compose), text_(text) {}

  void Add(uint32_t code_point) {
    if (code_point < kFirstDecomposition) return AddDecomposed(code_point);
    const uint32_t syllable = code_point - kSyllables;
    if (syllable < kSyllableCount) {
      AddDecomposed(kLeading + syllable / (kVowelCount * kTrailingCount));
      AddDecomposed(kVowels + syllable / kTrailingCount % kVowelCount);
      if (syllable % kTrailingCount != 0) AddDecomposed(kTrailing + syllable % kTrailingCount);
      return;
    }
    const Decomposition* found =
        compatible_ ? Find(std::begin(kCompatible), std::end(kCompatible), code_point) : nullptr;
    if (found == nullptr) found = Find(std::begin(kCanonical), std::end(kCanonical), code_point);
    if (found == nullptr) return AddDecomposed(code_point);
    for (uint32_t part = 0; part < found->size; ++part) AddDecomposed(kDecomposed[found->begin + part]);
  }

  void Finish() {
    EndMarks();
    Write();
  }

 private:
  void AddDecomposed(uint32_t code_point) {
    const uint8_t combining_class = CombiningClassOf(code_point);
    if (combining_class != 0) {
      marks_.push_back({code_point, combining_class});
      return;
    }
    EndMarks();
    // A starter composes with the one before it if nothing is left between them.
    if (compose_ && has_starter_ && marks_.empty()) {
      if (const uint32_t composed = Compose(starter_, code_point); composed != kNothing) {
        starter_ = composed;
        return;
      }
    }
    Write();
    starter_ = code_point;
    has_starter_ = true;
  }

  void Write() {
    if (has_starter_) AppendUtf8(starter_, text_);
    for (const Mark& mark : marks_) AppendUtf8(mark.code_point, text_);
    marks_.clear();
    has_starter_ = false;
  }

  // Sorts the marks by class, those of one class as they came, and composes what can be.
  void EndMarks() {
    if (marks_.empty()) return;
    std::stable_sort(marks_.begin(), marks_.end(), [](const Mark& left, const Mark& right) {
      return left.combining_class < right.combining_class;
    });
    if (!compose_ || !has_starter_) return;
    size_t kept = 0;
    uint8_t last_kept = 0;
    for (const Mark& mark : marks_) {
      // A mark of the same class in between blocks it.
      const uint32_t composed =
          kept > 0 && last_kept == mark.combining_class ? kNothing : Compose(starter_, mark.code_point);
      if (composed != kNothing) {
        starter_ = composed;
      } else {
        last_kept = mark.combining_class;
        marks_[kept++] = mark;
      }
    }
    marks_.resize(kept);
  }

  const bool compatible_;
  const bool compose_;
  std::string* const text_;
  uint32_t starter_ = 0;
  bool has_starter_ = false;
  std::vector<Mark> marks_;
};

}  // namespace

std::string Normalize(std::string_view text, NormalizationForm form) {
  std::string normalized;
  normalized.reserve(text.size());
  Writer writer(form == NormalizationForm::kNfkc || form == NormalizationForm::kNfkd,
                form == NormalizationForm::kNfc || form == NormalizationForm::kNfkc, &normalized);
  for (size_t at = 0; at < text.size();) {
    const CodePoint code_point = ReadValidUtf8(text, at);
    writer.Add(code_point.value);
    at += code_point.bytes;
  }
  writer.Finish();
  return normalized;
}

}  // namespace mmoe
