#include "core/template/loop.h"

#include <algorithm>

#include "core/template/compare.h"
#include "core/template/functions.h"
#include "core/template/template_error.h"

namespace mmoe::jinja {

Loop::Loop(const For& statement, Interpreter& interpreter, std::shared_ptr<const Sequence> items,
           std::shared_ptr<Scope> around, int64_t depth)
    : statement_(statement),
      interpreter_(interpreter),
      source_(std::move(items)),
      around_(std::move(around)),
      depth_(depth) {}

bool Loop::Passes(const Value& item) {
  if (!around_) Raise("a loop is asked for its items when it is over");
  const Interpreter::Scoped scoped(interpreter_, around_);
  interpreter_.Assign(statement_.target, item);
  return Truth(interpreter_.Evaluate(*statement_.filter));
}

bool Loop::Reaches(size_t count) {
  if (!statement_.filter) return source_->items.size() > count;
  while (passed_.size() <= count && seen_ < source_->items.size()) {
    const Value& item = source_->items[seen_++];
    if (Passes(item)) passed_.push_back(item);
  }
  return passed_.size() > count;
}

bool Loop::Next() {
  ++index_;  // from SIZE_MAX to the first
  return Reaches(index_);
}

int64_t Loop::Length() {
  if (!statement_.filter) return static_cast<int64_t>(source_->items.size());
  Reaches(source_->items.size());
  return static_cast<int64_t>(passed_.size());
}

std::optional<Value> Loop::Attribute(Runtime&, std::string_view name) {
  const int64_t index = static_cast<int64_t>(index_);
  if (name == "index") return Value::Integer(index + 1);
  if (name == "index0") return Value::Integer(index);
  if (name == "first") return Value::Bool(index == 0);
  if (name == "last") return Value::Bool(!Reaches(index_ + 1));
  if (name == "length") return Value::Integer(Length());
  if (name == "revindex") return Value::Integer(Length() - index);
  if (name == "revindex0") return Value::Integer(Length() - index - 1);
  if (name == "depth") return Value::Integer(depth_ + 1);
  if (name == "depth0") return Value::Integer(depth_);
  if (name == "previtem") {
    return index == 0 ? Value::Undefined("the item before the first") : At(index_ - 1);
  }
  if (name == "nextitem") {
    return Reaches(index_ + 1) ? At(index_ + 1) : Value::Undefined("the item after the last");
  }
  if (name == "cycle") {
    return BindFunction("loop.cycle", this, [](Runtime& runtime, Object& loop, const Arguments& arguments) {
      return static_cast<Loop&>(loop).Cycle(runtime, arguments);
    });
  }
  if (name == "changed") {
    return BindFunction("loop.changed", this, [](Runtime&, Object& loop, const Arguments& arguments) {
      return Value::Bool(static_cast<Loop&>(loop).Changed(arguments));
    });
  }
  return std::nullopt;
}

Value Loop::Cycle(Runtime&, const Arguments& arguments) const {
  if (arguments.positional.empty()) Raise("loop.cycle has nothing to choose from");
  return arguments.positional[index_ % arguments.positional.size()];
}

bool Loop::Changed(const Arguments& arguments) {
  if (last_changed_ && last_changed_->size() == arguments.positional.size() &&
      std::equal(last_changed_->begin(), last_changed_->end(), arguments.positional.begin(), Equal)) {
    return false;
  }
  last_changed_ = arguments.positional;
  return true;
}

Value Loop::Call(Runtime& runtime, const Arguments& arguments) {
  if (!statement_.recursive) Raise("a loop that is called must be marked as recursive");
  if (!around_) Raise("a loop is called when it is over");
  if (arguments.positional.size() != 1 || !arguments.named.empty()) Raise("loop() takes one argument");
  const Budget::Nested nested(runtime.budget());
  Text text;
  {
    const Interpreter::Scoped scoped(interpreter_, around_);
    const Interpreter::Captured captured(interpreter_, &text);
    RunLoop(statement_, interpreter_, arguments.positional[0], depth_ + 1);
  }
  return runtime.String(std::move(text));
}

Text Loop::Show(Runtime&) {
  return Text("<LoopContext " + std::to_string(index_ + 1) + "/" + std::to_string(Length()) + ">");
}

Flow RunLoop(const For& statement, Interpreter& interpreter, const Value& iterable, int64_t depth) {
  Runtime& runtime = interpreter.runtime();
  const std::shared_ptr<Scope> around = interpreter.scope();
  const auto loop = std::make_shared<Loop>(statement, interpreter, runtime.Iterate(iterable), around, depth);
  bool any = false;  // item whose body was left at its end: Jinja takes the else branch after a break or
                     // continue alone
  while (loop->Next()) {
    const Interpreter::Scoped scoped(interpreter, around);
    interpreter.scope()->Set(interpreter.program().loop, Value::Of(loop));
    interpreter.Assign(statement.target, loop->item());
    const Flow flow = interpreter.Execute(statement.body);
    if (flow == Flow::kBreak) break;
    any |= flow == Flow::kNext;
  }
  loop->Finish();
  if (any) return Flow::kNext;
  const Interpreter::Scoped scoped(interpreter, around);
  return interpreter.Execute(statement.otherwise);
}

}  // namespace mmoe::jinja
