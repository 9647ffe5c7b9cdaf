// What the C interface leaves to its caller of a conversation: the ids that a turn is sent as, the turns that leave when
// the context is full, and what becomes of an answer.

#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/json.h"
#include "core/json_text.h"
#include "core/mmoe.h"
#include "tests/conformance_values.h"

namespace mmoe::conformance {

struct Refused {
  mmoe_status status;
};
inline void Check(mmoe_status status) {
  if (status != MMOE_OK) throw Refused{status};
}

// What a call gives that tells how many elements there are.
template <typename Values, typename Call>
Values All(Call call) {
  size_t count = 0;
  const mmoe_status asked = call(nullptr, 0, &count);
  if (asked != MMOE_BUFFER_TOO_SMALL) Check(asked);
  Values values(count, {});
  Check(call(values.data(), values.size(), &count));
  return values;
}

inline std::string Detokenized(mmoe_model model, const Ids& ids, bool skip_special) {
  return All<std::string>([&](char* text, size_t capacity, size_t* bytes) {
    return mmoe_detokenize(model, ids.data(), ids.size(), skip_special, text, capacity, bytes);
  });
}

// An answer's text, and the calls of tools in it.
inline Message AnswerOf(mmoe_model model, const std::string& text) {
  const std::string json = All<std::string>([&](char* found, size_t capacity, size_t* bytes) {
    return mmoe_tool_calls(model, text.data(), text.size(), found, capacity, bytes);
  });
  const JsonDocument document(json, "the message");
  Message message = {document.root().Get("role").String(), document.root().Get("content").String()};
  if (const std::optional<Json> calls = document.root().Find("tool_calls")) {
    for (const Json& call : Elements(*calls)) {
      const Json function = call.Get("function");
      message.calls.emplace_back(function.Get("name").String(), JsonText(function.Get("arguments")));
    }
  }
  return message;
}

inline mmoe_model_info InfoOf(mmoe_model model) {
  mmoe_model_info info;
  mmoe_model_info_init(&info);
  Check(mmoe_model_get_info(model, &info));
  return info;
}

inline Ids ConversationIds(mmoe_model model, const Messages& messages) {
  std::vector<mmoe_message> structures;
  for (const Message& each : messages) structures.push_back({each.role.c_str(), each.content.c_str()});
  return All<Ids>([&](int32_t* ids, size_t capacity, size_t* count) {
    return mmoe_chat(model, structures.data(), structures.size(), ids, capacity, count);
  });
}

// A turn that is to be answered: the messages with it, those that left, and the ids of the first.
struct Turn {
  Messages messages;
  Messages leaving;
  Ids ids;
};

class Conversation {
 public:
  Conversation() = default;
  Conversation(mmoe_model model, const Json& chat) : model_(model) {
    if (const std::optional<Json> system = chat.Find("system")) history_ = {{"system", system->String()}};
    opening_ = history_;
    if (const std::optional<Json> tools = chat.Find("tools")) {
      for (const Json& tool : Elements(*tools)) tools_.push_back(tool.String());
    }
    drop_oldest_ = chat.Find("when_full") && chat.Get("when_full").String() == "drop_oldest";
    answer_room_ = std::min(Count(chat, "answer_room").value_or(256), ContextLength() / 2);
  }

  bool may_call() const { return !tools_.empty(); }
  const Messages& history() const { return history_; }
  const Messages& left_out() const { return left_out_; }

  // Nothing changes before the turn is answered.
  Turn With(const Messages& added, std::optional<size_t> most_new) const {
    Turn turn = {history_, {}, {}};
    turn.messages.insert(turn.messages.end(), added.begin(), added.end());
    size_t left_out = 0;
    turn.ids = PromptIds(turn.messages, std::min(most_new.value_or(answer_room_), answer_room_), &left_out);
    const auto first = std::find_if(turn.messages.begin(), turn.messages.end(),
                                    [](const Message& each) { return each.role != "system"; });
    const auto last = first + static_cast<ptrdiff_t>(left_out);
    turn.leaving = Messages(first, last);
    turn.messages.erase(first, last);
    return turn;
  }

  void Answered(const Turn& turn, const std::string& text, const Ids& ids) {
    Message answer = {"assistant", text};
    if (!tools_.empty()) {
      const Message called = AnswerOf(model_, Detokenized(model_, ids, false));
      if (!called.calls.empty()) answer = called;
    }
    history_ = turn.messages;
    history_.push_back(answer);
    left_out_ = turn.leaving;
  }

  void Reset() {
    history_ = opening_;
    left_out_.clear();
  }

  void Restore(const Messages& turns) {
    history_ = turns;
    opening_.clear();
    if (!history_.empty() && history_[0].role == "system") opening_ = {history_[0]};
    left_out_.clear();
  }

 private:
  size_t ContextLength() const { return static_cast<size_t>(InfoOf(model_).max_context_len); }

  // *left_out of the messages, behind the system's, are not in it.
  Ids PromptIds(const Messages& turns, size_t room, size_t* left_out) const {
    if (!drop_oldest_ && tools_.empty()) return ConversationIds(model_, turns);
    const std::string text = TemplateText(turns);
    return All<Ids>([&](int32_t* ids, size_t capacity, size_t* count) {
      if (!drop_oldest_) {
        return mmoe_chat_json(model_, text.data(), text.size(), nullptr, ids, capacity, count);
      }
      return mmoe_chat_fit(model_, text.data(), text.size(), nullptr, ContextLength() - room, ids, capacity,
                           count, left_out);
    });
  }

  // What templates read.
  std::string TemplateText(const Messages& messages) const {
    const std::string turns = List(messages, [](const Message& message) {
      const std::string calls = List(message.calls, [](const auto& call) {
        return "{\"type\": \"function\", \"function\": {\"name\": " + JsonString(call.first) +
               ", \"arguments\": " + call.second + "}}";
      });
      return "{\"role\": " + JsonString(message.role) + ", \"content\": " + JsonString(message.content) +
             (message.calls.empty() ? "" : ", \"tool_calls\": " + calls) + "}";
    });
    const std::string offered = List(tools_, [](const std::string& tool) { return tool; });
    return "{\"add_generation_prompt\": true, \"messages\": " + turns +
           ", \"tools\": " + (tools_.empty() ? "null" : offered) + "}";
  }

  mmoe_model model_ = 0;
  Messages opening_;
  Messages history_;
  Messages left_out_;
  std::vector<std::string> tools_;
  bool drop_oldest_ = false;
  size_t answer_room_ = 0;
};

}  // namespace mmoe::conformance
