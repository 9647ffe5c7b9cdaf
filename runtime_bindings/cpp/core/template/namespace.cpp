#include "core/template/namespace.h"

#include "core/template/show.h"
#include "core/template/template_error.h"

namespace mmoe::jinja {

void Namespace::Set(const std::string& name, Value value) {
  if (!name.empty() && name[0] == '_') {
    Raise("a namespace cannot have the attribute " + name + ", which begins with an underscore");
  }
  for (auto& [known, old] : attributes_) {
    if (known == name) {
      old = std::move(value);
      return;
    }
  }
  attributes_.emplace_back(name, std::move(value));
}

std::optional<Value> Namespace::Attribute(Runtime&, std::string_view name) {
  for (const auto& [known, value] : attributes_) {
    if (known == name) return value;
  }
  return std::nullopt;
}

Text Namespace::Show(Runtime& runtime) {
  Text text("<Namespace {");
  bool first = true;
  for (const auto& [name, value] : attributes_) {
    text.Append(first ? "'" : ", '");
    text.Append(name + "': ");
    text.Append(Repr(runtime, value));
    first = false;
  }
  text.Append("}>");
  return text;
}

}  // namespace mmoe::jinja
