// What goes between JavaScript and the library, in the words of neither N-API nor JSI.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "mmoe.h"

namespace mmoe::js {

struct Value;
using Ids = std::vector<int32_t>;                           // an Int32Array
using Bytes = std::vector<uint8_t>;                         // a Uint8Array, which no call takes
using Floats = std::vector<float>;                          // a Float32Array
using List = std::vector<Value>;                            // an array
using Record = std::vector<std::pair<std::string, Value>>;  // an object

struct Value {
  // monostate: null, and of what JavaScript gives undefined as well. A string is UTF-8 and may hold NUL characters.
  std::variant<std::monostate, bool, double, std::string, Ids, Bytes, Floats, List, Record> held;

  Value() = default;
  Value(bool value) : held(value) {}
  Value(double value) : held(value) {}
  Value(std::string value) : held(std::move(value)) {}
  Value(Ids value) : held(std::move(value)) {}
  Value(Bytes value) : held(std::move(value)) {}
  Value(Floats value) : held(std::move(value)) {}
  Value(List value) : held(std::move(value)) {}
  Value(Record value) : held(std::move(value)) {}
  // Numbers of the library; JavaScript has no other kind. 2^53 tokens or bytes do not occur.
  static Value Of(uint64_t value) { return Value(static_cast<double>(value)); }
  static Value Of(int64_t value) { return Value(static_cast<double>(value)); }
  static Value Of(uint32_t value) { return Value(static_cast<double>(value)); }
  static Value Of(int32_t value) { return Value(static_cast<double>(value)); }
};

struct Failure {
  mmoe_status status;
  std::string message;
};

// Throws the failure of the call that returned `status` on this thread.
void Succeeded(mmoe_status status);

// The arguments of one call. A missing one is null; one of another kind is a Failure that names it.
class Arguments {
 public:
  Arguments(const char* call, List values) : call_(call), values_(std::move(values)) {}

  bool IsNull(size_t index) const;
  bool Bool(size_t index) const;
  double Number(size_t index) const;
  int32_t Int32(size_t index) const;
  int64_t Int64(size_t index) const;
  uint64_t Handle(size_t index) const;
  const std::string& Text(size_t index) const;
  const Ids& Tokens(size_t index) const;
  const Floats& Numbers(size_t index) const;
  const List& Members(size_t index) const;

 private:
  const Value& At(size_t index) const;
  [[noreturn]] void Refuse(size_t index, const char* wanted) const;
  int64_t Whole(size_t index, double least, double most) const;

  const char* call_;
  List values_;
};

// Tells JavaScript something while a call runs; from any thread.
using Notify = std::function<void(Value)>;

struct Call {
  const char* name;
  // Whether it may take long: it then runs on another thread, and JavaScript gets a promise.
  bool computes;
  Value (*run)(const Arguments& arguments, const Notify& notify);
};

// {value: ...} or, if it failed, {status: "context_full", message: ...}. Throws nothing.
Value Run(const Call& call, List arguments, const Notify& notify);

// Every call of the library.
std::vector<Call> Calls();
std::vector<Call> ModelCalls();
std::vector<Call> SessionCalls();

}  // namespace mmoe::js
