#include "value.h"

#include <cmath>
#include <limits>
#include <new>

namespace mmoe::js {
namespace {

Value Failed(mmoe_status status, const std::string& message) {
  return Record{{"status", std::string(mmoe_status_name(status))}, {"message", message}};
}

const Value kNull;
// Whole numbers up to here are exact in JavaScript.
constexpr double kMostExact = 9007199254740991.0;

}  // namespace

void Succeeded(mmoe_status status) {
  if (status != MMOE_OK) throw Failure{status, mmoe_last_error()};
}

Value Run(const Call& call, List arguments, const Notify& notify) {
  try {
    return Record{{"value", call.run(Arguments(call.name, std::move(arguments)), notify)}};
  } catch (const Failure& failure) {
    return Failed(failure.status, failure.message);
  } catch (const std::bad_alloc&) {
    return Failed(MMOE_OUT_OF_RESOURCES, "no memory is left");
  }
}

std::vector<Call> Calls() {
  std::vector<Call> calls = ModelCalls();
  const std::vector<Call> more = SessionCalls();
  calls.insert(calls.end(), more.begin(), more.end());
  return calls;
}

bool Arguments::IsNull(size_t index) const { return std::holds_alternative<std::monostate>(At(index).held); }

bool Arguments::Bool(size_t index) const {
  const bool* found = std::get_if<bool>(&At(index).held);
  if (found == nullptr) Refuse(index, "a boolean");
  return *found;
}

double Arguments::Number(size_t index) const {
  const double* found = std::get_if<double>(&At(index).held);
  if (found == nullptr) Refuse(index, "a number");
  return *found;
}

int64_t Arguments::Whole(size_t index, double least, double most) const {
  const double number = Number(index);
  if (!(number >= least && number <= most) || number != std::floor(number)) {
    Refuse(index, "a whole number in its range");
  }
  return static_cast<int64_t>(number);
}

int32_t Arguments::Int32(size_t index) const {
  using Limits = std::numeric_limits<int32_t>;
  return static_cast<int32_t>(Whole(index, Limits::min(), Limits::max()));
}

int64_t Arguments::Int64(size_t index) const { return Whole(index, -kMostExact, kMostExact); }

uint64_t Arguments::Handle(size_t index) const { return static_cast<uint64_t>(Whole(index, 0, kMostExact)); }

const std::string& Arguments::Text(size_t index) const {
  const std::string* found = std::get_if<std::string>(&At(index).held);
  if (found == nullptr) Refuse(index, "a string");
  return *found;
}

const Ids& Arguments::Tokens(size_t index) const {
  const Ids* found = std::get_if<Ids>(&At(index).held);
  if (found == nullptr) Refuse(index, "an Int32Array");
  return *found;
}

const Floats& Arguments::Numbers(size_t index) const {
  const Floats* found = std::get_if<Floats>(&At(index).held);
  if (found == nullptr) Refuse(index, "a Float32Array");
  return *found;
}

const List& Arguments::Members(size_t index) const {
  const List* found = std::get_if<List>(&At(index).held);
  if (found == nullptr) Refuse(index, "an array");
  return *found;
}

const Value& Arguments::At(size_t index) const { return index < values_.size() ? values_[index] : kNull; }

void Arguments::Refuse(size_t index, const char* wanted) const {
  throw Failure{MMOE_INVALID_ARGUMENT,
                std::string(call_) + ": argument " + std::to_string(index + 1) + " must be " + wanted};
}

}  // namespace mmoe::js
