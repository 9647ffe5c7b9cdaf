#include "core/template/compare.h"
#include "core/template/filter_functions.h"
#include "core/template/filters.h"
#include "core/template/parameters.h"
#include "core/template/template_error.h"
#include "core/template/tests.h"

namespace mmoe::jinja::filter {

namespace {

// The arguments behind the first `count`.
Arguments Behind(const Arguments& arguments, size_t count) {
  Arguments rest = arguments;
  rest.positional.erase(rest.positional.begin(), rest.positional.begin() + static_cast<ptrdiff_t>(count));
  return rest;
}

std::string NameOf(const Value& value, const char* what) {
  if (!value.IsString()) Raise(std::string("the name of a ") + what + " is " + Describe(value));
  return value.text().bytes();
}

Value MapAttribute(Runtime& runtime, const std::vector<Value>& items, const Arguments& arguments) {
  const Parameters given("map", arguments, {"attribute", "default"}, 1);
  std::vector<Value> mapped;
  for (const Value& item : items) {
    Value part = AtPath(runtime, item, given[0]);
    if (part.IsUndefined() && given.Has(1) && !given[1].IsNone()) part = given[1];
    mapped.push_back(std::move(part));
  }
  return runtime.Iterator(std::move(mapped));
}

// The elements that pass a test, or their attribute does; `keep` false: that fail it.
Value Choose(Runtime& runtime, const Value& input, const Arguments& arguments, bool of_attribute, bool keep) {
  if (!Truth(input)) return runtime.Iterator({});  // none, too
  const auto items = runtime.Iterate(input);
  const size_t off = of_attribute ? 1 : 0;
  if (arguments.positional.size() < off) Raise("select by attribute lacks the attribute");
  const bool with_test = arguments.positional.size() > off;
  Test test = nullptr;
  Arguments rest;
  if (with_test) {
    const std::string name = NameOf(arguments.positional[off], "test");
    test = FindTest(name);
    if (test == nullptr) RefuseUnsupported("there is no test \"" + name + "\"");
    rest = Behind(arguments, off + 1);
  }
  std::vector<Value> chosen;
  for (const Value& item : items->items) {
    const Value part = of_attribute ? AtPath(runtime, item, arguments.positional[0]) : item;
    if ((with_test ? test(runtime, part, rest) : Truth(part)) == keep) chosen.push_back(item);
  }
  return runtime.Iterator(std::move(chosen));
}

}  // namespace

Value Map(Runtime& runtime, const Value& input, const Arguments& arguments) {
  if (!Truth(input)) return runtime.Iterator({});  // none, too
  const auto items = runtime.Iterate(input);
  if (arguments.positional.empty()) return MapAttribute(runtime, items->items, arguments);
  const std::string name = NameOf(arguments.positional[0], "filter");
  const Filter filter = FindFilter(name);
  if (filter == nullptr) RefuseUnsupported("there is no filter \"" + name + "\"");
  const Arguments rest = Behind(arguments, 1);
  std::vector<Value> mapped;
  for (const Value& item : items->items) mapped.push_back(runtime.Apply(filter, item, rest));
  return runtime.Iterator(std::move(mapped));
}

Value Reject(Runtime& runtime, const Value& input, const Arguments& arguments) {
  return Choose(runtime, input, arguments, false, false);
}
Value RejectAttr(Runtime& runtime, const Value& input, const Arguments& arguments) {
  return Choose(runtime, input, arguments, true, false);
}
Value Select(Runtime& runtime, const Value& input, const Arguments& arguments) {
  return Choose(runtime, input, arguments, false, true);
}
Value SelectAttr(Runtime& runtime, const Value& input, const Arguments& arguments) {
  return Choose(runtime, input, arguments, true, true);
}

}  // namespace mmoe::jinja::filter
