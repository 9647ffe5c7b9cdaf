#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/template/interpreter.h"

namespace mmoe::jinja {

// `loop` inside a for statement. Its items pass the statement's filter only as they are needed, so that what
// the body does to a namespace is seen by the filter.
class Loop : public Object {
 public:
  // `around`: the scope in which the statement stands. `depth`: of a recursive loop, from 0.
  Loop(const For& statement, Interpreter& interpreter, std::shared_ptr<const Sequence> items,
       std::shared_ptr<Scope> around, int64_t depth);

  // Goes on to the next item; false at the end.
  bool Next();
  const Value& item() const { return At(index_); }
  // Lets go of the scope around, which may lead back here.
  void Finish() { around_.reset(); }

  std::string TypeName() const override { return "loop"; }
  std::optional<Value> Attribute(Runtime& runtime, std::string_view name) override;
  Value Call(Runtime& runtime, const Arguments& arguments) override;
  Text Show(Runtime& runtime) override;
  Extent extent() const override { return source_->extent; }

  Value Cycle(Runtime& runtime, const Arguments& arguments) const;
  bool Changed(const Arguments& arguments);

 private:
  const Value& At(size_t index) const { return statement_.filter ? passed_[index] : source_->items[index]; }
  // Whether there are more than `count` items.
  bool Reaches(size_t count);
  bool Passes(const Value& item);
  int64_t Length();

  const For& statement_;
  Interpreter& interpreter_;
  std::shared_ptr<const Sequence> source_;
  std::shared_ptr<Scope> around_;
  int64_t depth_;
  size_t seen_ = 0;            // of the source
  std::vector<Value> passed_;  // the statement's filter, if it has one
  size_t index_ = SIZE_MAX;    // of the current item
  std::optional<std::vector<Value>> last_changed_;
};

// Runs a for statement over `iterable` in the current scope.
Flow RunLoop(const For& statement, Interpreter& interpreter, const Value& iterable, int64_t depth);

}  // namespace mmoe::jinja
