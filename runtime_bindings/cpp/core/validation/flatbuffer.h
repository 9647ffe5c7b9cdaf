#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "core/validation/malformed.h"

namespace mmoe {

// Reads a flatbuffer without trusting it: every access is inside the bytes, or throws Malformed. Nothing is
// read ahead of its use, so tables that nobody asks for may hold anything.
class FlatBytes {
 public:
  explicit FlatBytes(std::string_view bytes) : bytes_(bytes) {}

  template <typename Value>
  Value At(size_t position) const {
    Require(position, sizeof(Value));
    Value value;
    std::memcpy(&value, bytes_.data() + position, sizeof(Value));
    return value;
  }

  // Where the 32-bit offset at `position` points to.
  size_t Follow(size_t position) const {
    const auto offset = At<uint32_t>(position);
    if (offset == 0 || offset > bytes_.size() - position) throw Malformed("an offset leaves the file");
    return position + offset;
  }

  std::string_view Rest(size_t position) const {
    Require(position, 0);
    return bytes_.substr(position);
  }

  std::string_view Part(size_t position, size_t size) const {
    Require(position, size);
    return bytes_.substr(position, size);
  }

 private:
  void Require(size_t position, size_t size) const {
    if (position > bytes_.size() || size > bytes_.size() - position)
      throw Malformed("an offset leaves the file");
  }

  std::string_view bytes_;
};

class FlatVector;

class FlatTable {
 public:
  FlatTable(FlatBytes bytes, size_t position);

  // The table that a buffer begins with.
  static FlatTable Root(std::string_view bytes) {
    const FlatBytes flat(bytes);
    return FlatTable(flat, flat.Follow(0));
  }

  // Fields are numbered in the order of the schema. One that is absent has its default.
  template <typename Value>
  Value Scalar(int field, Value absent = {}) const {
    const std::optional<size_t> position = Find(field);
    return position ? bytes_.At<Value>(*position) : absent;
  }

  bool Has(int field) const { return Find(field).has_value(); }
  std::optional<FlatTable> Table(int field) const;
  // Throws Malformed naming `what` if the field is absent.
  FlatTable Required(int field, const char* what) const;
  // Of elements of this many bytes; empty if absent.
  FlatVector Vector(int field, size_t element_bytes) const;
  FlatVector Tables(int field) const;
  std::string_view String(int field) const;

 private:
  std::optional<size_t> Find(int field) const;

  FlatBytes bytes_;
  size_t position_;
  size_t vtable_;
  size_t vtable_bytes_;
};

class FlatVector {
 public:
  FlatVector() : bytes_({}) {}
  FlatVector(FlatBytes bytes, size_t position, size_t element_bytes);

  size_t size() const { return size_; }
  // Of the first element, in the buffer.
  size_t begin() const { return first_; }

  template <typename Value>
  Value At(size_t index) const {
    return bytes_.At<Value>(Position(index));
  }
  FlatTable TableAt(size_t index) const { return FlatTable(bytes_, bytes_.Follow(Position(index))); }
  // Of a vector of bytes.
  std::string_view content() const { return size_ == 0 ? std::string_view() : bytes_.Part(first_, size_); }

 private:
  size_t Position(size_t index) const {
    if (index >= size_) throw Malformed("an index is behind the end of its list");
    return first_ + index * element_bytes_;
  }

  FlatBytes bytes_;
  size_t first_ = 0;
  size_t size_ = 0;
  size_t element_bytes_ = 1;
};

}  // namespace mmoe
