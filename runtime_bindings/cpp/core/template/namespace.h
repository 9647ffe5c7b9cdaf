#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/template/value.h"

namespace mmoe::jinja {

// namespace(): the one thing that a template can change from inside a loop.
class Namespace : public Object {
 public:
  // Throws for a name that begins with an underscore.
  void Set(const std::string& name, Value value);

  std::string TypeName() const override { return "namespace"; }
  std::optional<Value> Attribute(Runtime& runtime, std::string_view name) override;
  bool Callable() const override { return false; }
  Text Show(Runtime& runtime) override;
  void Release() override { attributes_.clear(); }

 private:
  std::vector<std::pair<std::string, Value>> attributes_;
};

}  // namespace mmoe::jinja
