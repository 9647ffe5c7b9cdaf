#include "core/template/parameters.h"

#include "core/template/compare.h"
#include "core/template/template_error.h"

namespace mmoe::jinja {

Parameters::Parameters(const char* function, const Arguments& arguments,
                       std::initializer_list<const char*> names, size_t required)
    : function_(function), names_(names), found_(names.size(), nullptr) {
  if (arguments.positional.size() > names.size()) {
    Raise(std::string(function) + " takes no more than " + std::to_string(names.size()) + " arguments");
  }
  for (size_t at = 0; at < arguments.positional.size(); ++at) found_[at] = &arguments.positional[at];
  for (const auto& [name, value] : arguments.named) {
    size_t at = 0;
    while (at < names_.size() && name != names_[at]) ++at;
    if (at == names_.size()) Raise(std::string(function) + " takes no argument \"" + name + "\"");
    if (found_[at] != nullptr) Raise(std::string(function) + " is given \"" + name + "\" twice");
    found_[at] = &value;
  }
  for (size_t at = 0; at < required; ++at) {
    if (!Has(at)) Raise(std::string(function) + " lacks the argument \"" + names_[at] + "\"");
  }
}

void Parameters::Refuse(size_t at, const char* wanted) const {
  Raise(std::string(function_) + ": the argument \"" + names_[at] + "\" is " + Describe(*found_[at]) +
        ", not " + wanted);
}

int64_t Parameters::Integer(size_t at, int64_t missing) const {
  if (!Has(at)) return missing;
  if (!found_[at]->IsInteger()) Refuse(at, "an integer");
  return found_[at]->integer();
}

bool Parameters::Flag(size_t at, bool missing) const { return Has(at) ? Truth(*found_[at]) : missing; }

const Text* Parameters::String(size_t at) const {
  if (!Has(at) || found_[at]->IsNone()) return nullptr;
  if (!found_[at]->IsString()) Refuse(at, "a string");
  return &found_[at]->text();
}

}  // namespace mmoe::jinja
