#include "core/template/attributes.h"

#include <algorithm>
#include <optional>

#include "core/template/functions.h"
#include "core/template/methods.h"
#include "core/template/template_error.h"

namespace mmoe::jinja {

namespace {

// Attributes of Python's types that no template needs, refused so that nobody is told that they do not exist.
constexpr std::string_view kStringRest[] = {"casefold",     "encode",    "format_map",
                                            "isidentifier", "maketrans", "translate"};
constexpr std::string_view kNumberRest[] = {
    "as_integer_ratio", "bit_count", "bit_length", "conjugate", "denominator",
    "from_bytes",       "fromhex",   "hex",        "imag",      "is_integer",
    "numerator",        "real",      "to_bytes"};

bool IsUnimplemented(const Value& value, std::string_view name) {
  const auto among = [&](const auto& names) {
    return std::find(std::begin(names), std::end(names), name) != std::end(names);
  };
  return (value.IsString() && among(kStringRest)) || (value.IsNumber() && among(kNumberRest)) ||
         (value.Is(Kind::kDict) && name == "fromkeys");
}

std::optional<Value> FindAttribute(Runtime& runtime, const Value& value, const std::string& name) {
  if (const Method method = FindMethod(value, name)) return BindMethod(value, method);
  if (IsDenied(value.kind(), name)) {
    return Value::Undefined("the method " + name + " of " + Describe(value) + ", which the sandbox denies,");
  }
  if (IsUnimplemented(value, name)) {
    RefuseUnsupported("the attribute " + name + " of " + Describe(value) + " is not implemented");
  }
  if (value.Is(Kind::kObject)) return value.object().Attribute(runtime, name);
  return std::nullopt;
}

// `index` from the end when it is negative; none outside.
std::optional<size_t> Resolve(int64_t index, size_t size) {
  const int64_t count = static_cast<int64_t>(size);
  if (index < -count || index >= count) return std::nullopt;
  return static_cast<size_t>(index < 0 ? index + count : index);
}

std::optional<Value> FindIndex(Runtime& runtime, const Value& value, int64_t index) {
  if (value.Is(Kind::kList) || value.Is(Kind::kTuple)) {
    const auto at = Resolve(index, value.sequence().items.size());
    return at ? std::optional<Value>(value.sequence().items[*at]) : std::nullopt;
  }
  if (value.Is(Kind::kRange)) {
    const auto at = Resolve(index, static_cast<size_t>(value.range().size));
    if (!at) return std::nullopt;
    return Value::Integer(value.range().start + static_cast<int64_t>(*at) * value.range().step);
  }
  if (value.IsString()) {
    const Text& text = value.text();
    runtime.budget().Bytes(text.size());
    const std::vector<size_t> offsets = CharacterOffsets(text.bytes());
    const auto at = Resolve(index, offsets.size() - 1);
    return at ? std::optional<Value>(Value::String(text.Part(offsets[*at], offsets[*at + 1]))) : std::nullopt;
  }
  return std::nullopt;
}

std::optional<Value> FindItem(Runtime& runtime, const Value& value, const Value& key) {
  if (value.Is(Kind::kDict)) {
    if (key.Is(Kind::kList) || key.Is(Kind::kDict) || key.Is(Kind::kTuple)) return std::nullopt;
    runtime.ChargeKey(value.dict(), key);
    const Value* found = value.dict().Find(key);
    return found != nullptr ? std::optional<Value>(*found) : std::nullopt;
  }
  return key.IsInteger() ? FindIndex(runtime, value, key.integer()) : std::nullopt;
}

void RequireDefined(const Value& value) {
  if (value.IsUndefined()) Raise(value.UndefinedName() + " is undefined");
}

struct SliceBounds {
  int64_t start;
  int64_t count;
  int64_t step;
};

SliceBounds Bounds(const Value& start, const Value& stop, const Value& step, size_t items) {
  const int64_t size = static_cast<int64_t>(items);
  const auto number = [](const Value& value, int64_t missing) {
    if (value.IsNone()) return missing;
    if (!value.IsInteger()) Raise("a slice has a bound that is " + Describe(value));
    return value.integer();
  };
  const int64_t by = number(step, 1);
  if (by == 0) Raise("a slice has a step of zero");
  const int64_t lowest = by > 0 ? 0 : -1;
  const int64_t highest = by > 0 ? size : size - 1;
  const auto bound = [&](const Value& value, int64_t missing) {
    if (value.IsNone()) return missing;
    const int64_t given = number(value, 0);
    if (given < 0) return std::max(given < -size ? lowest : given + size, lowest);
    return std::min(given, highest);
  };
  const int64_t from = bound(start, by > 0 ? lowest : highest);
  const int64_t to = bound(stop, by > 0 ? highest : lowest);
  const int64_t distance = by > 0 ? to - from : from - to;
  if (distance <= 0) return {0, 0, 1};
  // A step longer than the distance takes one item, whatever it is.
  const uint64_t stride = by > 0 ? static_cast<uint64_t>(by) : 0 - static_cast<uint64_t>(by);
  const int64_t count = static_cast<int64_t>((static_cast<uint64_t>(distance) - 1) / stride) + 1;
  return {from, count, count == 1 ? 1 : by};
}

Value SliceText(Runtime& runtime, const Text& text, const Value& start, const Value& stop,
                const Value& step) {
  runtime.budget().Bytes(text.size());
  const std::vector<size_t> offsets = CharacterOffsets(text.bytes());
  const SliceBounds bounds = Bounds(start, stop, step, offsets.size() - 1);
  if (bounds.step == 1) {
    return Value::String(text.Part(offsets[bounds.start], offsets[bounds.start + bounds.count]));
  }
  Text part;
  part.set_markup(text.markup());
  for (int64_t at = 0; at < bounds.count; ++at) {
    const int64_t character = bounds.start + at * bounds.step;
    part.AppendPart(text, offsets[character], offsets[character + 1]);
  }
  return Value::String(std::move(part));
}

}  // namespace

Value GetAttribute(Runtime& runtime, const Value& value, const std::string& name) {
  RequireDefined(value);
  if (std::optional<Value> found = FindAttribute(runtime, value, name)) return *std::move(found);
  if (value.Is(Kind::kDict)) {
    if (const Value* found = value.dict().Find(name)) return *found;
  }
  return Value::Undefined("'" + name + "' of " + Describe(value));
}

Value GetItem(Runtime& runtime, const Value& value, const Value& key) {
  RequireDefined(value);
  if (std::optional<Value> found = FindItem(runtime, value, key)) return *std::move(found);
  if (!key.IsString()) return Value::Undefined("an item of " + Describe(value));
  const std::string& name = key.text().bytes();
  if (std::optional<Value> found = FindAttribute(runtime, value, name)) return *std::move(found);
  return Value::Undefined("'" + name + "' of " + Describe(value));
}

Value GetSlice(Runtime& runtime, const Value& value, const Value& start, const Value& stop,
               const Value& step) {
  RequireDefined(value);
  if (value.IsString()) return SliceText(runtime, value.text(), start, stop, step);
  if (value.Is(Kind::kRange)) RefuseUnsupported("slices of a range are not implemented");
  if (!value.Is(Kind::kList) && !value.Is(Kind::kTuple)) Raise(Describe(value) + " cannot be sliced");
  const std::vector<Value>& items = value.sequence().items;
  const SliceBounds bounds = Bounds(start, stop, step, items.size());
  std::vector<Value> part;
  for (int64_t at = 0; at < bounds.count; ++at) part.push_back(items[bounds.start + at * bounds.step]);
  return value.Is(Kind::kList) ? runtime.List(std::move(part)) : runtime.Tuple(std::move(part));
}

}  // namespace mmoe::jinja
