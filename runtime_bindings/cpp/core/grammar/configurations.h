#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/grammar/automaton.h"
#include "core/grammar/stacks.h"

namespace mmoe::grammar {

using ConfigurationId = uint32_t;

// One of the ways in which a grammar may read a text: a state that reads the next byte, and what is open below it.
struct Thread {
  StateId state;
  StackId stack;
  bool operator==(const Thread& other) const { return state == other.state && stack == other.stack; }
};

// A frame's data while its kRepeat runs: how often the body must, and may, still come.
struct Counter {
  uint32_t need;
  uint32_t room;  // kNoLimit: without end
};
inline Counter CounterOf(uint64_t data) {
  return {static_cast<uint32_t>(data >> 32), static_cast<uint32_t>(data)};
}
inline uint64_t DataOf(Counter counter) { return uint64_t{counter.need} << 32 | counter.room; }

// All ways at a place of a text, numbered, with what a byte makes of them: the automaton's powerset with stacks, made as
// far as a text goes.
class Configurations {
 public:
  static constexpr ConfigurationId kDead = 0;

  explicit Configurations(const Automaton& automaton);

  ConfigurationId Start();
  // Throws CoreError(MMOE_OUT_OF_RESOURCES) for a grammar so ambiguous that it is not to be followed.
  ConfigurationId Next(ConfigurationId from, uint8_t byte) {
    const uint32_t byte_class = automaton_.class_of(byte);
    const ConfigurationId next = next_[from * automaton_.class_count() + byte_class];
    return next != kNotYet ? next : Make(from, byte);
  }
  ConfigurationId Of(Thread thread);

  const std::vector<Thread>& threads(ConfigurationId id) const { return configurations_[id].threads; }
  // The text may end here.
  bool ends(ConfigurationId id) const { return configurations_[id].ends; }
  // What is above Stacks::kUnknown may end here.
  bool leaves(ConfigurationId id) const { return configurations_[id].leaves; }

  Stacks& stacks() { return stacks_; }
  const Automaton& automaton() const { return automaton_; }

  // Forgets all but one, whose new number it returns, once the tables have grown large.
  bool IsLarge() const;
  ConfigurationId Keep(ConfigurationId id);
  // A step of a text may cost so much, no more.
  void BeginStep() { effort_ = 0; }

 private:
  static constexpr ConfigurationId kNotYet = UINT32_MAX;

  struct Configuration {
    std::vector<Thread> threads;  // ascending
    bool ends = false;
    bool leaves = false;
  };
  struct Place {
    StateId state;
    StackId stack;
    uint32_t fresh;  // frames on top that were pushed since the last byte
  };

  ConfigurationId Make(ConfigurationId from, uint8_t byte);
  void Clear();
  void Arrive(StateId state, StackId stack, uint32_t fresh);
  void Push(StateId state, uint64_t data, StackId below, StateId body, uint32_t fresh);
  void Follow(const Place& place);
  void Return(const Place& place);
  void Repeat(const State& state, StateId id, Counter counter, StackId below, uint32_t fresh);
  void ChooseMember(const State& state, StateId id, uint64_t seen, StackId below, uint32_t fresh);
  ConfigurationId Collect();
  ConfigurationId Intern(Configuration configuration);
  static uint64_t HashOf(const Configuration& configuration);

  const Automaton& automaton_;
  Stacks stacks_;
  std::vector<Configuration> configurations_;
  std::vector<ConfigurationId> next_;   // [configuration][class of byte]
  std::vector<ConfigurationId> table_;  // open addressing; kNotYet is free
  // While one is made:
  std::vector<Place> places_;
  size_t followed_ = 0;
  std::vector<uint32_t> seen_;  // open addressing over places_, of index + 1
  Configuration made_;
  uint64_t effort_ = 0;
};

}  // namespace mmoe::grammar
