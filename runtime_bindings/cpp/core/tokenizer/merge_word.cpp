#include "core/tokenizer/merge_word.h"

#include <queue>

namespace mmoe {

namespace {

// Up to here looking at every pair after every merge is faster than a queue: words of text have 5 bytes or so.
constexpr size_t kShortWord = 24;

void MergeShort(const MergeTable& merges, std::vector<int32_t>* word) {
  MergeTable::Merge pairs[kShortWord];
  size_t size = word->size();
  int32_t* ids = word->data();
  for (size_t at = 0; at + 1 < size; ++at) pairs[at] = merges.Find(ids[at], ids[at + 1]);
  while (size > 1) {
    size_t best = size;
    for (size_t at = 0; at + 1 < size; ++at) {
      if (pairs[at].rank >= 0 && (best == size || pairs[at].rank < pairs[best].rank)) best = at;
    }
    if (best == size) break;
    ids[best] = pairs[best].merged;
    --size;
    for (size_t at = best + 1; at < size; ++at) ids[at] = ids[at + 1];
    for (size_t at = best + 1; at + 1 < size; ++at) pairs[at] = pairs[at + 1];
    if (best > 0) pairs[best - 1] = merges.Find(ids[best - 1], ids[best]);
    if (best + 1 < size) pairs[best] = merges.Find(ids[best], ids[best + 1]);
  }
  word->resize(size);
}

struct Candidate {
  MergeTable::Merge merge;
  size_t at;     // of the left token
  int32_t left;  // the tokens it was seen between: if they have changed since, it is void
  int32_t right;

  // std::priority_queue takes the greatest first.
  bool operator<(const Candidate& other) const {
    return merge.rank != other.merge.rank ? merge.rank > other.merge.rank : at > other.at;
  }
};

void MergeLong(const MergeTable& merges, std::vector<int32_t>* word) {
  constexpr int32_t kGone = -1;
  std::vector<int32_t>& ids = *word;
  const size_t size = ids.size();
  std::vector<size_t> previous(size);
  std::vector<size_t> next(size);
  for (size_t at = 0; at < size; ++at) {
    previous[at] = at - 1;  // wraps to SIZE_MAX in front of the first
    next[at] = at + 1;
  }
  std::priority_queue<Candidate> queue;
  const auto offer = [&](size_t left, size_t right) {
    if (left >= size || right >= size) return;
    const MergeTable::Merge merge = merges.Find(ids[left], ids[right]);
    if (merge.rank >= 0) queue.push({merge, left, ids[left], ids[right]});
  };
  for (size_t at = 0; at + 1 < size; ++at) offer(at, at + 1);
  while (!queue.empty()) {
    const Candidate candidate = queue.top();
    queue.pop();
    const size_t left = candidate.at;
    const size_t right = next[left];
    if (ids[left] != candidate.left || right >= size || ids[right] != candidate.right) continue;
    ids[left] = candidate.merge.merged;
    ids[right] = kGone;
    next[left] = next[right];
    if (next[left] < size) previous[next[left]] = left;
    offer(previous[left], left);
    offer(left, next[left]);
  }
  size_t kept = 0;
  for (size_t at = 0; at < size; at = next[at]) ids[kept++] = ids[at];
  ids.resize(kept);
}

}  // namespace

void MergeWord(const MergeTable& merges, std::vector<int32_t>* word) {
  if (word->size() <= kShortWord) {
    MergeShort(merges, word);
  } else {
    MergeLong(merges, word);
  }
}

}  // namespace mmoe
