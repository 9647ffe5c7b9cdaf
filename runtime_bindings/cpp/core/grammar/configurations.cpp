#include "core/grammar/configurations.h"

#include <algorithm>
#include <string>
#include <utility>

#include "core/error.h"
#include "core/grammar/hash.h"

namespace mmoe::grammar {

namespace {

// A thread is one way to read the text so far; what people write has a few dozen of them, an enumeration thousands.
constexpr size_t kMaxPlaces = 65'536;
// Places that one step (a mask and a token) may look at: about a second.
constexpr uint64_t kMaxEffort = 20'000'000;
// Deeper nesting than this is not begun: a text of nothing but [[[[ ends somewhere.
constexpr uint32_t kMaxDepth = 4'096;
// About 64 MB at 64 classes of bytes.
constexpr size_t kManyEntries = 16'000'000;
constexpr size_t kManyFrames = 1'000'000;

bool Before(const Thread& a, const Thread& b) {
  return a.state != b.state ? a.state < b.state : a.stack < b.stack;
}

}  // namespace

Configurations::Configurations(const Automaton& automaton) : automaton_(automaton) { Clear(); }

void Configurations::Clear() {
  stacks_.Clear();
  configurations_.clear();
  next_.clear();
  table_.assign(256, kNotYet);
  Intern({});
  std::fill(next_.begin(), next_.end(), kDead);
}

bool Configurations::IsLarge() const { return next_.size() > kManyEntries || stacks_.size() > kManyFrames; }

ConfigurationId Configurations::Keep(ConfigurationId id) {
  const Stacks before = std::move(stacks_);
  Configuration kept = std::move(configurations_[id]);
  stacks_ = Stacks();
  Clear();
  // From the bottom up; frames that several stacks share are pushed again and get the same id.
  std::vector<StackId> path;
  for (Thread& thread : kept.threads) {
    path.clear();
    for (StackId at = thread.stack; at > Stacks::kUnknown; at = before.frame(at).below) path.push_back(at);
    StackId stack = Stacks::kRoot;
    for (auto at = path.rbegin(); at != path.rend(); ++at) {
      stack = stacks_.Push(before.frame(*at).state, before.frame(*at).data, stack);
    }
    thread.stack = stack;
  }
  std::sort(kept.threads.begin(), kept.threads.end(), Before);
  return Intern(std::move(kept));
}

ConfigurationId Configurations::Start() {
  Arrive(automaton_.start(), Stacks::kRoot, 0);
  return Collect();
}

ConfigurationId Configurations::Of(Thread thread) {
  Configuration configuration;
  configuration.threads.push_back(thread);
  return Intern(std::move(configuration));
}

ConfigurationId Configurations::Make(ConfigurationId from, uint8_t byte) {
  for (const Thread& thread : configurations_[from].threads) {
    const State& state = automaton_.state(thread.state);
    for (const Step* step = automaton_.begin(state); step != automaton_.end(state); ++step) {
      if (byte >= step->first && byte <= step->last) Arrive(step->target, thread.stack, 0);
    }
  }
  const ConfigurationId next = Collect();
  next_[from * automaton_.class_count() + automaton_.class_of(byte)] = next;
  return next;
}

// Notes a place to follow, once.
void Configurations::Arrive(StateId state, StackId stack, uint32_t fresh) {
  if (seen_.size() < 2 * places_.size() + 64) {
    seen_.assign(std::max<size_t>(256, 2 * seen_.size()), 0);
    const size_t mask = seen_.size() - 1;
    for (size_t index = 0; index < places_.size(); ++index) {
      const Place& place = places_[index];
      size_t slot = Mix(Mix(place.state, place.stack), place.fresh) & mask;
      while (seen_[slot] != 0) slot = (slot + 1) & mask;
      seen_[slot] = static_cast<uint32_t>(index + 1);
    }
  }
  const size_t mask = seen_.size() - 1;
  size_t slot = Mix(Mix(state, stack), fresh) & mask;
  for (; seen_[slot] != 0; slot = (slot + 1) & mask) {
    const Place& place = places_[seen_[slot] - 1];
    if (place.state == state && place.stack == stack && place.fresh == fresh) return;
  }
  if (places_.size() == kMaxPlaces || ++effort_ > kMaxEffort) {
    places_.clear();
    seen_.clear();
    made_ = {};
    followed_ = 0;
    throw CoreError(
        MMOE_OUT_OF_RESOURCES,
        "the grammar is so ambiguous that a text can be read in more ways than are followed; write it "
        "so that the next characters decide");
  }
  places_.push_back({state, stack, fresh});
  seen_[slot] = static_cast<uint32_t>(places_.size());
}

void Configurations::Push(StateId state, uint64_t data, StackId below, StateId body, uint32_t fresh) {
  if (stacks_.frame(below).depth == kMaxDepth) return;
  Arrive(body, stacks_.Push(state, data, below), fresh + 1);
}

void Configurations::Follow(const Place& place) {
  const State& state = automaton_.state(place.state);
  switch (state.op) {
    case State::Op::kRead:
      made_.threads.push_back({place.state, place.stack});
      break;
    case State::Op::kFork:
      for (const Step* step = automaton_.begin(state); step != automaton_.end(state); ++step) {
        Arrive(step->target, place.stack, place.fresh);
      }
      break;
    case State::Op::kCall:
      if (automaton_.state(state.next).op == State::Op::kReturn) {
        // A call at the end of a rule need not come back to it: so repeats by recursion stay flat.
        Arrive(state.body, place.stack, place.fresh);
      } else {
        Push(state.next, 0, place.stack, state.body, place.fresh);
      }
      break;
    case State::Op::kRepeat:
      Repeat(state, place.state, {state.least, state.most}, place.stack, place.fresh);
      break;
    case State::Op::kMembers:
      if (automaton_.members(state.members).required == 0) Arrive(state.next, place.stack, place.fresh);
      ChooseMember(state, place.state, 0, place.stack, place.fresh);
      break;
    case State::Op::kNextMember:
      break;  // only frames have it
    case State::Op::kReturn:
      Return(place);
      break;
  }
}

void Configurations::Return(const Place& place) {
  if (place.stack == Stacks::kRoot) {
    made_.ends = true;
    return;
  }
  if (place.stack == Stacks::kUnknown) {
    made_.leaves = true;
    return;
  }
  const Stacks::Frame frame = stacks_.frame(place.stack);
  const State& state = automaton_.state(frame.state);
  const uint32_t fresh = place.fresh == 0 ? 0 : place.fresh - 1;
  switch (state.op) {
    case State::Op::kRepeat: {
      // A body that was empty has repeated nothing; what follows the repeat has been reached without it.
      if (place.fresh > 0) return;
      Counter counter = CounterOf(frame.data);
      if (counter.need > 0) --counter.need;
      if (counter.room != kNoLimit) --counter.room;
      Repeat(state, frame.state, counter, frame.below, fresh);
      break;
    }
    case State::Op::kMembers: {  // behind a member
      const MemberStates& members = automaton_.members(state.members);
      if ((members.required & ~frame.data) == 0) Arrive(state.next, frame.below, fresh);
      const bool all =
          members.others.empty() &&
          frame.data == (members.named.size() == kMaxMembers ? ~uint64_t{0}
                                                             : (uint64_t{1} << members.named.size()) - 1);
      if (!all) Push(state.body, frame.data, frame.below, members.separator, fresh);
      break;
    }
    case State::Op::kNextMember:  // behind a separator
      ChooseMember(state, frame.state + 1, frame.data, frame.below, fresh);
      break;
    default:
      Arrive(frame.state, frame.below, fresh);
  }
}

void Configurations::Repeat(const State& state, StateId id, Counter counter, StackId below, uint32_t fresh) {
  if (counter.need == 0) Arrive(state.next, below, fresh);
  if (counter.room > 0) Push(id, DataOf(counter), below, state.body, fresh);
}

void Configurations::ChooseMember(const State& state, StateId id, uint64_t seen, StackId below,
                                  uint32_t fresh) {
  const MemberStates& members = automaton_.members(state.members);
  for (size_t index = 0; index < members.named.size(); ++index) {
    const uint64_t bit = uint64_t{1} << index;
    if ((seen & bit) == 0) Push(id, seen | bit, below, members.named[index], fresh);
  }
  for (const StateId other : members.others) Push(id, seen, below, other, fresh);
}

ConfigurationId Configurations::Collect() {
  for (; followed_ < places_.size(); ++followed_) Follow(Place(places_[followed_]));
  places_.clear();
  followed_ = 0;
  std::fill(seen_.begin(), seen_.end(), 0);
  Configuration made = std::exchange(made_, {});
  std::sort(made.threads.begin(), made.threads.end(), Before);
  made.threads.erase(std::unique(made.threads.begin(), made.threads.end()), made.threads.end());
  return Intern(std::move(made));
}

ConfigurationId Configurations::Intern(Configuration configuration) {
  if (2 * configurations_.size() > table_.size()) {
    table_.assign(2 * table_.size(), kNotYet);
    for (ConfigurationId id = 0; id < configurations_.size(); ++id) {
      size_t slot = HashOf(configurations_[id]) & (table_.size() - 1);
      while (table_[slot] != kNotYet) slot = (slot + 1) & (table_.size() - 1);
      table_[slot] = id;
    }
  }
  size_t slot = HashOf(configuration) & (table_.size() - 1);
  for (; table_[slot] != kNotYet; slot = (slot + 1) & (table_.size() - 1)) {
    const Configuration& other = configurations_[table_[slot]];
    if (other.ends == configuration.ends && other.leaves == configuration.leaves &&
        other.threads == configuration.threads) {
      return table_[slot];
    }
  }
  const auto id = static_cast<ConfigurationId>(configurations_.size());
  table_[slot] = id;
  configurations_.push_back(std::move(configuration));
  next_.resize(next_.size() + automaton_.class_count(), kNotYet);
  return id;
}

uint64_t Configurations::HashOf(const Configuration& configuration) {
  uint64_t hash = configuration.ends * 2 + configuration.leaves;
  for (const Thread& thread : configuration.threads) hash = Mix(Mix(hash, thread.state), thread.stack);
  return hash;
}

}  // namespace mmoe::grammar
