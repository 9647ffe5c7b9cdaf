#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mmoe {

class JsonDocument;

// A value inside a JsonDocument, which must outlive it. Every accessor throws CoreError(MMOE_CORRUPT) when
// the value has another type; the message names the place, e.g. "tokenizer.json: model.vocab is not an object".
class Json {
 public:
  enum class Type : uint8_t { kNull, kBool, kNumber, kString, kArray, kObject };

  Type type() const;
  bool is_null() const { return type() == Type::kNull; }

  bool Bool() const;
  int64_t Integer() const;  // a number without fraction, within int64
  double Number() const;
  std::string NumberText() const;  // as it is written
  std::string String() const;
  size_t size() const;  // elements of an array, members of an object

  // A member of an object; of members with equal names, the last. `Get` throws when there is none.
  Json Get(std::string_view name) const;
  std::optional<Json> Find(std::string_view name) const;  // none, too, when it is null

  // for (Json value = array.First(); value.valid(); value = value.Next()); members have a Name().
  Json First() const;
  Json Next() const;
  bool valid() const { return node_ != kNone; }
  std::string Name() const;
  // The same for the same value of a document: JsonDocument::At finds it again.
  uint32_t id() const { return node_; }

 private:
  friend class JsonDocument;
  static constexpr uint32_t kNone = UINT32_MAX;

  Json(const JsonDocument* document, uint32_t node, uint32_t end)
      : document_(document), node_(node), end_(end) {}
  void Require(Type type, const char* what) const;

  const JsonDocument* document_;
  uint32_t node_;
  uint32_t end_;  // of the container's nodes
};

// A parsed text (RFC 8259, strict): a flat list of 16-byte nodes over the text, because a tokenizer.json has
// about a million values and a tree of them would take more memory than all else that opening an artifact needs.
class JsonDocument {
 public:
  // Keeps a view of `text`. `where` names it in messages. Throws CoreError(MMOE_CORRUPT) with the byte of the fault.
  JsonDocument(std::string_view text, std::string where);
  JsonDocument(const JsonDocument&) = delete;

  Json root() const { return Json(this, 0, static_cast<uint32_t>(nodes_.size())); }
  // The value with an id; it has no Next().
  Json At(uint32_t id) const { return Json(this, id, id + 1); }
  const std::string& where() const { return where_; }

 private:
  friend class Json;
  friend class JsonParser;

  struct Node {
    uint32_t begin;  // of a scalar's text, without a string's quotes
    uint32_t bytes;  // of that text; for a container, its number of elements
    uint32_t next;   // the node behind this value and all that is in it
    Json::Type type;
    bool escaped;  // a string with backslashes
    bool named;    // the node before this one is its name
  };

  std::string Text(const Node& node) const;
  std::string Path(uint32_t node) const;

  std::string_view text_;
  std::string where_;
  std::vector<Node> nodes_;
};

}  // namespace mmoe
