// The methods of dicts, lists and tuples that change nothing.

#include <algorithm>

#include "core/template/compare.h"
#include "core/template/methods.h"
#include "core/template/parameters.h"
#include "core/template/template_error.h"

namespace mmoe::jinja {

namespace {

Value Keys(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters given("keys", arguments, {});
  std::vector<Value> keys;
  for (const auto& entry : self.dict().entries) keys.push_back(entry.first);
  return runtime.View(std::move(keys), "dict_keys");
}

Value Values(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters given("values", arguments, {});
  std::vector<Value> values;
  for (const auto& entry : self.dict().entries) values.push_back(entry.second);
  return runtime.View(std::move(values), "dict_values");
}

Value Items(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters given("items", arguments, {});
  std::vector<Value> items;
  for (const auto& [key, value] : self.dict().entries) items.push_back(runtime.Tuple({key, value}));
  return runtime.View(std::move(items), "dict_items");
}

Value Get(Runtime& runtime, const Value& self, const Arguments& arguments) {
  if (!arguments.named.empty()) Raise("get takes no arguments by name");
  const Parameters given("get", arguments, {"key", "default"}, 1);
  runtime.ChargeKey(self.dict(), given[0]);
  const Value* found = self.dict().Find(given[0]);
  if (found != nullptr) return *found;
  return given.Has(1) ? given[1] : Value::None();
}

Value CopyDict(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters given("copy", arguments, {});
  return runtime.Dict(self.dict().entries);
}

Value CopyList(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters given("copy", arguments, {});
  return runtime.List(self.sequence().items);
}

Value Count(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters given("count", arguments, {"value"}, 1);
  int64_t count = 0;
  for (const Value& item : self.sequence().items) {
    runtime.ChargeComparison(item, given[0]);
    count += Equal(item, given[0]) ? 1 : 0;
  }
  return Value::Integer(count);
}

Value Index(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters given("index", arguments, {"value"}, 1);
  const std::vector<Value>& items = self.sequence().items;
  for (size_t at = 0; at < items.size(); ++at) {
    runtime.ChargeComparison(items[at], given[0]);
    if (Equal(items[at], given[0])) return Value::Integer(static_cast<int64_t>(at));
  }
  Raise("index: the value is not in the list");
}

}  // namespace

Method FindContainerMethod(Kind kind, std::string_view name) {
  if (kind == Kind::kDict) {
    if (name == "keys") return Keys;
    if (name == "values") return Values;
    if (name == "items") return Items;
    if (name == "get") return Get;
    if (name == "copy") return CopyDict;
    return nullptr;
  }
  if (kind == Kind::kList && name == "copy") return CopyList;
  if (kind != Kind::kList && kind != Kind::kTuple) return nullptr;
  if (name == "count") return Count;
  return name == "index" ? Index : nullptr;
}

Method FindMethod(const Value& value, std::string_view name) {
  return value.IsString() ? FindStringMethod(name) : FindContainerMethod(value.kind(), name);
}

bool IsDenied(Kind kind, std::string_view name) {
  static constexpr std::string_view kOfDicts[] = {"clear", "pop", "popitem", "setdefault", "update"};
  static constexpr std::string_view kOfLists[] = {"append", "clear",  "extend",  "insert",
                                                  "pop",    "remove", "reverse", "sort"};
  const auto among = [&](const auto& names) {
    return std::find(std::begin(names), std::end(names), name) != std::end(names);
  };
  return (kind == Kind::kDict && among(kOfDicts)) || (kind == Kind::kList && among(kOfLists));
}

}  // namespace mmoe::jinja
