#include "core/validation/flatbuffer.h"

#include <string>

namespace mmoe {

namespace {

constexpr size_t kOffsetBytes = 4, kFieldBytes = 2, kFieldsBegin = 4;

}  // namespace

// A table begins with the distance back to its vtable: sizes of vtable and table, then a 16-bit offset per field.
FlatTable::FlatTable(FlatBytes bytes, size_t position) : bytes_(bytes), position_(position) {
  const int64_t vtable = static_cast<int64_t>(position) - bytes_.At<int32_t>(position);
  if (vtable < 0) throw Malformed("an offset leaves the file");
  vtable_ = static_cast<size_t>(vtable);
  vtable_bytes_ = bytes_.At<uint16_t>(vtable_);
}

std::optional<size_t> FlatTable::Find(int field) const {
  const size_t place = kFieldsBegin + static_cast<size_t>(field) * kFieldBytes;
  if (place + kFieldBytes > vtable_bytes_) return std::nullopt;
  const auto offset = bytes_.At<uint16_t>(vtable_ + place);
  if (offset == 0) return std::nullopt;
  return position_ + offset;
}

std::optional<FlatTable> FlatTable::Table(int field) const {
  const std::optional<size_t> position = Find(field);
  if (!position) return std::nullopt;
  return FlatTable(bytes_, bytes_.Follow(*position));
}

FlatTable FlatTable::Required(int field, const char* what) const {
  const std::optional<FlatTable> table = Table(field);
  if (!table) throw Malformed(std::string(what) + " is missing");
  return *table;
}

FlatVector FlatTable::Vector(int field, size_t element_bytes) const {
  const std::optional<size_t> position = Find(field);
  if (!position) return FlatVector();
  return FlatVector(bytes_, bytes_.Follow(*position), element_bytes);
}

FlatVector FlatTable::Tables(int field) const { return Vector(field, kOffsetBytes); }

std::string_view FlatTable::String(int field) const {
  const FlatVector characters = Vector(field, 1);
  return characters.content();
}

FlatVector::FlatVector(FlatBytes bytes, size_t position, size_t element_bytes)
    : bytes_(bytes),
      first_(position + sizeof(uint32_t)),
      size_(bytes.At<uint32_t>(position)),
      element_bytes_(element_bytes) {
  bytes_.Part(first_, size_ * element_bytes_);  // 2^32 elements of 8 bytes do not overflow
}

}  // namespace mmoe
