#include "core/template/value.h"

#include <algorithm>

#include "core/template/budget.h"
#include "core/template/compare.h"
#include "core/template/template_error.h"

namespace mmoe::jinja {

namespace {

// Below this, going through the keys is faster than an index.
constexpr size_t kIndexedDict = 16;

Extent Checked(Extent extent) {
  if (extent.depth > kMaxValueDepth) {
    throw CoreError(MMOE_OUT_OF_RESOURCES,
                    "a value is nested deeper than " + std::to_string(kMaxValueDepth) + " levels");
  }
  if (extent.count > kMaxValueCount) {
    throw CoreError(MMOE_OUT_OF_RESOURCES,
                    "a value holds more than " + std::to_string(kMaxValueCount) + " others");
  }
  return extent;
}

Extent Around(Extent outer, const Value& inner) {
  const Extent extent = inner.extent();
  return {std::max(outer.depth, extent.depth + 1), outer.count + extent.count};
}

bool IsKey(const Value& value) {
  return value.IsString() || value.IsNumber() || value.IsNone() || value.Is(Kind::kObject);
}

}  // namespace

Value Value::Undefined(std::string name) {
  Value value;
  value.shared_ = std::make_shared<std::string>(std::move(name));
  return value;
}

Value Value::None() {
  Value value;
  value.kind_ = Kind::kNone;
  return value;
}

Value Value::Bool(bool flag) {
  Value value;
  value.kind_ = Kind::kBool;
  value.integer_ = flag ? 1 : 0;
  return value;
}

Value Value::Integer(int64_t integer) {
  Value value;
  value.kind_ = Kind::kInteger;
  value.integer_ = integer;
  return value;
}

Value Value::Float(double number) {
  Value value;
  value.kind_ = Kind::kFloat;
  value.float_ = number;
  return value;
}

Value Value::String(Text text) {
  Value value;
  value.kind_ = Kind::kString;
  value.shared_ = std::make_shared<Text>(std::move(text));
  return value;
}

Value Value::Of(Kind sequence, std::shared_ptr<const Sequence> items) {
  Value value;
  value.kind_ = sequence;
  value.shared_ = std::const_pointer_cast<Sequence>(std::move(items));
  return value;
}

Value Value::Of(std::shared_ptr<const Dict> dict) {
  Value value;
  value.kind_ = Kind::kDict;
  value.shared_ = std::const_pointer_cast<Dict>(std::move(dict));
  return value;
}

Value Value::Of(std::shared_ptr<Iterator> iterator) {
  Value value;
  value.kind_ = Kind::kIterator;
  value.shared_ = std::move(iterator);
  return value;
}

Value Value::Of(std::shared_ptr<const Range> range) {
  Value value;
  value.kind_ = Kind::kRange;
  value.shared_ = std::const_pointer_cast<Range>(std::move(range));
  return value;
}

Value Value::Of(std::shared_ptr<Object> object) {
  Value value;
  value.kind_ = Kind::kObject;
  value.shared_ = std::move(object);
  return value;
}

std::string Value::UndefinedName() const {
  return shared_ ? *static_cast<const std::string*>(shared_.get()) : "the value";
}

Extent Value::extent() const {
  switch (kind_) {
    case Kind::kList:
    case Kind::kTuple:
    case Kind::kView:
      return sequence().extent;
    case Kind::kDict:
      return dict().extent;
    case Kind::kIterator:
      return iterator().rest.extent;
    case Kind::kObject:
      return object().extent();
    default:
      return {};
  }
}

Extent ExtentAround(const std::vector<Value>& items) {
  Extent extent{1, 1};
  for (const Value& item : items) extent = Around(extent, item);
  return Checked(extent);
}

void Dict::Set(const Value& key, Value value) {
  if (!IsKey(key)) Raise(Describe(key) + " cannot be the key of a dict");
  extent = Checked(Around(extent, value));
  if (const Value* found = Find(key)) {
    *const_cast<Value*>(found) = std::move(value);
    return;
  }
  entries.emplace_back(key, std::move(value));
  if (entries.size() < kIndexedDict) return;
  for (size_t at = index_.empty() ? 0 : entries.size() - 1; at < entries.size(); ++at) {
    if (entries[at].first.IsString()) index_.emplace(entries[at].first.text().bytes(), at);
  }
}

const Value* Dict::Find(const Value& key) const {
  if (key.IsString()) return Find(key.text().bytes());
  for (const auto& [name, value] : entries) {
    if (!name.IsString() && Equal(name, key)) return &value;
  }
  return nullptr;
}

const Value* Dict::Find(std::string_view key) const {
  if (!index_.empty()) {
    const auto found = index_.find(std::string(key));
    return found == index_.end() ? nullptr : &entries[found->second].second;
  }
  for (const auto& [name, value] : entries) {
    if (name.IsString() && name.text().bytes() == key) return &value;
  }
  return nullptr;
}

std::optional<Value> Object::Attribute(Runtime&, std::string_view) { return std::nullopt; }

Value Object::Call(Runtime&, const Arguments&) { Raise("a " + TypeName() + " cannot be called"); }

Text Object::Show(Runtime&) {
  RefuseUnsupported("a " + TypeName() + " has no text of its own: Python would print an address");
}

std::string Describe(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
      return "an undefined value";
    case Kind::kNone:
      return "none";
    case Kind::kBool:
      return "a boolean";
    case Kind::kInteger:
      return "an integer";
    case Kind::kFloat:
      return "a float";
    case Kind::kString:
      return "a string";
    case Kind::kList:
      return "a list";
    case Kind::kTuple:
      return "a tuple";
    case Kind::kView:
      return "a view of a dict";
    case Kind::kDict:
      return "a dict";
    case Kind::kIterator:
      return "an iterator";
    case Kind::kRange:
      return "a range";
    case Kind::kObject:
      break;
  }
  return "a " + value.object().TypeName();
}

}  // namespace mmoe::jinja
