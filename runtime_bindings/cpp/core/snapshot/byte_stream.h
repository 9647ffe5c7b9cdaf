#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/error.h"

namespace mmoe {

// Numbers, strings and lists of numbers, one behind the other.
class ByteWriter {
 public:
  explicit ByteWriter(std::string* bytes) : bytes_(bytes) {}

  template <typename Number>
  void Put(Number value) {
    static_assert(std::is_arithmetic_v<Number>);
    bytes_->append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  void PutString(std::string_view text) {
    Put<uint64_t>(text.size());
    bytes_->append(text);
  }
  template <typename Number>
  void PutList(const std::vector<Number>& values) {
    Put<uint64_t>(values.size());
    bytes_->append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(Number));
  }

 private:
  std::string* bytes_;
};

// Reads them back without trusting them: throws CoreError(MMOE_CORRUPT) where the bytes end too early.
class ByteReader {
 public:
  ByteReader(std::string_view bytes, const std::string& path) : bytes_(bytes), path_(path) {}

  template <typename Number>
  Number Get() {
    static_assert(std::is_arithmetic_v<Number>);
    Number value;
    std::memcpy(&value, Take(sizeof(value)).data(), sizeof(value));
    return value;
  }
  std::string_view String() { return Take(Get<uint64_t>()); }
  template <typename Number>
  std::vector<Number> List() {
    const auto count = Get<uint64_t>();
    if (count > bytes_.size() / sizeof(Number)) Refuse("a list is longer than the file");
    std::vector<Number> values(count);
    const std::string_view bytes = Take(count * sizeof(Number));
    if (count > 0) std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  }
  std::string_view rest() const { return bytes_; }

  void Require(bool holds, const char* what) const {
    if (!holds) Refuse(what);
  }

 private:
  std::string_view Take(uint64_t count) {
    if (count > bytes_.size()) Refuse("it ends too early");
    const std::string_view taken = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return taken;
  }

  [[noreturn]] void Refuse(const char* what) const {
    throw CoreError(MMOE_CORRUPT, path_ + ": is damaged (" + what + "); save the session again");
  }

  std::string_view bytes_;
  const std::string& path_;
};

}  // namespace mmoe
