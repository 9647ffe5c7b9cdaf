#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/json.h"

namespace mmoe::grammar {

using SchemaId = uint32_t;  // of a schema's value in its document

// A JSON schema's text: its values by keyword, where they are, and what their references mean.
class SchemaDocument {
 public:
  // Keeps a view of `json`.
  explicit SchemaDocument(std::string_view json);

  SchemaId root() const { return document_.root().id(); }
  Json At(SchemaId id) const { return document_.At(id); }

  // A keyword of a schema, which may be null; none of a boolean schema.
  std::optional<Json> Keyword(SchemaId schema, std::string_view name) const;
  // The schema in a keyword, or in one of its members or elements.
  std::optional<SchemaId> Schema(SchemaId schema, std::string_view keyword);
  std::vector<SchemaId> Schemas(SchemaId schema, std::string_view keyword);
  std::vector<std::pair<std::string, SchemaId>> NamedSchemas(SchemaId schema, std::string_view keyword);
  std::vector<std::string> Names(SchemaId schema, std::string_view keyword) const;
  // A number that is not negative and whole.
  std::optional<uint32_t> Count(SchemaId schema, std::string_view keyword) const;
  // What its $ref means.
  std::optional<SchemaId> Reference(SchemaId schema);

  // Refuses what is no schema, and keywords that are not understood.
  void Check(SchemaId schema);

  // "#/properties/a"
  std::string Pointer(SchemaId schema) const;
  [[noreturn]] void Fail(SchemaId schema, const std::string& keyword, const std::string& what,
                         mmoe_status status = MMOE_INVALID_ARGUMENT) const;
  [[noreturn]] void Unsupported(SchemaId schema, const std::string& keyword, const std::string& what) const {
    Fail(schema, keyword, what, MMOE_UNSUPPORTED);
  }

 private:
  // Notes where a value is, with the names and numbers that lead to it.
  SchemaId Note(const Json& value, SchemaId parent, const std::string& path);

  JsonDocument document_;
  std::map<SchemaId, std::string> pointers_;
};

}  // namespace mmoe::grammar
