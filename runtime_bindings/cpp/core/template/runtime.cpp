#include "core/template/runtime.h"

#include <algorithm>

#include "core/template/template_error.h"

namespace mmoe::jinja {

Value Runtime::String(Text text) {
  budget_.Bytes(text.size());
  return Value::String(std::move(text));
}

Value Runtime::MakeSequence(Kind kind, std::vector<Value> items, const char* view) {
  budget_.Step(static_cast<int64_t>(items.size()));
  return Value::Of(kind, std::make_shared<Sequence>(std::move(items), view));
}

Value Runtime::Iterator(std::vector<Value> items) {
  budget_.Step(static_cast<int64_t>(items.size()));
  return Value::Of(std::make_shared<jinja::Iterator>(jinja::Iterator{Sequence(std::move(items)), 0}));
}

Value Runtime::Dict(std::vector<std::pair<Value, Value>> entries) {
  auto dict = std::make_shared<jinja::Dict>();
  for (auto& [key, value] : entries) {
    budget_.Step();
    ChargeKey(*dict, key);
    dict->Set(key, std::move(value));
  }
  return Value::Of(std::shared_ptr<const jinja::Dict>(std::move(dict)));
}

std::shared_ptr<const Sequence> Runtime::Iterate(const Value& value) {
  if (value.IsSequence()) return value.shared_sequence();
  std::vector<Value> items;
  switch (value.kind()) {
    case Kind::kUndefined:
      break;
    case Kind::kString: {
      // Before the work: a character costs more than most steps do.
      budget_.Step(static_cast<int64_t>(CountCharacters(value.text().bytes())));
      const std::vector<size_t> offsets = CharacterOffsets(value.text().bytes());
      for (size_t at = 0; at + 1 < offsets.size(); ++at) {
        Text character = value.text().Part(offsets[at], offsets[at + 1]);
        character.set_markup(false);
        items.push_back(String(std::move(character)));
      }
      break;
    }
    case Kind::kDict:
      for (const auto& entry : value.dict().entries) items.push_back(entry.first);
      break;
    case Kind::kIterator: {
      jinja::Iterator& iterator = value.iterator();
      items.assign(iterator.rest.items.begin() + iterator.next, iterator.rest.items.end());
      iterator.next = iterator.rest.items.size();
      break;
    }
    case Kind::kRange:
      for (int64_t at = 0; at < value.range().size; ++at) {
        items.push_back(Value::Integer(value.range().start + at * value.range().step));
      }
      break;
    default:
      Raise(Describe(value) + " cannot be iterated over");
  }
  budget_.Step(static_cast<int64_t>(items.size()));
  return std::make_shared<Sequence>(std::move(items));
}

void Runtime::ChargeComparison(const Value& left, const Value& right) {
  if (left.IsString() && right.IsString()) {
    budget_.Step(static_cast<int64_t>(1 + std::min(left.text().size(), right.text().size()) / 16));
    return;
  }
  const Extent a = left.extent();
  const Extent b = right.extent();
  budget_.Step(std::min(a.count, b.count) * (1 + std::min(a.depth, b.depth)));
}

void Runtime::ChargeKey(const jinja::Dict& dict, const Value& key) {
  if (key.Is(Kind::kTuple)) RefuseUnsupported("a tuple as the key of a dict is not implemented");
  if (key.Is(Kind::kList) || key.Is(Kind::kDict)) {
    Raise(Describe(key) + " cannot be the key of a dict");
  }
  if (!key.IsString()) budget_.Step(static_cast<int64_t>(dict.entries.size() / 8));
}

Value Runtime::Call(const Value& callee, const Arguments& arguments) {
  if (callee.IsUndefined()) Raise(callee.UndefinedName() + " is undefined");
  if (!callee.Is(Kind::kObject)) Raise(Describe(callee) + " cannot be called");
  return callee.object().Call(*this, arguments);
}

}  // namespace mmoe::jinja
