#include "core/tokenizer/merge_table.h"

namespace mmoe {

MergeTable::MergeTable(size_t count) {
  size_t size = 16;
  while (size < 2 * count) size *= 2;
  slots_.assign(size, {kEmpty, {-1, -1}});
  mask_ = size - 1;
}

void MergeTable::Insert(int32_t left, int32_t right, Merge merge) {
  const uint64_t key = Key(left, right);
  size_t slot = Slot(key);
  while (slots_[slot].key != kEmpty && slots_[slot].key != key) slot = (slot + 1) & mask_;
  slots_[slot] = {key, merge};
}

}  // namespace mmoe
