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
  // Tokens before it that agree with its source's, of more than kMostMatched not counted; none behind a token that the
  // text has in place of its source's.
  size_t matched = 0;
};

// Drafts by looking for the end of the context earlier in it, or in a document that the caller gave: prompt lookup
// (Saxena 2023). Text that repeats what was said, as edits and quotations do, is foreseen at no cost. Where it departs from
// its source, it is expected to go on beside it: behind as many tokens, or a few more or less.
class DraftSource {
 public:
  static constexpr size_t kMostMatched = 16;

  explicit DraftSource(size_t context_tokens) : index_(context_tokens), document_index_(0) {}

  void SetDocument(std::vector<int32_t> document);
  // The context was cut.
  void Forget(size_t position);

  // At most `most` tokens that may follow `context` and then `next`; none without a match.
  Draft Find(const std::vector<int32_t>& context, int32_t next, size_t most);

 private:
  // Behind a place of the context, or of the document, stands what may come next.
  struct Place {
    bool in_document = false;
    size_t index = 0;
    size_t matched = 0;
    bool found = false;
  };

  Place Known(const std::vector<int32_t>& context) const;
  Place Beside(const std::vector<int32_t>& context) const;

  TrigramIndex index_;
  std::vector<int32_t> document_;
  TrigramIndex document_index_;
  std::vector<int32_t> text_;  // the end of the context, and `next`
  Place last_;                 // that agreed with the text,
  size_t last_size_ = 0;       // when it had so many tokens
};

}  // namespace mmoe
