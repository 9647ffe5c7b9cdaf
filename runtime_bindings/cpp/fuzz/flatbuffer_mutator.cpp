#include "fuzz/flatbuffer_mutator.h"

#include <algorithm>
#include <cstring>

namespace mmoe::fuzz {

namespace {

// Classes of objects that are no tables, whose classes are their types.
constexpr int kStrings = 1000, kVectors = 2000;

// Among the first scalars of a long vector, and its last ones, the rest are like them.
constexpr size_t kMostElements = 4096;

uint64_t ReadInteger(const char* from, int bytes) {
  uint64_t value = 0;
  std::memcpy(&value, from, static_cast<size_t>(bytes));
  return value;
}

void WriteInteger(char* to, uint64_t value, int bytes) {
  std::memcpy(to, &value, static_cast<size_t>(bytes));
}

uint64_t Below(Random& random, uint64_t count) { return random() % count; }

}  // namespace

template <typename Value>
Value FlatbufferMutator::At(size_t position) const {
  Value value;
  std::memcpy(&value, bytes_.data() + position, sizeof(value));
  return value;
}

FlatbufferMutator::FlatbufferMutator(std::string_view bytes, const std::vector<TableType>& types)
    : bytes_(bytes), types_(types) {
  Table(At<uint32_t>(0), 0);
}

void FlatbufferMutator::Add(const std::string& name, Site site) {
  const auto [entry, is_new] = names_.emplace(name, sites_.size());
  if (is_new) sites_.push_back({name, {}});
  sites_[entry->second].second.push_back(site);
}

bool FlatbufferMutator::Meet(int object, size_t position) {
  if (!met_.emplace(std::make_pair(object, position), true).second) return false;
  objects_[object].push_back(position);
  return true;
}

void FlatbufferMutator::Table(size_t position, int type) {
  if (!Meet(type, position)) return;
  const TableType& table = types_[static_cast<size_t>(type)];
  const std::string name = table.name;
  const size_t vtable = position - static_cast<size_t>(At<int32_t>(position));
  const size_t fields = (At<uint16_t>(vtable) - 4u) / 2;
  Add(name + ".vtable", {SiteKind::kVtable, position, 4, type});
  for (size_t index = 0; index < fields; ++index) {
    const size_t entry = vtable + 4 + 2 * index;
    const auto offset = At<uint16_t>(entry);
    if (offset == 0) continue;
    const std::string field = name + "." + std::to_string(index);
    Add(field + ".present", {SiteKind::kVtableEntry, entry, 2, type});
    if (table.opaque) {
      Add(field, {SiteKind::kScalar, position + offset, 4, -1});
    } else if (index < table.fields.size()) {
      const bool has_type = index > 0 && table.fields[index - 1].kind == FieldKind::kUnionType;
      const auto type_offset = has_type ? At<uint16_t>(entry - 2) : uint16_t{0};
      Field(position + offset, field, table.fields[index],
            type_offset == 0 ? 0 : At<uint8_t>(position + type_offset));
    }
  }
}

void FlatbufferMutator::Field(size_t position, const std::string& name, const FieldType& field,
                              int union_type) {
  if (field.kind == FieldKind::kScalar || field.kind == FieldKind::kUnionType) {
    Add(name, {SiteKind::kScalar, position, field.bytes, -1});
    return;
  }
  const size_t target = position + At<uint32_t>(position);
  switch (field.kind) {
    case FieldKind::kTable:
      Add(name + ".offset", {SiteKind::kOffset, position, 4, field.target});
      return Table(target, field.target);
    case FieldKind::kUnionMember: {
      const auto member = static_cast<size_t>(union_type) - 1;
      if (member >= field.members.size() || field.members[member] < 0) return;
      Add(name + ".offset", {SiteKind::kOffset, position, 4, field.members[member]});
      return Table(target, field.members[member]);
    }
    default:
      break;
  }
  const int object = field.kind == FieldKind::kString   ? kStrings
                     : field.kind == FieldKind::kTables ? kVectors + 100 + field.target
                                                        : kVectors + field.bytes;
  Add(name + ".offset", {SiteKind::kOffset, position, 4, object});
  if (!Meet(object, target)) return;
  Add(name + ".length", {SiteKind::kLength, target, 4, -1});
  const auto length = At<uint32_t>(target);
  for (size_t index = 0; index < std::min<size_t>(length, kMostElements); ++index) {
    const size_t element = target + 4 + index * static_cast<size_t>(field.bytes);
    if (field.kind == FieldKind::kTables) {
      Add(name + "[].offset", {SiteKind::kOffset, element, 4, field.target});
      Table(element + At<uint32_t>(element), field.target);
    } else {
      Add(name + "[]", {SiteKind::kScalar, element, field.bytes, -1});
    }
  }
}

// A value near the old one, at an edge, of a neighbour, or any.
uint64_t FlatbufferMutator::NewValue(Random& random, uint64_t value, const std::vector<Site>& siblings,
                                     const char* bytes) const {
  static constexpr uint64_t kEdges[] = {
      0,          1,          2,          3,          4,          7,          8,          15,
      16,         31,         32,         64,         127,        128,        255,        256,
      1000,       32767,      65535,      65536,      0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFE,
      1ull << 40, 1ull << 62, ~0ull >> 1, 1ull << 63, ~0ull,      ~1ull};
  switch (Below(random, 7)) {
    case 0:
      return value + 1;
    case 1:
      return value - 1;
    case 2:
      return kEdges[Below(random, std::size(kEdges))];
    case 3:
      return value ^ uint64_t{1} << Below(random, 64);
    case 4: {
      const Site& sibling = siblings[Below(random, siblings.size())];
      return ReadInteger(bytes + sibling.position, sibling.bytes);
    }
    case 5:
      return Below(random, 300);
    default:
      return random();
  }
}

// Offsets lead forwards, so an object behind the offset is looked for, but not forever.
size_t FlatbufferMutator::OtherObject(Random& random, const Site& site) const {
  const std::vector<size_t>& objects = objects_.at(site.object);
  size_t object = 0;
  for (int attempt = 0; attempt < 16 && object <= site.position; ++attempt) {
    object = objects[Below(random, objects.size())];
  }
  return object;
}

std::string FlatbufferMutator::Mutate(Random& random, char* bytes) const {
  const auto& [name, siblings] = sites_[Below(random, sites_.size())];
  const Site& site = siblings[Below(random, siblings.size())];
  const uint64_t value = ReadInteger(bytes + site.position, site.bytes);
  uint64_t changed = value;
  switch (site.kind) {
    case SiteKind::kScalar:
    case SiteKind::kLength:
      changed = NewValue(random, value, siblings, bytes);
      break;
    case SiteKind::kOffset:
      changed = Below(random, 20) == 0 ? random() : OtherObject(random, site) - site.position;
      break;
    case SiteKind::kVtable: {  // the fields of another table of its type lie at other places
      const std::vector<size_t>& tables = objects_.at(site.object);
      const size_t other = tables[Below(random, tables.size())];
      changed = site.position - (other - static_cast<size_t>(At<int32_t>(other)));
      break;
    }
    case SiteKind::kVtableEntry:
      changed = Below(random, 3) > 0 ? 0 : NewValue(random, value, siblings, bytes);
      break;
  }
  WriteInteger(bytes + site.position, changed, site.bytes);
  return name + " " + std::to_string(value) + " -> " +
         std::to_string(ReadInteger(bytes + site.position, site.bytes));
}

}  // namespace mmoe::fuzz
