#pragma once

#include <stdexcept>
#include <string>

namespace mmoe {

// ExecuTorch checks much of a program with assertions that end the process. While an AbortTrap lives, those
// that fail on its thread throw ProgramAborted instead. What the runtime held at that moment is leaked,
// because it is built without exceptions; so this is for opening a file, which fails once, not for running it.
class AbortTrap {
 public:
  AbortTrap();
  ~AbortTrap();
  AbortTrap(const AbortTrap&) = delete;
};

// what() is the assertion, as ExecuTorch would have logged it.
class ProgramAborted : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace mmoe
