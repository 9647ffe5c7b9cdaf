#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mmoe {

// Where each run of three tokens of a text was seen last.
class TrigramIndex {
 public:
  // For texts of up to `tokens`.
  explicit TrigramIndex(size_t tokens);

  // Takes in what `text` has gained; it begins with what was there before, or Forget said otherwise.
  void Extend(const std::vector<int32_t>& text, size_t size);
  void Forget(size_t size) { size_ = size_ < size ? size_ : size; }

  // The place behind the last occurrence in text[0..size) of the three tokens; 0: none.
  size_t Find(const std::vector<int32_t>& text, const int32_t* trigram) const;

 private:
  size_t Slot(const int32_t* trigram) const;

  std::vector<int32_t>
      places_;  // behind the trigram; 0: free. Of two with the same slot the later one stays.
  size_t size_ = 0;
};

struct Draft {
  std::vector<int32_t> ids;
  size_t matched = 0;  // tokens before it that agree with its source's; of more than kMostMatched not counted
};

// Drafts by looking for the end of the context earlier in it, or in a document that the caller gave: prompt lookup
// (Saxena 2023). Text that repeats what was said, as edits and quotations do, is foreseen at no cost.
class DraftSource {
 public:
  static constexpr size_t kMostMatched = 16;

  explicit DraftSource(size_t context_tokens) : index_(context_tokens), document_index_(0) {}

  void SetDocument(std::vector<int32_t> document);
  // The context was cut.
  void Forget(size_t position) { index_.Forget(position); }

  // At most `most` tokens that may follow `context` and then `next`; none without a match.
  Draft Find(const std::vector<int32_t>& context, int32_t next, size_t most);

 private:
  TrigramIndex index_;
  std::vector<int32_t> document_;
  TrigramIndex document_index_;
  std::vector<int32_t> text_;  // the context and `next`
};

}  // namespace mmoe
