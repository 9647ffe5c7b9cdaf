#include "core/json.h"

#include <charconv>

#include "core/error.h"
#include "core/text/float_text.h"
#include "core/text/utf8.h"

namespace mmoe {

namespace {

uint32_t HexValue(std::string_view digits) {
  uint32_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  return value;
}

bool IsHighSurrogate(uint32_t unit) { return unit >= 0xD800 && unit < 0xDC00; }
bool IsLowSurrogate(uint32_t unit) { return unit >= 0xDC00 && unit < 0xE000; }

// The character of the escape whose "u" is text[at]; moves `at` to its last byte. A lone surrogate is U+FFFD.
uint32_t UnicodeEscape(std::string_view text, size_t* at) {
  const uint32_t first = HexValue(text.substr(*at + 1, 4));
  *at += 4;
  if (IsHighSurrogate(first) && text.substr(*at + 1, 2) == "\\u") {
    const uint32_t second = HexValue(text.substr(*at + 3, 4));
    if (IsLowSurrogate(second)) {
      *at += 6;
      return 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
    }
  }
  return IsHighSurrogate(first) || IsLowSurrogate(first) ? kReplacement : first;
}

std::string Unescape(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '\\') {
      plain += text[at];
      continue;
    }
    switch (text[++at]) {
      case 'b':
        plain += '\b';
        break;
      case 'f':
        plain += '\f';
        break;
      case 'n':
        plain += '\n';
        break;
      case 'r':
        plain += '\r';
        break;
      case 't':
        plain += '\t';
        break;
      case 'u':
        AppendUtf8(UnicodeEscape(text, &at), &plain);
        break;
      default:
        plain += text[at];
    }
  }
  return plain;
}

}  // namespace

std::string JsonDocument::Text(const Node& node) const {
  const std::string_view raw = text_.substr(node.begin, node.bytes);
  return node.escaped ? Unescape(raw) : std::string(raw);
}

// "model.vocab": the names on the way down to a node.
std::string JsonDocument::Path(uint32_t target) const {
  std::string path;
  for (uint32_t node = 0; node < target;) {
    if (nodes_[node].next <= target && nodes_[node].next != 0) {
      node = nodes_[node].next;
      continue;
    }
    ++node;  // into the container that holds the target
    while (node < target && nodes_[node].next <= target) node = nodes_[node].next;
    if (nodes_[node].named) path += (path.empty() ? "" : ".") + Text(nodes_[node - 1]);
  }
  return path.empty() ? "the document" : path;
}

Json::Type Json::type() const { return document_->nodes_[node_].type; }

void Json::Require(Type wanted, const char* what) const {
  if (type() != wanted) {
    throw CoreError(MMOE_CORRUPT, document_->where() + ": " + document_->Path(node_) + " is not " + what);
  }
}

bool Json::Bool() const {
  Require(Type::kBool, "true or false");
  return document_->nodes_[node_].bytes == 4;
}

int64_t Json::Integer() const {
  Require(Type::kNumber, "a number");
  const std::string text = document_->Text(document_->nodes_[node_]);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw CoreError(MMOE_CORRUPT, document_->where() + ": " + document_->Path(node_) + " is not an integer");
  }
  return value;
}

double Json::Number() const { return ParseFloat(NumberText()).value(); }

std::string Json::NumberText() const {
  Require(Type::kNumber, "a number");
  return document_->Text(document_->nodes_[node_]);
}

std::string Json::String() const {
  Require(Type::kString, "a string");
  return document_->Text(document_->nodes_[node_]);
}

size_t Json::size() const {
  if (type() != Type::kObject) Require(Type::kArray, "an array or an object");
  return document_->nodes_[node_].bytes;
}

Json Json::First() const {
  if (type() != Type::kObject) Require(Type::kArray, "an array or an object");
  const uint32_t end = document_->nodes_[node_].next;
  const uint32_t first = node_ + (type() == Type::kObject ? 2 : 1);
  return Json(document_, size() == 0 ? kNone : first, end);
}

Json Json::Next() const {
  const JsonDocument::Node& node = document_->nodes_[node_];
  if (node.next >= end_) return Json(document_, kNone, end_);
  return Json(document_, node.next + (node.named ? 1 : 0), end_);
}

std::string Json::Name() const { return document_->Text(document_->nodes_[node_ - 1]); }

std::optional<Json> Json::Find(std::string_view name) const {
  Require(Type::kObject, "an object");
  std::optional<Json> found;
  for (Json member = First(); member.valid(); member = member.Next()) {
    if (member.Name() == name) found = member;
  }
  return found && !found->is_null() ? found : std::nullopt;
}

Json Json::Get(std::string_view name) const {
  const std::optional<Json> found = Find(name);
  if (!found) {
    throw CoreError(MMOE_CORRUPT, document_->where() + ": " + document_->Path(node_) + " has no \"" +
                                      std::string(name) + "\"");
  }
  return *found;
}

}  // namespace mmoe
