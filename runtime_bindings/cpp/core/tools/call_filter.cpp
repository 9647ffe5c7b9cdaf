#include "core/tools/call_filter.h"

#include <algorithm>
#include <utility>

namespace mmoe {

namespace {

// Where a mark begins, or its beginning at the end of the text does; the text's length if neither does.
size_t MarkAt(std::string_view text, std::string_view mark) {
  if (const size_t found = text.find(mark); found != std::string_view::npos) return found;
  for (size_t length = std::min(mark.size() - 1, text.size()); length > 0; --length) {
    if (text.substr(text.size() - length) == mark.substr(0, length)) return text.size() - length;
  }
  return text.size();
}

}  // namespace

std::string CallFilter::Push(std::string_view text) {
  held_ += text;
  DropForms();
  const size_t certain = CertainBytes();
  for (size_t& each : read_) each -= std::min(each, certain);
  std::string content = held_.substr(0, certain);
  held_.erase(0, certain);
  return content;
}

std::string CallFilter::End() {
  ParsedAnswer answer = ParseToolCalls(std::exchange(held_, {}), possible_);
  possible_ = forms_ & ~kBareCalls;  // these are all of an answer, and what follows is not
  read_ = {};
  return std::move(answer.content);
}

// The forms of which the text has something broken, or of which it cannot be.
void CallFilter::DropForms() {
  for (size_t index = 0; index < kMarkedForms.size(); ++index) {
    const MarkedForm& form = kMarkedForms[index];
    if ((possible_ & form.form) != 0 && !MayBeCalls(held_, form, &read_[index])) possible_ &= ~form.form;
  }
  if ((possible_ & kBareCalls) != 0 && !MayBeBareCall(held_, &object_end_)) possible_ &= ~kBareCalls;
}

size_t CallFilter::CertainBytes() const {
  if ((possible_ & kBareCalls) != 0) return 0;
  size_t certain = held_.size();
  bool may_call = false;
  for (const MarkedForm& form : kMarkedForms) {
    if ((possible_ & form.form) == 0) continue;
    certain = std::min(certain, MarkAt(held_, form.begin));
    may_call = true;
  }
  // Templates put a line's end between the content and its calls, which is part of neither.
  return certain - (may_call && certain > 0 && held_[certain - 1] == '\n' ? 1 : 0);
}

}  // namespace mmoe
