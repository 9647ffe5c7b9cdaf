#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "core/tools/tool_calls.h"

namespace mmoe {

// The content of an answer while it is being written: text in, and out again but for calls of tools. What comes out, all of
// it, is the content that ParseToolCalls finds in the whole text.
class CallFilter {
 public:
  // The ways in which calls may be written.
  explicit CallFilter(CallForms forms) : forms_(forms), possible_(forms) {}

  // What of the text so far is content, whatever follows. Whole characters stay so.
  std::string Push(std::string_view text);
  // The rest of the content, at the end of the text. What is pushed afterwards goes on from there, behind the calls.
  std::string End();
  // May be the beginning of a call, or be one.
  const std::string& held() const { return held_; }

 private:
  void DropForms();
  size_t CertainBytes() const;

  CallForms forms_;
  CallForms possible_;  // of these, what held_ and what follows can still come to
  std::string held_;
  std::array<size_t, kMarkedForms.size()> read_{};  // of held_, behind the last whole call of each form
  JsonObjectEnd object_end_;                        // of a bare call
};

}  // namespace mmoe
