#include "core/template/conversation.h"

#include <charconv>
#include <cmath>

#include "core/template/template_error.h"

namespace mmoe::jinja {

namespace {

// What a message's reasoning is called, the standard name first.
constexpr const char* kReasoningNames[] = {"reasoning_content", "thinking", "reasoning"};

Value Key(const char* name) { return Value::String(Text(name)); }

Value Number(const Json& json) {
  const std::string text = json.NumberText();
  if (text.find_first_of(".eE") != std::string::npos) {
    const double number = json.Number();
    return Value::Float(number);
  }
  int64_t integer = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), integer).ec != std::errc()) {
    RefuseUnsupported("the number " + text + " is beyond 64 bits, which is not implemented");
  }
  return Value::Integer(integer);
}

Value FromJson(Runtime& runtime, const Json& json, Origin origin) {
  switch (json.type()) {
    case Json::Type::kNull:
      return Value::None();
    case Json::Type::kBool:
      return Value::Bool(json.Bool());
    case Json::Type::kNumber:
      return Number(json);
    case Json::Type::kString:
      return Value::String(Text(json.String(), origin));
    case Json::Type::kArray: {
      std::vector<Value> items;
      for (Json item = json.First(); item.valid(); item = item.Next()) {
        items.push_back(FromJson(runtime, item, origin));
      }
      return Value::Of(Kind::kList, std::make_shared<Sequence>(std::move(items)));
    }
    case Json::Type::kObject:
      break;
  }
  auto dict = std::make_shared<Dict>();
  for (Json member = json.First(); member.valid(); member = member.Next()) {
    dict->Set(Value::String(Text(member.Name(), origin)), FromJson(runtime, member, origin));
  }
  return Value::Of(std::shared_ptr<const Dict>(std::move(dict)));
}

Value ReadMessage(Runtime& runtime, const Json& json) {
  if (json.type() != Json::Type::kObject) Raise("a message is not an object");
  Dict given;
  for (Json member = json.First(); member.valid(); member = member.Next()) {
    if (member.is_null()) continue;
    const std::string name = member.Name();
    const Origin origin = name == "role" ? Origin::kTemplate : Origin::kData;
    given.Set(Value::String(Text(name)), FromJson(runtime, member, origin));
  }
  auto message = std::make_shared<Dict>();
  const Value* reasoning = nullptr;
  for (const char* name : kReasoningNames) {
    if (reasoning == nullptr) reasoning = given.Find(name);
  }
  if (reasoning != nullptr) message->Set(Key("thinking"), *reasoning);
  for (const auto& [name, value] : given.entries) message->Set(name, value);
  if (reasoning != nullptr) message->Set(Key("reasoning_content"), *reasoning);
  return Value::Of(std::shared_ptr<const Dict>(std::move(message)));
}

Value ReadMessages(Runtime& runtime, const Json& json) {
  if (json.type() != Json::Type::kArray) Raise("the messages are not a list");
  std::vector<Value> messages;
  for (Json message = json.First(); message.valid(); message = message.Next()) {
    messages.push_back(ReadMessage(runtime, message));
  }
  return Value::Of(Kind::kList, std::make_shared<Sequence>(std::move(messages)));
}

}  // namespace

Dict ReadVariables(Runtime& runtime, const Json& variables, const SpecialTokens& special_tokens) {
  if (variables.type() != Json::Type::kObject) Raise("the variables of a chat template are not an object");
  Dict read;
  read.Set(Key("messages"), Value::Of(Kind::kList, std::make_shared<Sequence>(std::vector<Value>())));
  read.Set(Key("tools"), Value::None());
  read.Set(Key("documents"), Value::None());
  read.Set(Key("add_generation_prompt"), Value::Bool(false));
  for (const auto& [name, token] : special_tokens) read.Set(Key(name.c_str()), Value::String(Text(token)));
  for (Json member = variables.First(); member.valid(); member = member.Next()) {
    const std::string name = member.Name();
    const bool data = name == "tools" || name == "documents";
    read.Set(Value::String(Text(name)),
             name == "messages" ? ReadMessages(runtime, member)
                                : FromJson(runtime, member, data ? Origin::kData : Origin::kTemplate));
  }
  return read;
}

}  // namespace mmoe::jinja
