#include <optional>
#include <vector>

#include "core/api/guard.h"
#include "core/chat.h"
#include "core/fitted_chat.h"
#include "core/json_text.h"
#include "core/text/utf8.h"
#include "core/tools/tool_calls.h"

namespace {

std::optional<mmoe::jinja::CivilTime> MomentOf(const char* now) {
  if (now == nullptr) return std::nullopt;
  return mmoe::jinja::CivilTime::Parse(now);
}

// An assistant's message, as templates take it.
std::string MessageText(const mmoe::ParsedAnswer& answer) {
  std::string json = "{\"role\": \"assistant\", \"content\": " + mmoe::JsonString(answer.content);
  std::string calls;
  for (const mmoe::ToolCall& call : answer.calls) {
    calls += (calls.empty() ? "" : ", ");
    calls += "{\"type\": \"function\", \"function\": {\"name\": " + mmoe::JsonString(call.name) +
             ", \"arguments\": " + call.arguments + "}}";
  }
  return json + (calls.empty() ? "" : ", \"tool_calls\": [" + calls + "]") + "}";
}

mmoe::jinja::Text Rendered(const mmoe::Model& model, const char* conversation, size_t bytes,
                           const char* now) {
  mmoe::RequireArgument(conversation != nullptr, "conversation is NULL");
  return model.chat_template().Render(std::string_view(conversation, bytes), MomentOf(now));
}

}  // namespace

mmoe_status mmoe_tokenize(mmoe_model model, const char* text, size_t text_bytes, int32_t add_bos,
                          int32_t parse_special, int32_t* ids, size_t capacity, size_t* count) {
  return mmoe::Guard([&] {
    mmoe::RequireArgument(text != nullptr || text_bytes == 0, "text is NULL");
    std::vector<int32_t> found;
    mmoe::Models().Get(model)->tokenizer().Encode(std::string_view(text, text_bytes), add_bos != 0,
                                                  parse_special != 0, &found);
    mmoe::HandAll(found, ids, capacity, count);
  });
}

mmoe_status mmoe_detokenize(mmoe_model model, const int32_t* ids, size_t count, int32_t skip_special,
                            char* text, size_t capacity, size_t* text_bytes) {
  return mmoe::Guard([&] {
    mmoe::RequireArgument(ids != nullptr || count == 0, "ids is NULL");
    std::string found;
    mmoe::Models().Get(model)->tokenizer().Decode(ids, count, skip_special != 0, &found);
    mmoe::HandAll(found, text, capacity, text_bytes);
  });
}

mmoe_status mmoe_token_bytes(mmoe_model model, int32_t id, int32_t first, char* bytes, size_t capacity,
                             size_t* count) {
  return mmoe::Guard([&] {
    const std::shared_ptr<mmoe::Model> open = mmoe::Models().Get(model);
    const mmoe::Tokenizer& tokenizer = open->tokenizer();
    mmoe::HandAll(tokenizer.HasToken(id) ? tokenizer.TokenBytes(id, first != 0) : "", bytes, capacity, count);
  });
}

mmoe_status mmoe_chat(mmoe_model model, const mmoe_message* messages, size_t message_count, int32_t* ids,
                      size_t capacity, size_t* count) {
  return mmoe::Guard([&] {
    mmoe::RequireArgument(messages != nullptr && message_count > 0, "there are no messages");
    const std::shared_ptr<mmoe::Model> open = mmoe::Models().Get(model);
    const std::string conversation = mmoe::ConversationOf(messages, message_count);
    std::vector<int32_t> found;
    mmoe::EncodeRendered(open->tokenizer(), open->chat_template().Render(conversation, std::nullopt), &found);
    mmoe::HandAll(found, ids, capacity, count);
  });
}

mmoe_status mmoe_chat_json(mmoe_model model, const char* conversation, size_t conversation_bytes,
                           const char* now, int32_t* ids, size_t capacity, size_t* count) {
  return mmoe::Guard([&] {
    const std::shared_ptr<mmoe::Model> open = mmoe::Models().Get(model);
    std::vector<int32_t> found;
    mmoe::EncodeRendered(open->tokenizer(), Rendered(*open, conversation, conversation_bytes, now), &found);
    mmoe::HandAll(found, ids, capacity, count);
  });
}

mmoe_status mmoe_chat_text(mmoe_model model, const char* conversation, size_t conversation_bytes,
                           const char* now, char* text, size_t capacity, size_t* text_bytes) {
  return mmoe::Guard([&] {
    const std::shared_ptr<mmoe::Model> open = mmoe::Models().Get(model);
    mmoe::HandAll(Rendered(*open, conversation, conversation_bytes, now).bytes(), text, capacity, text_bytes);
  });
}

mmoe_status mmoe_chat_fit(mmoe_model model, const char* conversation, size_t conversation_bytes,
                          const char* now, size_t most_ids, int32_t* ids, size_t capacity, size_t* count,
                          size_t* left_out) {
  return mmoe::Guard([&] {
    mmoe::RequireArgument(conversation != nullptr, "conversation is NULL");
    mmoe::RequireArgument(left_out != nullptr, "left_out is NULL");
    const std::shared_ptr<mmoe::Model> open = mmoe::Models().Get(model);
    const std::string_view text(conversation, conversation_bytes);
    const mmoe::FittedChat fitted = mmoe::FitChat(*open, text, MomentOf(now), most_ids);
    *left_out = fitted.left_out;
    mmoe::HandAll(fitted.ids, ids, capacity, count);
  });
}

mmoe_status mmoe_tool_calls(mmoe_model model, const char* text, size_t text_bytes, char* message,
                            size_t capacity, size_t* message_bytes) {
  return mmoe::Guard([&] {
    mmoe::RequireArgument(text != nullptr || text_bytes == 0, "text is NULL");
    const mmoe::CallForms forms = mmoe::FormsOf(mmoe::Models().Get(model)->tokenizer());
    std::string answer;
    mmoe::AppendLossyUtf8({text, text_bytes}, &answer);
    mmoe::HandAll(MessageText(mmoe::ParseToolCalls(answer, forms)), message, capacity, message_bytes);
  });
}
