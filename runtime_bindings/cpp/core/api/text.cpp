#include <optional>
#include <vector>

#include "core/api/guard.h"
#include "core/chat.h"

namespace {

mmoe::jinja::Text Rendered(const mmoe::Model& model, const char* conversation, size_t bytes,
                           const char* now) {
  mmoe::RequireArgument(conversation != nullptr, "conversation is NULL");
  std::optional<mmoe::jinja::CivilTime> moment;
  if (now != nullptr) moment = mmoe::jinja::CivilTime::Parse(now);
  return model.chat_template().Render(std::string_view(conversation, bytes), moment);
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
