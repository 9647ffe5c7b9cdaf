#include "core/tokenizer/reader/tokenizer_file.h"

#include <optional>

#include "core/error.h"
#include "core/text/utf8.h"

namespace mmoe {

namespace {

// Every step is a level of recursion when a text is cut.
constexpr size_t kMaxSteps = 64;

}  // namespace

void TokenizerFile::Unsupported(const std::string& what) const {
  throw CoreError(MMOE_UNSUPPORTED,
                  where_ + ": " + what +
                      ", which this library does not implement; it reads byte-pair encodings "
                      "(byte-level or with Metaspace), so take a checkpoint that has one");
}

void TokenizerFile::Corrupt(const std::string& what) const {
  throw CoreError(MMOE_CORRUPT, where_ + ": " + what);
}

std::vector<Json> TokenizerFile::Steps(const Json& step, const char* list) const {
  std::vector<Json> steps;
  AddSteps(step, list, &steps);
  return steps;
}

void TokenizerFile::AddSteps(const Json& step, const char* list, std::vector<Json>* steps) const {
  if (step.Get("type").String() != "Sequence") {
    if (steps->size() == kMaxSteps) Unsupported(std::string("has more than 64 ") + list);
    steps->push_back(step);
    return;
  }
  const Json elements = step.Get(list);
  for (Json element = elements.First(); element.valid(); element = element.Next())
    AddSteps(element, list, steps);
}

std::shared_ptr<const Regex> TokenizerFile::Pattern(const Json& step, const std::string& owner) const {
  const Json pattern = step.Get("pattern");
  if (const std::optional<Json> regex = pattern.Find("Regex")) return Compile(regex->String(), owner);
  const std::string text = pattern.Get("String").String();
  if (text.empty()) Unsupported("has a " + owner + " of the empty text");
  try {
    return std::shared_ptr<const Regex>(new Regex(Regex::Literal(text)));
  } catch (const CoreError& error) {
    Unsupported("has a " + owner + " of a long text (" + error.what() + ")");
  }
}

std::shared_ptr<const Regex> TokenizerFile::Compile(const std::string& pattern,
                                                    const std::string& owner) const {
  try {
    return std::make_shared<const Regex>(std::string_view(pattern));
  } catch (const CoreError& error) {
    Unsupported("has a " + owner + " that cannot be read: " + error.what());
  }
}

std::string TokenizerFile::Character(const Json& value, const std::string& owner) const {
  const std::string text = value.String();
  if (text.empty() || ReadValidUtf8(text, 0).bytes != text.size()) {
    Corrupt("has a " + owner + " that is not one character");
  }
  return text;
}

bool TokenizerFile::Flag(const Json& object, const char* name, bool otherwise) {
  const std::optional<Json> flag = object.Find(name);
  return flag ? flag->Bool() : otherwise;
}

}  // namespace mmoe
