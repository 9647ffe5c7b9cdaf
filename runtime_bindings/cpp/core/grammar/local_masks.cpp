#include "core/grammar/local_masks.h"

#include <algorithm>
#include <utility>

namespace mmoe::grammar {

namespace {

// A counter that is further than this from its limits is like one without: no token of so many bytes reaches them. The
// longer ones, a hundredth of a vocabulary, are looked at with the real counter.
constexpr uint32_t kFar = 24;
// Counters below a thread that belong to its rule. What is below these counts as unknown.
constexpr size_t kMaxFrames = 8;
// About 64 MB at 128,256 tokens.
constexpr size_t kMaxMasks = 4096;

bool IsOfRule(const State& state) {
  return state.op == State::Op::kRepeat || state.op == State::Op::kMembers ||
         state.op == State::Op::kNextMember;
}

}  // namespace

std::shared_ptr<const LocalMask> LocalMasks::Of(Thread thread, Configurations* configurations) {
  Stacks& stacks = configurations->stacks();
  std::vector<std::pair<StateId, uint64_t>> frames;
  bool cut = false;
  StackId at = thread.stack;
  for (; at > Stacks::kUnknown && frames.size() < kMaxFrames; at = stacks.frame(at).below) {
    const Stacks::Frame& frame = stacks.frame(at);
    const State& state = configurations->automaton().state(frame.state);
    if (!IsOfRule(state)) break;
    uint64_t data = frame.data;
    if (state.op == State::Op::kRepeat) {
      Counter counter = CounterOf(data);
      if (counter.need > kFar) {
        counter.need = kFar + 1;
        cut = true;
      }
      if (counter.room > kFar + counter.need && counter.room != kNoLimit) {
        counter.room = kNoLimit;
        cut = true;
      }
      data = DataOf(counter);
    }
    frames.emplace_back(frame.state, data);
  }
  // Below the root there is nothing to depend on.
  StackId local = at == Stacks::kRoot ? Stacks::kRoot : Stacks::kUnknown;
  Key key = {thread.state, local};
  for (const auto& [state, data] : frames) key.insert(key.end(), {state, data});
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = masks_.find(key);
    if (found != masks_.end()) return found->second;
  }
  for (auto frame = frames.rbegin(); frame != frames.rend(); ++frame) {
    local = stacks.Push(frame->first, frame->second, local);
  }
  std::shared_ptr<const LocalMask> made = Make({thread.state, local}, cut, configurations);
  const std::lock_guard<std::mutex> lock(mutex_);
  if (masks_.size() == kMaxMasks) masks_.clear();
  masks_.emplace(std::move(key), made);
  return made;
}

std::shared_ptr<const LocalMask> LocalMasks::Make(Thread thread, bool cut,
                                                  Configurations* configurations) const {
  auto mask = std::make_shared<LocalMask>(trie_.vocab_size());
  std::vector<ConfigurationId> at_depth(trie_.max_depth() + 1);
  at_depth[0] = configurations->Of(thread);
  for (uint32_t node = 0; node < trie_.size();) {
    const uint32_t depth = trie_.depth(node);
    const ConfigurationId reached = configurations->Next(at_depth[depth - 1], trie_.byte(node));
    if (reached == Configurations::kDead) {
      node = trie_.end(node);
      continue;
    }
    at_depth[depth] = reached;
    trie_.TokensAt(node, [&](int32_t token) { mask->tokens.Add(token); });
    const bool has_children = trie_.end(node) > node + 1;
    const bool too_long = cut && depth == kFar;
    if (has_children && (too_long || configurations->leaves(reached))) mask->open.push_back(node);
    node = too_long ? trie_.end(node) : node + 1;
  }
  return mask;
}

}  // namespace mmoe::grammar
