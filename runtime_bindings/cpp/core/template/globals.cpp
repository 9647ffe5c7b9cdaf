#include "core/template/globals.h"

#include "core/template/cycler.h"
#include "core/template/functions.h"
#include "core/template/namespace.h"
#include "core/template/parameters.h"
#include "core/template/show.h"
#include "core/template/template_error.h"

namespace mmoe::jinja {

namespace {

constexpr int64_t kLongestRange = 100'000;  // as the sandbox has it

int64_t RequireInteger(const Value& value) {
  if (!value.IsInteger()) Raise("range does not take " + Describe(value));
  return value.integer();
}

Value MakeRange(Runtime&, const Arguments& arguments) {
  const std::vector<Value>& given = arguments.positional;
  if (given.empty() || given.size() > 3 || !arguments.named.empty()) {
    Raise("range takes one to three arguments");
  }
  Range range{0, 0, 1, 0};
  range.stop = RequireInteger(given[given.size() == 1 ? 0 : 1]);
  if (given.size() > 1) range.start = RequireInteger(given[0]);
  if (given.size() > 2) range.step = RequireInteger(given[2]);
  if (range.step == 0) Raise("range has a step of zero");
  const bool up = range.step > 0;
  if (up ? range.start < range.stop : range.start > range.stop) {
    const uint64_t distance = up ? static_cast<uint64_t>(range.stop) - static_cast<uint64_t>(range.start)
                                 : static_cast<uint64_t>(range.start) - static_cast<uint64_t>(range.stop);
    const uint64_t stride = up ? static_cast<uint64_t>(range.step) : 0 - static_cast<uint64_t>(range.step);
    const uint64_t size = (distance - 1) / stride + 1;
    if (size > static_cast<uint64_t>(kLongestRange)) {
      Raise("a range is longer than " + std::to_string(kLongestRange));
    }
    range.size = static_cast<int64_t>(size);
  }
  return Value::Of(std::make_shared<const Range>(range));
}

// dict(mapping or pairs, name=value, ...)
Value MakeDict(Runtime& runtime, const Arguments& arguments) {
  if (arguments.positional.size() > 1) Raise("dict takes no more than one argument without a name");
  std::vector<std::pair<Value, Value>> entries;
  if (!arguments.positional.empty()) {
    const Value& given = arguments.positional[0];
    if (given.Is(Kind::kDict)) {
      entries = given.dict().entries;
    } else {
      const auto elements = runtime.Iterate(given);
      for (const Value& pair : elements->items) {
        const auto both = runtime.Iterate(pair);
        if (both->items.size() != 2) Raise("dict takes pairs of a key and a value");
        entries.emplace_back(both->items[0], both->items[1]);
      }
    }
  }
  for (const auto& [name, value] : arguments.named) entries.emplace_back(Value::String(Text(name)), value);
  return runtime.Dict(std::move(entries));
}

Value MakeNamespace(Runtime& runtime, const Arguments& arguments) {
  const Value attributes = MakeDict(runtime, arguments);
  const auto made = runtime.Keep(std::make_shared<Namespace>());
  for (const auto& [name, value] : attributes.dict().entries) {
    if (!name.IsString()) Raise("an attribute of a namespace has a name that is " + Describe(name));
    made->Set(name.text().bytes(), value);
  }
  return Value::Of(std::static_pointer_cast<Object>(made));
}

Value RaiseException(Runtime& runtime, const Arguments& arguments) {
  const Parameters given("raise_exception", arguments, {"message"}, 1);
  Raise(Str(runtime, given[0]).bytes());
}

Value StrftimeNow(Runtime& runtime, const Arguments& arguments) {
  const Parameters given("strftime_now", arguments, {"format"}, 1);
  const Text* format = given.String(0);
  if (format == nullptr) Raise("strftime_now takes a string");
  return runtime.String(Text(FormatTime(runtime.now(), format->bytes())));
}

}  // namespace

std::optional<Value> FindGlobal(std::string_view name) {
  if (name == "range") return MakeFunction("range", MakeRange);
  if (name == "dict") return MakeFunction("dict", MakeDict);
  if (name == "namespace") return MakeFunction("namespace", MakeNamespace);
  if (name == "raise_exception") return MakeFunction("raise_exception", RaiseException);
  if (name == "strftime_now") return MakeFunction("strftime_now", StrftimeNow);
  if (name == "cycler") return MakeFunction("cycler", MakeCycler);
  if (name == "joiner") return MakeFunction("joiner", MakeJoiner);
  return std::nullopt;
}

}  // namespace mmoe::jinja
