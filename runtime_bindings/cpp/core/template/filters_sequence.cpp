#include <algorithm>

#include "core/template/arithmetic.h"
#include "core/template/attributes.h"
#include "core/template/compare.h"
#include "core/template/filter_functions.h"
#include "core/template/methods.h"
#include "core/template/parameters.h"
#include "core/template/show.h"
#include "core/template/split.h"
#include "core/template/template_error.h"

namespace mmoe::jinja::filter {

Value AtPath(Runtime& runtime, const Value& value, const Value& path) {
  if (path.IsNone()) return value;
  if (!path.IsString()) return GetItem(runtime, value, path);
  // A text is cut and looked up, which takes as long as this many steps elsewhere.
  constexpr int64_t kSteps = 8;
  runtime.budget().Step(kSteps);
  Value found = value;
  const Text dot(".");
  for (const Text& part : jinja::Split(runtime.budget(), path.text(), &dot, -1)) {
    const std::string& bytes = part.bytes();
    const bool index = !bytes.empty() && bytes.size() < 10 &&
                       std::all_of(bytes.begin(), bytes.end(), [](char c) { return c >= '0' && c <= '9'; });
    found = GetItem(runtime, found, index ? Value::Integer(std::stoi(bytes)) : Value::String(part));
  }
  return found;
}

Value Attr(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters given("attr", arguments, {"name"}, 1);
  const std::string name = Str(runtime, given[0]).bytes();
  // Never an item, unlike value.name.
  if (input.Is(Kind::kDict) && FindMethod(input, name) == nullptr) return Value::Undefined("'" + name + "'");
  return GetAttribute(runtime, input, name);
}

Value Batch(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters given("batch", arguments, {"linecount", "fill_with"}, 1);
  const int64_t count = given.Integer(0, 0);
  if (count < 1) Raise("batch: the size of a batch is not positive");
  std::vector<Value> batches;
  std::vector<Value> batch;
  const auto elements = runtime.Iterate(input);
  for (const Value& item : elements->items) {
    if (static_cast<int64_t>(batch.size()) == count) {
      batches.push_back(runtime.List(std::move(batch)));
      batch.clear();
    }
    batch.push_back(item);
  }
  if (!batch.empty()) {
    if (given.Has(1) && !given[1].IsNone()) {
      runtime.budget().Step(count);
      batch.resize(static_cast<size_t>(count), given[1]);
    }
    batches.push_back(runtime.List(std::move(batch)));
  }
  return runtime.Iterator(std::move(batches));
}

Value Default(Runtime&, const Value& input, const Arguments& arguments) {
  const Parameters given("default", arguments, {"default_value", "boolean"});
  const bool missing = input.IsUndefined() || (given.Flag(1, false) && !Truth(input));
  if (!missing) return input;
  return given.Has(0) ? given[0] : Value::String(Text());
}

Value First(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters given("first", arguments, {});
  if (input.Is(Kind::kIterator)) {
    jinja::Iterator& iterator = input.iterator();
    if (iterator.next < iterator.rest.items.size()) return iterator.rest.items[iterator.next++];
    return Value::Undefined("the first of no elements");
  }
  const auto items = runtime.Iterate(input);
  return items->items.empty() ? Value::Undefined("the first of no elements") : items->items.front();
}

Value Last(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters given("last", arguments, {});
  if (input.Is(Kind::kIterator)) Raise("an iterator has no last element; use list");
  const auto items = runtime.Iterate(input);
  return items->items.empty() ? Value::Undefined("the last of no elements") : items->items.back();
}

Value Items(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters given("items", arguments, {});
  std::vector<Value> items;
  if (!input.IsUndefined()) {
    if (!input.Is(Kind::kDict)) Raise("items takes a dict, not " + Describe(input));
    for (const auto& [key, value] : input.dict().entries) items.push_back(runtime.Tuple({key, value}));
  }
  return runtime.Iterator(std::move(items));
}

Value Join(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters given("join", arguments, {"d", "attribute"});
  const Text separator = given.Has(0) ? Str(runtime, given[0]) : Text();
  Text joined;
  bool first = true;
  const auto elements = runtime.Iterate(input);
  for (const Value& item : elements->items) {
    const Text text = Str(runtime, given.Has(1) && Truth(given[1]) ? AtPath(runtime, item, given[1]) : item);
    runtime.budget().Bytes(separator.size() + text.size());
    if (!first) joined.Append(separator);
    first = false;
    joined.Append(text);
  }
  return Value::String(std::move(joined));
}

Value Length(Runtime&, const Value& input, const Arguments& arguments) {
  const Parameters given("length", arguments, {});
  const auto count = [](size_t size) { return Value::Integer(static_cast<int64_t>(size)); };
  switch (input.kind()) {
    case Kind::kUndefined:
      return count(0);
    case Kind::kString:
      return count(CountCharacters(input.text().bytes()));
    case Kind::kList:
    case Kind::kTuple:
    case Kind::kView:
      return count(input.sequence().items.size());
    case Kind::kDict:
      return count(input.dict().entries.size());
    case Kind::kRange:
      return Value::Integer(input.range().size);
    default:
      Raise(Describe(input) + " has no length");
  }
}

Value List(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters given("list", arguments, {});
  return runtime.List(runtime.Iterate(input)->items);
}

Value Reverse(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters given("reverse", arguments, {});
  if (input.IsString()) {
    return GetSlice(runtime, input, Value::None(), Value::None(), Value::Integer(-1));
  }
  const bool once = input.Is(Kind::kIterator);
  std::vector<Value> items = runtime.Iterate(input)->items;
  std::reverse(items.begin(), items.end());
  return once ? runtime.List(std::move(items)) : runtime.Iterator(std::move(items));
}

Value Sum(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters given("sum", arguments, {"attribute", "start"});
  Value sum = given.Has(1) ? given[1] : Value::Integer(0);
  if (sum.IsString()) Raise("sum does not add strings; use join");
  const auto elements = runtime.Iterate(input);
  for (const Value& item : elements->items) {
    sum = Calculate(runtime, Operator::kAdd, sum, given.Has(0) ? AtPath(runtime, item, given[0]) : item);
  }
  return sum;
}

}  // namespace mmoe::jinja::filter
