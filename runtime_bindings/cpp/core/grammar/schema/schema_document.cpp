#include "core/grammar/schema/schema_document.h"

#include <algorithm>
#include <iterator>

namespace mmoe::grammar {

namespace {

// Keywords that say what a value may be and are not understood here. Names that no vocabulary of JSON schema has are
// annotations, as its specification says.
constexpr std::string_view kUnsupported[] = {"$dynamicRef",
                                             "$recursiveRef",
                                             "contains",
                                             "dependencies",
                                             "dependentRequired",
                                             "dependentSchemas",
                                             "else",
                                             "if",
                                             "maxContains",
                                             "maxProperties",
                                             "minContains",
                                             "minProperties",
                                             "multipleOf",
                                             "not",
                                             "nullable",
                                             "patternProperties",
                                             "propertyNames",
                                             "then",
                                             "unevaluatedItems",
                                             "unevaluatedProperties"};

std::string Escaped(std::string_view name) {
  std::string escaped;
  for (const char c : name) {
    if (c == '~') {
      escaped += "~0";
    } else if (c == '/') {
      escaped += "~1";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

// A step of a JSON pointer in a URI's fragment: %25 is %, ~1 is /, ~0 is ~.
std::string Unescaped(std::string_view step) {
  const auto hex = [](char c) { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; };
  std::string plain;
  for (size_t at = 0; at < step.size(); ++at) {
    if (step[at] == '%' && at + 2 < step.size() && isxdigit(static_cast<unsigned char>(step[at + 1])) != 0 &&
        isxdigit(static_cast<unsigned char>(step[at + 2])) != 0) {
      plain += static_cast<char>(hex(step[at + 1]) * 16 + hex(step[at + 2]));
      at += 2;
    } else {
      plain += step[at];
    }
  }
  std::string name;
  for (size_t at = 0; at < plain.size(); ++at) {
    if (plain[at] == '~' && at + 1 < plain.size() && (plain[at + 1] == '0' || plain[at + 1] == '1')) {
      name += plain[++at] == '0' ? '~' : '/';
    } else {
      name += plain[at];
    }
  }
  return name;
}

std::optional<Json> Member(const Json& object, std::string_view name) {
  std::optional<Json> found;
  if (object.type() != Json::Type::kObject) return found;
  for (Json member = object.First(); member.valid(); member = member.Next()) {
    if (member.Name() == name) found = member;
  }
  return found;
}

}  // namespace

SchemaDocument::SchemaDocument(std::string_view json) : document_(json, "the JSON schema") {
  pointers_.emplace(root(), "#");
}

std::optional<Json> SchemaDocument::Keyword(SchemaId schema, std::string_view name) const {
  return Member(At(schema), name);
}

SchemaId SchemaDocument::Note(const Json& value, SchemaId parent, const std::string& path) {
  pointers_.emplace(value.id(), Pointer(parent) + path);
  return value.id();
}

std::optional<SchemaId> SchemaDocument::Schema(SchemaId schema, std::string_view keyword) {
  const std::optional<Json> value = Keyword(schema, keyword);
  if (!value) return std::nullopt;
  return Note(*value, schema, "/" + std::string(keyword));
}

std::vector<SchemaId> SchemaDocument::Schemas(SchemaId schema, std::string_view keyword) {
  std::vector<SchemaId> found;
  const std::optional<Json> list = Keyword(schema, keyword);
  if (!list) return found;
  if (list->type() != Json::Type::kArray) Fail(schema, std::string(keyword), "must be an array of schemas");
  const std::string path = "/" + std::string(keyword) + "/";
  for (Json value = list->First(); value.valid(); value = value.Next()) {
    found.push_back(Note(value, schema, path + std::to_string(found.size())));
  }
  return found;
}

std::vector<std::pair<std::string, SchemaId>> SchemaDocument::NamedSchemas(SchemaId schema,
                                                                           std::string_view keyword) {
  std::vector<std::pair<std::string, SchemaId>> found;
  const std::optional<Json> object = Keyword(schema, keyword);
  if (!object) return found;
  if (object->type() != Json::Type::kObject)
    Fail(schema, std::string(keyword), "must be an object of schemas");
  const std::string path = "/" + std::string(keyword) + "/";
  for (Json value = object->First(); value.valid(); value = value.Next()) {
    const std::string name = value.Name();
    found.emplace_back(name, Note(value, schema, path + Escaped(name)));
  }
  return found;
}

std::vector<std::string> SchemaDocument::Names(SchemaId schema, std::string_view keyword) const {
  std::vector<std::string> found;
  const std::optional<Json> list = Keyword(schema, keyword);
  if (!list) return found;
  if (list->type() != Json::Type::kArray) Fail(schema, std::string(keyword), "must be an array of strings");
  for (Json value = list->First(); value.valid(); value = value.Next()) {
    if (value.type() != Json::Type::kString)
      Fail(schema, std::string(keyword), "must be an array of strings");
    found.push_back(value.String());
  }
  return found;
}

std::optional<uint32_t> SchemaDocument::Count(SchemaId schema, std::string_view keyword) const {
  const std::optional<Json> value = Keyword(schema, keyword);
  if (!value) return std::nullopt;
  const double count = value->type() == Json::Type::kNumber ? value->Number() : -1;
  if (!(count >= 0 && count < 1e9 && count == static_cast<uint32_t>(count))) {
    Fail(schema, std::string(keyword), "must be a whole number from 0 to 999999999");
  }
  return static_cast<uint32_t>(count);
}

std::optional<SchemaId> SchemaDocument::Reference(SchemaId schema) {
  const std::optional<Json> value = Keyword(schema, "$ref");
  if (!value) return std::nullopt;
  if (value->type() != Json::Type::kString) Fail(schema, "$ref", "must be a string");
  const std::string reference = value->String();
  if (reference != "#" && reference.substr(0, 2) != "#/") {
    Unsupported(schema, "$ref",
                "is " + reference + "; only \"#\" and \"#/...\" within the schema are followed");
  }
  Json target = document_.root();
  std::string pointer = "#";
  for (size_t at = 1; at < reference.size();) {
    const size_t end = std::min(reference.find('/', at + 1), reference.size());
    const std::string step = Unescaped(std::string_view(reference).substr(at + 1, end - at - 1));
    std::optional<Json> next = Member(target, step);
    if (target.type() == Json::Type::kArray && !step.empty() &&
        step.find_first_not_of("0123456789") == std::string::npos) {
      size_t index = 0;
      for (Json element = target.First(); element.valid(); element = element.Next()) {
        if (std::to_string(index++) == step) next = element;
      }
    }
    if (!next) Fail(schema, "$ref", "is " + reference + ", and the schema has nothing there");
    target = *next;
    pointer += "/" + Escaped(step);
    at = end;
  }
  pointers_.emplace(target.id(), pointer);
  return target.id();
}

void SchemaDocument::Check(SchemaId schema) {
  const Json value = At(schema);
  if (value.type() == Json::Type::kBool) return;
  if (value.type() != Json::Type::kObject) Fail(schema, "", "must be a schema: an object, true or false");
  for (Json member = value.First(); member.valid(); member = member.Next()) {
    const std::string name = member.Name();
    if (std::find(std::begin(kUnsupported), std::end(kUnsupported), name) != std::end(kUnsupported)) {
      Unsupported(schema, name, "is not supported");
    }
    if (name == "uniqueItems" && !(member.type() == Json::Type::kBool && !member.Bool())) {
      Unsupported(schema, name, "is not supported");
    }
    if (name == "$id" && schema != root())
      Unsupported(schema, name, "of a part of a schema is not supported");
  }
}

std::string SchemaDocument::Pointer(SchemaId schema) const {
  const auto found = pointers_.find(schema);
  return found == pointers_.end() ? "#" : found->second;
}

void SchemaDocument::Fail(SchemaId schema, const std::string& keyword, const std::string& what,
                          mmoe_status status) const {
  throw CoreError(status, "the JSON schema: " + Pointer(schema) +
                              (keyword.empty() ? "" : "/" + Escaped(keyword)) + " " + what);
}

}  // namespace mmoe::grammar
