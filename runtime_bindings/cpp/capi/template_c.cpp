#include "capi/template_c.h"

#include <cstdio>
#include <string>

#include "core/error.h"
#include "core/json.h"
#include "core/template/chat_template.h"

namespace {

struct Template {
  mmoe::ChatTemplate chat_template;
  std::string text;
  std::string origins;
};

}  // namespace

void* mmoe_template_new(const char* source, size_t bytes, char* message, size_t capacity) {
  try {
    return new Template{mmoe::ChatTemplate(std::string_view(source, bytes), "template"), {}, {}};
  } catch (const mmoe::CoreError& error) {
    std::snprintf(message, capacity, "%d %s", static_cast<int>(error.status()), error.what());
    return nullptr;
  }
}

void mmoe_template_delete(void* chat_template) { delete static_cast<Template*>(chat_template); }

int32_t mmoe_template_render(void* chat_template, const char* variables, size_t variables_bytes,
                             const char* now, const char** text, const char** origins, size_t* bytes) {
  auto* self = static_cast<Template*>(chat_template);
  int32_t status = 0;
  self->origins.clear();
  try {
    const mmoe::JsonDocument document(std::string_view(variables, variables_bytes), "variables");
    const mmoe::jinja::Text rendered =
        self->chat_template.Render(document.root(), {}, mmoe::jinja::CivilTime::Parse(now));
    self->text = rendered.bytes();
    for (size_t at = 0; at < rendered.size(); ++at) {
      self->origins += static_cast<char>(rendered.OriginAt(at));
    }
  } catch (const mmoe::CoreError& error) {
    status = error.status();
    self->text = error.what();
  }
  *text = self->text.data();
  *origins = self->origins.data();
  *bytes = self->text.size();
  return status;
}
