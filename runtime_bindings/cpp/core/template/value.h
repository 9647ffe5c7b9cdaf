#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/template/text.h"

namespace mmoe::jinja {

class Runtime;
class Value;
struct Sequence;
struct Dict;
struct Iterator;
struct Range;
class Object;

enum class Kind : uint8_t {
  kUndefined,
  kNone,
  kBool,
  kInteger,
  kFloat,
  kString,
  kList,
  kTuple,
  kView,  // what dict.keys(), values() and items() give
  kDict,
  kIterator,  // what map, select and the like give: it can be gone through once
  kRange,
  kObject,  // everything else: macros, functions, namespaces, loops
};

// How far a value reaches: containers inside each other, and values in all of them. A container that is used
// twice counts twice, so that going through a value takes no longer than its `count` says.
struct Extent {
  int depth = 0;
  int64_t count = 1;
};

// A value of a template, with Python's meaning. Containers are shared and never change, as in the sandbox
// that chat templates are written for.
class Value {
 public:
  Value() = default;  // undefined
  static Value Undefined(std::string name);
  static Value None();
  static Value Bool(bool value);
  static Value Integer(int64_t value);
  static Value Float(double value);
  static Value String(Text text);
  static Value Of(Kind sequence, std::shared_ptr<const Sequence> items);
  static Value Of(std::shared_ptr<const Dict> dict);
  static Value Of(std::shared_ptr<Iterator> iterator);
  static Value Of(std::shared_ptr<const Range> range);
  static Value Of(std::shared_ptr<Object> object);

  Kind kind() const { return kind_; }
  bool Is(Kind kind) const { return kind_ == kind; }
  bool IsUndefined() const { return kind_ == Kind::kUndefined; }
  bool IsNone() const { return kind_ == Kind::kNone; }
  bool IsString() const { return kind_ == Kind::kString; }
  bool IsSequence() const { return kind_ == Kind::kList || kind_ == Kind::kTuple || kind_ == Kind::kView; }
  // Numbers, of which true and false are two.
  bool IsInteger() const { return kind_ == Kind::kInteger || kind_ == Kind::kBool; }
  bool IsNumber() const { return IsInteger() || kind_ == Kind::kFloat; }

  // Of the kind that the name says; nothing checks it.
  bool bool_value() const { return integer_ != 0; }
  int64_t integer() const { return integer_; }  // a bool as 0 or 1
  double number() const { return kind_ == Kind::kFloat ? float_ : static_cast<double>(integer_); }
  const Text& text() const { return *static_cast<const Text*>(shared_.get()); }
  const Sequence& sequence() const { return *static_cast<const Sequence*>(shared_.get()); }
  std::shared_ptr<const Sequence> shared_sequence() const {
    return std::static_pointer_cast<const Sequence>(shared_);
  }
  const Dict& dict() const { return *static_cast<const Dict*>(shared_.get()); }
  Iterator& iterator() const { return *static_cast<Iterator*>(shared_.get()); }
  const Range& range() const { return *static_cast<const Range*>(shared_.get()); }
  Object& object() const { return *static_cast<Object*>(shared_.get()); }
  // What an undefined value was to be, for messages.
  std::string UndefinedName() const;

  // Where the shared part lies: the identity of containers and objects.
  const void* identity() const { return shared_.get(); }
  Extent extent() const;

 private:
  Kind kind_ = Kind::kUndefined;
  union {
    int64_t integer_ = 0;
    double float_;
  };
  std::shared_ptr<void> shared_;
};

// Throws when a container of `items` would be too large.
Extent ExtentAround(const std::vector<Value>& items);

struct Sequence {
  explicit Sequence(std::vector<Value> values) : items(std::move(values)), extent(ExtentAround(items)) {}
  Sequence(std::vector<Value> values, const char* view) : Sequence(std::move(values)) { view_name = view; }

  std::vector<Value> items;
  Extent extent;
  const char* view_name = nullptr;  // "dict_items"; of a view
};

// In the order of insertion. Keys are equal as in Python: 1, 1.0 and true are one key.
struct Dict {
  // Replaces the value of an equal key. Throws for a key that cannot be one, and for too large a dict.
  void Set(const Value& key, Value value);
  const Value* Find(const Value& key) const;
  const Value* Find(std::string_view key) const;

  std::vector<std::pair<Value, Value>> entries;
  Extent extent{1, 1};

 private:
  std::unordered_map<std::string, size_t> index_;  // of string keys, once there are many
};

struct Iterator {
  Sequence rest;
  size_t next = 0;
};

struct Range {
  int64_t start;
  int64_t stop;
  int64_t step;
  int64_t size;
};

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

// A value with a behaviour of its own.
class Object : public std::enable_shared_from_this<Object> {
 public:
  virtual ~Object() = default;
  // "macro": what messages call it.
  virtual std::string TypeName() const = 0;
  // None when it has no such attribute.
  virtual std::optional<Value> Attribute(Runtime& runtime, std::string_view name);
  virtual bool Callable() const { return true; }
  virtual Value Call(Runtime& runtime, const Arguments& arguments);
  // As str() has it; throws where that would show an address.
  virtual Text Show(Runtime& runtime);
  virtual Extent extent() const { return {}; }
  // Drops what it refers to, when the rendering is over: objects may refer to each other in circles.
  virtual void Release() {}
};

// "a list", "a string": for messages.
std::string Describe(const Value& value);

}  // namespace mmoe::jinja
