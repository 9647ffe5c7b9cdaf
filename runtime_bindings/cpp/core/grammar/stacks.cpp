#include "core/grammar/stacks.h"

#include "core/grammar/hash.h"

namespace mmoe::grammar {

void Stacks::Clear() {
  frames_.assign({{0, kRoot, 0, 0}, {0, kRoot, 0, 0}});
  table_.assign(1024, 0);
}

StackId Stacks::Push(StateId state, uint64_t data, StackId below) {
  if (2 * frames_.size() > table_.size()) Grow();
  const size_t mask = table_.size() - 1;
  size_t slot = Mix(Mix(state, data), below) & mask;
  for (; table_[slot] != 0; slot = (slot + 1) & mask) {
    const Frame& frame = frames_[table_[slot]];
    if (frame.state == state && frame.data == data && frame.below == below) return table_[slot];
  }
  const auto id = static_cast<StackId>(frames_.size());
  table_[slot] = id;
  frames_.push_back({state, below, data, frames_[below].depth + 1});
  return id;
}

void Stacks::Grow() {
  table_.assign(2 * table_.size(), 0);
  const size_t mask = table_.size() - 1;
  for (StackId id = kUnknown + 1; id < frames_.size(); ++id) {
    const Frame& frame = frames_[id];
    size_t slot = Mix(Mix(frame.state, frame.data), frame.below) & mask;
    while (table_[slot] != 0) slot = (slot + 1) & mask;
    table_[slot] = id;
  }
}

}  // namespace mmoe::grammar
