#include <algorithm>

#include "core/template/compare.h"
#include "core/template/filter_functions.h"
#include "core/template/letter_case.h"
#include "core/template/parameters.h"
#include "core/template/split.h"
#include "core/template/template_error.h"

namespace mmoe::jinja::filter {

namespace {

Value WithoutCase(Runtime& runtime, const Value& value) {
  return value.IsString() ? runtime.String(ToLower(value.text())) : value;
}

struct Keyed {
  Value key;
  Value item;
};

void SortByKey(Runtime& runtime, std::vector<Keyed>* items, bool reverse) {
  const auto comes_first = [&](const Keyed& left, const Keyed& right) {
    runtime.ChargeComparison(left.key, right.key);
    return Compare(left.key, right.key) == Order::kLess;
  };
  // Equal elements keep their order, when it is reversed, too.
  if (reverse) std::reverse(items->begin(), items->end());
  std::stable_sort(items->begin(), items->end(), comes_first);
  if (reverse) std::reverse(items->begin(), items->end());
}

Value ListOf(Runtime& runtime, std::vector<Keyed> items) {
  std::vector<Value> values;
  for (Keyed& item : items) values.push_back(std::move(item.item));
  return runtime.List(std::move(values));
}

// "a,b": the element's attributes one after the other.
Value SortKey(Runtime& runtime, const Value& item, const Value* attribute, bool case_sensitive) {
  std::vector<Value> parts;
  const auto add = [&](const Value& part) {
    parts.push_back(case_sensitive ? part : WithoutCase(runtime, part));
  };
  if (attribute == nullptr || !attribute->IsString()) {
    add(attribute == nullptr ? item : AtPath(runtime, item, *attribute));
  } else {
    const Text comma(",");
    for (const Text& path : Split(runtime.budget(), attribute->text(), &comma, -1)) {
      add(AtPath(runtime, item, Value::String(path)));
    }
  }
  return runtime.List(std::move(parts));
}

template <Order kWanted>
Value Extreme(Runtime& runtime, const char* name, const Value& input, const Arguments& arguments) {
  const Parameters given(name, arguments, {"case_sensitive", "attribute"});
  const bool case_sensitive = given.Flag(0, false);
  const auto key = [&](const Value& item) {
    const Value part = given.Has(1) ? AtPath(runtime, item, given[1]) : item;
    return case_sensitive ? part : WithoutCase(runtime, part);
  };
  const auto items = runtime.Iterate(input);
  if (items->items.empty()) return Value::Undefined("the extreme of no elements");
  Keyed best{key(items->items[0]), items->items[0]};
  for (size_t at = 1; at < items->items.size(); ++at) {
    Keyed next{key(items->items[at]), items->items[at]};
    runtime.ChargeComparison(next.key, best.key);
    if (Compare(next.key, best.key) == kWanted) best = std::move(next);
  }
  return best.item;
}

}  // namespace

Value DictSort(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters given("dictsort", arguments, {"case_sensitive", "by", "reverse"});
  if (!input.Is(Kind::kDict)) Raise("dictsort takes a dict, not " + Describe(input));
  const Text* by = given.String(1);
  if (by != nullptr && by->bytes() != "key" && by->bytes() != "value")
    Raise("dictsort sorts by key or value");
  const bool by_value = by != nullptr && by->bytes() == "value";
  std::vector<Keyed> items;
  for (const auto& [key, value] : input.dict().entries) {
    const Value& part = by_value ? value : key;
    items.push_back({given.Flag(0, false) ? part : WithoutCase(runtime, part), runtime.Tuple({key, value})});
  }
  SortByKey(runtime, &items, given.Flag(2, false));
  return ListOf(runtime, std::move(items));
}

Value Max(Runtime& runtime, const Value& input, const Arguments& arguments) {
  return Extreme<Order::kGreater>(runtime, "max", input, arguments);
}

Value Min(Runtime& runtime, const Value& input, const Arguments& arguments) {
  return Extreme<Order::kLess>(runtime, "min", input, arguments);
}

Value Sort(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters given("sort", arguments, {"reverse", "case_sensitive", "attribute"});
  const Value* attribute = given.Has(2) && !given[2].IsNone() ? &given[2] : nullptr;
  std::vector<Keyed> items;
  const auto elements = runtime.Iterate(input);
  for (const Value& item : elements->items) {
    items.push_back({SortKey(runtime, item, attribute, given.Flag(1, false)), item});
  }
  SortByKey(runtime, &items, given.Flag(0, false));
  return ListOf(runtime, std::move(items));
}

Value Unique(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters given("unique", arguments, {"case_sensitive", "attribute"});
  const bool case_sensitive = given.Flag(0, false);
  Dict seen;
  std::vector<Value> unique;
  const auto elements = runtime.Iterate(input);
  for (const Value& item : elements->items) {
    const Value part = given.Has(1) ? AtPath(runtime, item, given[1]) : item;
    const Value key = case_sensitive ? part : WithoutCase(runtime, part);
    runtime.ChargeKey(seen, key);
    if (seen.Find(key) != nullptr) continue;
    seen.Set(key, Value::None());
    unique.push_back(item);
  }
  return runtime.Iterator(std::move(unique));
}

}  // namespace mmoe::jinja::filter
