#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/error.h"

namespace mmoe::jinja {

// What one rendering may use: a template is foreign code.
struct Limits {
  int64_t steps = 5'000'000;     // nodes evaluated, elements made, and one for every 16 bytes of text made
  size_t text_bytes = 64 << 20;  // of one text, the output included
  int depth = 400;               // nested evaluations: expressions, blocks and macros inside each other
};

// Containers inside containers; what is deeper could not be destroyed or printed without a deep stack.
constexpr int kMaxValueDepth = 100;
constexpr int64_t kMaxValueCount = 2'000'000;

class Budget {
 public:
  explicit Budget(const Limits& limits) : limits_(limits), steps_left_(limits.steps) {}

  void Step(int64_t count = 1) {
    steps_left_ -= count;
    if (steps_left_ < 0) Exceeded("takes more than " + std::to_string(limits_.steps) + " steps");
  }

  // Before a text of `count` bytes is made.
  void Bytes(size_t count) {
    if (count > limits_.text_bytes) {
      Exceeded("makes a text of more than " + std::to_string(limits_.text_bytes) + " bytes");
    }
    Step(static_cast<int64_t>(count / 16));
  }

  int64_t steps_used() const { return limits_.steps - steps_left_; }

  // One nested evaluation, as long as it lives.
  class Nested {
   public:
    explicit Nested(Budget& budget) : budget_(budget) {
      if (budget_.depth_ >= budget_.limits_.depth) {
        Exceeded("nests deeper than " + std::to_string(budget_.limits_.depth) + " levels");
      }
      ++budget_.depth_;
    }
    ~Nested() { --budget_.depth_; }
    Nested(const Nested&) = delete;

   private:
    Budget& budget_;
  };

 private:
  [[noreturn]] static void Exceeded(const std::string& what) {
    throw CoreError(MMOE_OUT_OF_RESOURCES, "the template " + what);
  }

  Limits limits_;
  int64_t steps_left_;
  int depth_ = 0;
};

}  // namespace mmoe::jinja
