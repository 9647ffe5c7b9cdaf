#include "core/tokenizer/merge_word.h"

#include <vector>

#include "core/tokenizer/merge_queue.h"

namespace mmoe {

namespace {

// Up to here looking at every pair after every merge is faster than a queue: words of text have 5 bytes or so.
constexpr size_t kShortWord = 24;

size_t MergeShort(const MergeTable& merges, int32_t* ids, size_t size) {
  MergeTable::Merge pairs[kShortWord];
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
  return size;
}

size_t MergeLong(const MergeTable& merges, int32_t* ids, size_t word_size) {
  constexpr int32_t kGone = -1;
  const auto size = static_cast<uint32_t>(word_size);
  std::vector<uint32_t> previous(size);
  std::vector<uint32_t> next(size);
  MergeQueue queue;
  for (uint32_t at = 0; at < size; ++at) {
    previous[at] = at - 1;  // wraps in front of the first
    next[at] = at + 1;
    const int32_t rank = at + 1 < size ? merges.Find(ids[at], ids[at + 1]).rank : -1;
    if (rank >= 0) queue.Push(rank, at);
  }
  const auto offer = [&](uint32_t left, uint32_t right) {
    if (left >= size || right >= size) return;
    const int32_t rank = merges.Find(ids[left], ids[right]).rank;
    if (rank >= 0) queue.Push(rank, left);
  };
  int32_t rank;
  uint32_t left;
  while (queue.Pop(&rank, &left)) {
    const uint32_t right = next[left];
    if (ids[left] == kGone || right >= size) continue;
    // Void if the tokens have changed since: no other pair has this rank.
    const MergeTable::Merge merge = merges.Find(ids[left], ids[right]);
    if (merge.rank != rank) continue;
    ids[left] = merge.merged;
    ids[right] = kGone;
    next[left] = next[right];
    if (next[left] < size) previous[next[left]] = left;
    offer(previous[left], left);
    offer(left, next[left]);
  }
  size_t kept = 0;
  for (uint32_t at = 0; at < size; at = next[at]) ids[kept++] = ids[at];
  return kept;
}

}  // namespace

size_t MergeWord(const MergeTable& merges, int32_t* ids, size_t size) {
  return size <= kShortWord ? MergeShort(merges, ids, size) : MergeLong(merges, ids, size);
}

}  // namespace mmoe
