#include "core/json_text.h"

#include <cstdio>

namespace mmoe {

std::string JsonString(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof(escape), "\\u%04x", c);
      quoted += escape;
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

std::string JsonText(const Json& value) {
  switch (value.type()) {
    case Json::Type::kNull:
      return "null";
    case Json::Type::kBool:
      return value.Bool() ? "true" : "false";
    case Json::Type::kNumber:
      return value.NumberText();
    case Json::Type::kString:
      return JsonString(value.String());
    case Json::Type::kArray:
    case Json::Type::kObject:
      break;
  }
  const bool object = value.type() == Json::Type::kObject;
  std::string text(1, object ? '{' : '[');
  for (Json item = value.First(); item.valid(); item = item.Next()) {
    if (text.size() > 1) text += ", ";
    if (object) text += JsonString(item.Name()) + ": ";
    text += JsonText(item);
  }
  return text + (object ? '}' : ']');
}

}  // namespace mmoe
