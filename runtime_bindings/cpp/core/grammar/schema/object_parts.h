#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/grammar/schema/conjunction.h"

namespace mmoe::grammar {

// What plain schemas say together about the members of an object.
class ObjectParts {
 public:
  ObjectParts(const std::vector<SchemaId>& plain, SchemaDocument* document);

  // Ascending.
  const std::vector<std::string>& required() const { return required_; }
  bool Requires(const std::string& name) const;
  // The names that a schema says something about, or requires.
  std::vector<std::string> Names() const;
  // What the value of a member has to satisfy.
  Conjunction MemberParts(const std::string& name) const;
  // And that of one without a schema of its own.
  Conjunction OtherParts() const;

 private:
  struct OneSchema {
    std::map<std::string, SchemaId> properties;
    std::vector<SchemaId> additional;  // none or one
  };
  std::vector<OneSchema> schemas_;
  std::vector<std::string> required_;
};

}  // namespace mmoe::grammar
