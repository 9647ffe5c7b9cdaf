#pragma once

// The values of the scenarios of tests/conformance: read from their JSON, and written the same whether they were
// expected or given.

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/json.h"
#include "core/mmoe.h"

namespace mmoe::conformance {

using Ids = std::vector<int32_t>;
using Result = std::map<std::string, std::string>;  // what a call gives, each value as Text writes it
struct Message {
  std::string role;
  std::string content;
  std::vector<std::pair<std::string, std::string>> calls = {};  // of tools: a name and a JSON object
};
using Messages = std::vector<Message>;

inline std::string Text(const std::string& value) { return '"' + value + '"'; }
inline std::string Text(int64_t value) { return std::to_string(value); }
inline std::string Text(float value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%g", static_cast<double>(value));
  return text;
}

template <typename Values, typename Write>
inline std::string List(const Values& values, Write write) {
  std::string text;
  for (const auto& value : values) text += (text.empty() ? "" : ", ") + write(value);
  return '[' + text + ']';
}
inline std::string Text(const Ids& ids) {
  return List(ids, [](int32_t id) { return Text(int64_t{id}); });
}
inline std::string Calls(const Message& message) {
  return List(message.calls,
              [](const auto& call) { return '[' + Text(call.first) + ", " + Text(call.second) + ']'; });
}
inline std::string Text(const Messages& messages) {
  return List(messages, [](const Message& message) {
    return Text(message.role) + ": " + Text(message.content) + (message.calls.empty() ? "" : Calls(message));
  });
}

inline std::vector<Json> Elements(const Json& array) {
  std::vector<Json> elements;
  for (Json value = array.First(); value.valid(); value = value.Next()) elements.push_back(value);
  return elements;
}

inline std::string Text(const Json& value) {
  switch (value.type()) {
    case Json::Type::kNull:
      return "null";
    case Json::Type::kBool:
      return value.Bool() ? "true" : "false";
    case Json::Type::kNumber:
      return value.NumberText();
    case Json::Type::kString:
      return Text(value.String());
    case Json::Type::kArray:
      return List(Elements(value), [](const Json& each) { return Text(each); });
    case Json::Type::kObject:
      return Text(value.Get("role").String()) + ": " + Text(value.Get("content").String()) +
             (value.Find("calls") ? Text(*value.Find("calls")) : "");
  }
  return "";
}

// ---- Arguments ----

template <typename Value>
Value Repeated(const Value& value, const Json& call) {
  const std::optional<Json> times = call.Find("times");
  Value all;
  for (int64_t i = 0; i < (times ? times->Integer() : 1); ++i)
    all.insert(all.end(), value.begin(), value.end());
  return all;
}
inline Ids IdsOf(const Json& call) {
  Ids ids;
  for (const Json& id : Elements(call.Get("ids"))) ids.push_back(static_cast<int32_t>(id.Integer()));
  return Repeated(ids, call);
}
inline Messages MessagesOf(const Json& call) {
  Messages messages;
  for (const Json& message : Elements(call.Get("messages")))
    messages.push_back({message.Get("role").String(), message.Get("content").String()});
  return messages;
}
inline std::string TextOf(const Json& call) { return Repeated(call.Get("text").String(), call); }
inline bool Flag(const Json& call, const char* name, bool otherwise) {
  const std::optional<Json> flag = call.Find(name);
  return flag ? flag->Bool() : otherwise;
}
inline std::optional<size_t> Count(const Json& call, const char* name) {
  const std::optional<Json> count = call.Find(name);
  return count ? std::optional<size_t>(static_cast<size_t>(count->Integer())) : std::nullopt;
}

// A file of the folder of the scenarios, or below it.
inline std::string FileText(const std::string& name) {
  std::ifstream stream(std::getenv("MMOE_TEST_SCENARIOS") + ("/" + name), std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

inline std::string ArtifactOf(const Json& scenario) {
  const std::optional<Json> variant = scenario.Find("artifact");
  if (!variant) return std::getenv("MMOE_TEST_ARTIFACT");
  return std::getenv("MMOE_TEST_VARIANTS") + ("/" + variant->String());
}

inline mmoe_sampling SamplingOf(const Json& values) {
  mmoe_sampling sampling;
  mmoe_sampling_init(&sampling);
  for (Json value = values.First(); value.valid(); value = value.Next()) {
    const std::string name = value.Name();
    if (name == "temperature") {
      sampling.temperature = static_cast<float>(value.Number());
    } else if (name == "top_k") {
      sampling.top_k = static_cast<int32_t>(value.Integer());
    } else if (name == "top_p") {
      sampling.top_p = static_cast<float>(value.Number());
    } else if (name == "min_p") {
      sampling.min_p = static_cast<float>(value.Number());
    } else if (name == "repetition_penalty") {
      sampling.repetition_penalty = static_cast<float>(value.Number());
    } else if (name == "frequency_penalty") {
      sampling.frequency_penalty = static_cast<float>(value.Number());
    } else if (name == "presence_penalty") {
      sampling.presence_penalty = static_cast<float>(value.Number());
    } else if (name == "seed") {
      sampling.seed = static_cast<uint64_t>(value.Integer());
    } else {
      ADD_FAILURE() << "no value of a sampling: " << name;
    }
  }
  return sampling;
}

}  // namespace mmoe::conformance
