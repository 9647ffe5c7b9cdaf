#pragma once

#include <string>

#include "core/error.h"

namespace mmoe::jinja {

// A template that cannot be read, refuses what it is given, or asks for more than it may: MMOE_CORRUPT for
// text that is no template, MMOE_INVALID_ARGUMENT for what raise_exception or Python would raise,
// MMOE_UNSUPPORTED for what this interpreter does not have, MMOE_OUT_OF_RESOURCES for a limit.
class TemplateError : public CoreError {
 public:
  TemplateError(mmoe_status status, const std::string& where, int line, const std::string& message)
      : CoreError(status, where + ": line " + std::to_string(line) + ": " + message), line_(line) {}

  int line() const { return line_; }  // of the template, from 1

 private:
  int line_;
};

// What goes wrong inside the interpreter, which adds the line.
[[noreturn]] inline void Raise(const std::string& message) {
  throw CoreError(MMOE_INVALID_ARGUMENT, message);
}
[[noreturn]] inline void RefuseUnsupported(const std::string& message) {
  throw CoreError(MMOE_UNSUPPORTED, message);
}

}  // namespace mmoe::jinja
