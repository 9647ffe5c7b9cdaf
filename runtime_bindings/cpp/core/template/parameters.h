#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "core/template/runtime.h"
#include "core/template/value.h"

namespace mmoe::jinja {

// The arguments of a native function by its parameters, as Python binds them.
class Parameters {
 public:
  // Throws for too many arguments, an unknown name, and when one of the first `required` is missing.
  Parameters(const char* function, const Arguments& arguments, std::initializer_list<const char*> names,
             size_t required = 0);

  bool Has(size_t at) const { return found_[at] != nullptr; }
  const Value& operator[](size_t at) const { return *found_[at]; }

  // With what holds when the parameter is missing; each throws for a value of another type.
  int64_t Integer(size_t at, int64_t missing) const;
  bool Flag(size_t at, bool missing) const;  // of any value, its truth
  const Text* String(size_t at) const;       // nullptr when it is missing or none

 private:
  [[noreturn]] void Refuse(size_t at, const char* wanted) const;

  const char* function_;
  std::vector<const char*> names_;
  std::vector<const Value*> found_;
};

}  // namespace mmoe::jinja
