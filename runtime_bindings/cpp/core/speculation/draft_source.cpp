#include "core/speculation/draft_source.h"

#include <algorithm>
#include <utility>

namespace mmoe {

namespace {

constexpr size_t kGram = 3;
constexpr size_t kAside =
    4;  // tokens that a text leaves out of its source, or puts in, for it to be found again
constexpr size_t kFollowed = 16;  // tokens without one of the source after which it is lost

// How many tokens before the two places agree.
size_t Matched(const std::vector<int32_t>& text, const std::vector<int32_t>& source, size_t place) {
  const size_t limit = std::min({place, text.size(), DraftSource::kMostMatched});
  size_t matched = 0;
  while (matched < limit && text[text.size() - 1 - matched] == source[place - 1 - matched]) ++matched;
  return matched;
}

}  // namespace

TrigramIndex::TrigramIndex(size_t tokens) {
  size_t slots = 1;
  while (slots < 2 * tokens) slots *= 2;
  places_.resize(slots);
}

size_t TrigramIndex::Slot(const int32_t* trigram) const {
  uint64_t hash = 0;
  for (size_t index = 0; index < kGram; ++index) {
    // Multiplicative hashing by 2^64 over the golden ratio (Knuth, TAOCP 3, 6.4).
    hash = (hash ^ static_cast<uint32_t>(trigram[index])) * 0x9E3779B97F4A7C15u;
    hash ^= hash >> 32;
  }
  return static_cast<size_t>(hash) & (places_.size() - 1);
}

void TrigramIndex::Extend(const std::vector<int32_t>& text, size_t size) {
  for (size_t end = std::max(size_ + 1, kGram); end <= size; ++end) {
    places_[Slot(text.data() + end - kGram)] = static_cast<int32_t>(end);
  }
  size_ = std::max(size_, size);
}

size_t TrigramIndex::Find(const std::vector<int32_t>& text, const int32_t* trigram) const {
  const auto place = static_cast<size_t>(places_[Slot(trigram)]);
  const bool found =
      place >= kGram && place <= size_ && std::equal(trigram, trigram + kGram, text.data() + place - kGram);
  return found ? place : 0;
}

void DraftSource::SetDocument(std::vector<int32_t> document) {
  document_ = std::move(document);
  document_index_ = TrigramIndex(document_.size());
  document_index_.Extend(document_, document_.size());
  last_ = {};
}

void DraftSource::Forget(size_t position) {
  index_.Forget(position);
  last_ = {};
}

// Where the last three tokens were seen, in the context or in the document: where more before them agree.
DraftSource::Place DraftSource::Known(const std::vector<int32_t>& context) const {
  const int32_t* trigram = text_.data() + text_.size() - kGram;
  const size_t place = index_.Find(context, trigram), page = document_index_.Find(document_, trigram);
  const size_t here = place == 0 ? 0 : Matched(text_, context, place);
  const size_t there = page == 0 ? 0 : Matched(text_, document_, page);
  if (there > here) return {true, page, there, true};
  return {false, place, here, here > 0};
}

// Where the text is in what it was copied from, if since then it has replaced as many tokens as it has written, or else
// where its last tokens stand near there.
DraftSource::Place DraftSource::Beside(const std::vector<int32_t>& context) const {
  const size_t written = context.size() + 1 - last_size_;
  if (!last_.found || written > kFollowed) return {};
  const std::vector<int32_t>& source = last_.in_document ? document_ : context;
  const size_t middle = last_.index + written;
  Place best = {last_.in_document, middle, 0, middle <= source.size()};
  for (size_t away = 0; away <= kAside; ++away) {
    for (const size_t index : {middle - away, middle + away}) {
      if (index == 0 || index > source.size()) continue;
      const size_t matched = Matched(text_, source, index);
      if (matched > best.matched) best = {last_.in_document, index, matched, true};
    }
  }
  return best;
}

Draft DraftSource::Find(const std::vector<int32_t>& context, int32_t next, size_t most) {
  Draft draft;
  index_.Extend(context, context.size());
  if (context.size() + 1 < kGram) return draft;
  // Only the end of the context is looked at, and copied, but for what a draft is taken from.
  text_.assign(context.end() - static_cast<std::ptrdiff_t>(std::min(context.size(), kMostMatched - 1)),
               context.end());
  text_.push_back(next);

  const Place known = Known(context), beside = Beside(context);
  const Place& place = beside.found && beside.matched >= known.matched ? beside : known;
  if (!place.found) return draft;
  draft.matched = place.matched;
  if (place.in_document) {
    const size_t count = std::min(most, document_.size() - place.index);
    draft.ids.assign(document_.begin() + static_cast<std::ptrdiff_t>(place.index),
                     document_.begin() + static_cast<std::ptrdiff_t>(place.index + count));
  }
  // A text that repeats itself goes on into the draft: behind the context stand `next` and the draft's own beginning.
  for (size_t index = place.index; !place.in_document && draft.ids.size() < most; ++index) {
    const size_t beyond = index - std::min(index, context.size());
    draft.ids.push_back(index < context.size() ? context[index] : beyond == 0 ? next : draft.ids[beyond - 1]);
  }
  if (place.matched > 0) last_ = place, last_size_ = context.size() + 1;
  return draft;
}

}  // namespace mmoe
