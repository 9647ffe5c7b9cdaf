#include "core/chat.h"

#include <string>
#include <string_view>

#include "core/error.h"
#include "core/json_text.h"
#include "core/text/utf8.h"

namespace mmoe {

namespace {

// Plain text is held back until a special token ends it, because words of the tokenizer may reach over the
// seam between the template's text and a message's.
class Writer {
 public:
  Writer(const Tokenizer& tokenizer, std::vector<int32_t>* ids) : tokenizer_(tokenizer), ids_(ids) {}

  void Template(std::string_view text) {
    for (size_t at = 0; at < text.size();) {
      const AddedTokens::Match match = tokenizer_.FindAdded(text, at);
      plain_ += text.substr(at, match.begin - at);
      if (match.begin < text.size()) {
        Flush();
        ids_->push_back(match.id);
      }
      at = match.end;
    }
  }
  void Message(std::string_view text) { plain_ += text; }

  void Flush() {
    tokenizer_.Encode(plain_, false, false, ids_);
    plain_.clear();
  }

 private:
  const Tokenizer& tokenizer_;
  std::vector<int32_t>* ids_;
  std::string plain_;
};

void RequireComplete(const mmoe_message& message, size_t index) {
  if (message.role == nullptr || message.content == nullptr) {
    throw CoreError(MMOE_INVALID_ARGUMENT, "message " + std::to_string(index) + " has no role or no content");
  }
}

// As a JSON string. What is no UTF-8 becomes U+FFFD.
std::string Quoted(std::string_view bytes) {
  std::string text;
  AppendLossyUtf8(bytes, &text);
  return JsonString(text);
}

}  // namespace

std::string ConversationOf(const mmoe_message* messages, size_t count) {
  std::string json = "{\"add_generation_prompt\": true, \"messages\": [";
  for (size_t index = 0; index < count; ++index) {
    const mmoe_message& message = messages[index];
    RequireComplete(message, index);
    if (index > 0) json += ", ";
    json += "{\"role\": " + Quoted(message.role) + ", \"content\": " + Quoted(message.content) + "}";
  }
  return json + "]}";
}

void EncodeRendered(const Tokenizer& tokenizer, const jinja::Text& text, std::vector<int32_t>* ids) {
  Writer writer(tokenizer, ids);
  for (const jinja::Span& span : text.Spans()) {
    const std::string_view part = std::string_view(text.bytes()).substr(span.begin, span.end - span.begin);
    if (span.origin == jinja::Origin::kTemplate) {
      writer.Template(part);
    } else {
      writer.Message(part);
    }
  }
  writer.Flush();
}

}  // namespace mmoe
