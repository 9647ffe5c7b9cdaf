#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/tokenizer/regex/regex.h"

namespace mmoe {

// What the parts of a tokenizer.json are read with.
class TokenizerFile {
 public:
  // `where` names the file in messages.
  explicit TokenizerFile(std::string where) : where_(std::move(where)) {}

  // "WHERE: WHAT, which this library does not implement" and what to do; MMOE_UNSUPPORTED.
  [[noreturn]] void Unsupported(const std::string& what) const;
  // "WHERE: WHAT"; MMOE_CORRUPT.
  [[noreturn]] void Corrupt(const std::string& what) const;

  // The elements of a "Sequence" and of those inside it, or the object alone. `list` is the elements' key.
  std::vector<Json> Steps(const Json& step, const char* list) const;
  // A step's "pattern": {"Regex": ..} or {"String": ..}. `owner` names the step in messages.
  std::shared_ptr<const Regex> Pattern(const Json& step, const std::string& owner) const;
  std::shared_ptr<const Regex> Compile(const std::string& pattern, const std::string& owner) const;
  // A text of exactly one character.
  std::string Character(const Json& value, const std::string& owner) const;

  static bool Flag(const Json& object, const char* name, bool otherwise);

 private:
  void AddSteps(const Json& step, const char* list, std::vector<Json>* steps) const;

  std::string where_;
};

}  // namespace mmoe
