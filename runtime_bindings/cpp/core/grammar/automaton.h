#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "core/grammar/grammar.h"

namespace mmoe::grammar {

using StateId = uint32_t;

// What to do at a place of a grammar. Every text that a rule matches leads from its first state to a kReturn.
struct State {
  enum class Op : uint8_t {
    kRead,        // a byte: one of the steps
    kFork,        // nothing: all of the targets of the steps
    kCall,        // what begins at `body`, then `next`
    kRepeat,      // what begins at `body`, `least` to `most` times, then `next`
    kMembers,     // the members of an object, then `next`
    kNextMember,  // a member that was not there yet: behind a separator
    kReturn,      // the end of a rule
  };
  Op op = Op::kReturn;
  StateId next = 0;
  StateId body = 0;
  uint32_t least = 0;
  uint32_t most = 0;
  uint32_t steps_begin = 0;  // of kRead and kFork
  uint32_t steps_end = 0;
  uint32_t members = 0;  // of kMembers and kNextMember
};

struct Step {
  uint8_t first = 0;
  uint8_t last = 0;
  StateId target = 0;
};

struct MemberStates {
  std::vector<StateId> named;
  uint64_t required = 0;
  std::vector<StateId> others;  // none or one
  StateId separator = 0;
};

// A grammar as states that read bytes, to be run with stacks. Immutable.
class Automaton {
 public:
  // Throws CoreError: MMOE_INVALID_ARGUMENT if a rule can never end, or begins with itself; MMOE_OUT_OF_RESOURCES if
  // there are too many states.
  explicit Automaton(const Grammar& grammar);

  StateId start() const { return start_; }
  const State& state(StateId id) const { return states_[id]; }
  const Step* begin(const State& state) const { return steps_.data() + state.steps_begin; }
  const Step* end(const State& state) const { return steps_.data() + state.steps_end; }
  const MemberStates& members(uint32_t index) const { return members_[index]; }
  size_t size() const { return states_.size(); }

  // Bytes that no state tells apart have one class.
  uint32_t class_of(uint8_t byte) const { return classes_[byte]; }
  uint32_t class_count() const { return class_count_; }

 private:
  friend class AutomatonBuilder;

  void FindClasses();

  StateId start_ = 0;
  std::vector<State> states_;
  std::vector<Step> steps_;
  std::vector<MemberStates> members_;
  std::array<uint32_t, 256> classes_{};
  uint32_t class_count_ = 0;
};

}  // namespace mmoe::grammar
