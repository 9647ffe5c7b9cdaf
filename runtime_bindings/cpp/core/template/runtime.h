#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/template/budget.h"
#include "core/template/civil_time.h"
#include "core/template/value.h"

namespace mmoe::jinja {

// What one rendering shares: its budget, its clock, and the objects that may refer to each other in circles.
class Runtime {
 public:
  Runtime(const Limits& limits, const std::optional<CivilTime>& now) : budget_(limits), now_(now) {}
  Runtime(const Runtime&) = delete;
  ~Runtime() {
    for (const std::shared_ptr<Object>& object : kept_) object->Release();
  }

  Budget& budget() { return budget_; }
  CivilTime now() const { return now_ ? *now_ : CivilTime::Now(); }

  // Values, paid from the budget.
  Value String(Text text);
  Value List(std::vector<Value> items) { return MakeSequence(Kind::kList, std::move(items), nullptr); }
  Value Tuple(std::vector<Value> items) { return MakeSequence(Kind::kTuple, std::move(items), nullptr); }
  Value View(std::vector<Value> items, const char* name) {
    return MakeSequence(Kind::kView, std::move(items), name);
  }
  Value Iterator(std::vector<Value> items);
  Value Dict(std::vector<std::pair<Value, Value>> entries);

  // An object that may be part of a circle: kept, and released when the rendering is over.
  template <typename Kept>
  std::shared_ptr<Kept> Keep(std::shared_ptr<Kept> object) {
    budget_.Step(kStepsPerObject);
    kept_.push_back(object);
    return object;
  }

  // What Python's iter() gives, all of it; an iterator is used up. Throws for what cannot be iterated.
  std::shared_ptr<const Sequence> Iterate(const Value& value);

  // Pays for a comparison of the two, or for looking a key up.
  void ChargeComparison(const Value& left, const Value& right);
  void ChargeKey(const jinja::Dict& dict, const Value& key);

  Value Call(const Value& callee, const Arguments& arguments);
  // A filter or a method, which may go through all of a text.
  template <typename Work>
  Value Apply(Work work, const Value& input, const Arguments& arguments) {
    if (input.IsString()) budget_.Bytes(input.text().size());
    return work(*this, input, arguments);
  }

 private:
  Value MakeSequence(Kind kind, std::vector<Value> items, const char* view);

  static constexpr int64_t kStepsPerObject = 16;  // for its memory, which is not given back before the end

  Budget budget_;
  std::vector<std::shared_ptr<Object>> kept_;
  std::optional<CivilTime> now_;
};

}  // namespace mmoe::jinja
