#include "core/fitted_chat.h"

#include <string>
#include <utility>

#include "core/chat.h"
#include "core/error.h"
#include "core/json.h"
#include "core/json_text.h"

namespace mmoe {

namespace {

std::string RoleOf(const Json& message) {
  const std::optional<Json> role =
      message.type() == Json::Type::kObject ? message.Find("role") : std::nullopt;
  return role && role->type() == Json::Type::kString ? role->String() : "";
}

// The conversation without messages [begin, end).
std::string Without(const Json& conversation, size_t begin, size_t end) {
  std::string text = "{";
  for (Json member = conversation.First(); member.valid(); member = member.Next()) {
    if (text.size() > 1) text += ", ";
    text += JsonString(member.Name()) + ": ";
    if (member.Name() != "messages") {
      text += JsonText(member);
      continue;
    }
    std::string kept;
    size_t index = 0;
    for (Json message = member.First(); message.valid(); message = message.Next(), ++index) {
      if (index >= begin && index < end) continue;
      kept += (kept.empty() ? "" : ", ") + JsonText(message);
    }
    text += "[" + kept + "]";
  }
  return text + "}";
}

}  // namespace

FittedChat FitChat(const Model& model, std::string_view conversation,
                   const std::optional<jinja::CivilTime>& now, size_t most_ids) {
  FittedChat fitted;
  const auto render = [&](std::string_view text) {
    fitted.ids.clear();
    EncodeRendered(model.tokenizer(), model.chat_template().Render(text, now), &fitted.ids);
    return fitted.ids.size() <= most_ids;
  };
  // A template has read it then, so that it is an object and its messages are a list.
  if (render(conversation)) return fitted;
  const JsonDocument document(conversation, "the conversation");
  std::vector<std::string> roles;
  if (const std::optional<Json> messages = document.root().Find("messages")) {
    for (Json message = messages->First(); message.valid(); message = message.Next())
      roles.push_back(RoleOf(message));
  }
  size_t begin = 0;
  while (begin < roles.size() && (roles[begin] == "system" || roles[begin] == "developer")) ++begin;
  for (size_t turn = begin + 1; turn < roles.size(); ++turn) {
    if (roles[turn] != "user" || !render(Without(document.root(), begin, turn))) continue;
    fitted.left_out = turn - begin;
    return fitted;
  }
  throw CoreError(MMOE_CONTEXT_FULL, "the system message and the last turn have " +
                                         std::to_string(fitted.ids.size()) + " tokens, there is room for " +
                                         std::to_string(most_ids) + "; shorten them");
}

}  // namespace mmoe
