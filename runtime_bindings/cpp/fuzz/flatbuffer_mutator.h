#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fuzz/flatbuffer_types.h"

namespace mmoe::fuzz {

using Random = std::mt19937_64;

// Changes a flatbuffer by its schema, in place and without changing its size: values of fields, lengths and
// elements of vectors, types of unions, which object an offset leads to, which fields a table has.
class FlatbufferMutator {
 public:
  // `bytes` is a sound flatbuffer; what is found in it is where mutations are made.
  FlatbufferMutator(std::string_view bytes, const std::vector<TableType>& types);

  // One change; `bytes` are those of the constructor, maybe changed before. Returns what was changed, for the log.
  std::string Mutate(Random& random, char* bytes) const;

 private:
  enum class SiteKind { kScalar, kLength, kOffset, kVtable, kVtableEntry };
  struct Site {
    SiteKind kind;
    size_t position;
    int bytes;
    int object;  // of an offset: the class of what it leads to
  };

  void Table(size_t position, int type);
  void Field(size_t position, const std::string& name, const FieldType& field, int union_type);
  void Add(const std::string& name, Site site);
  // Remembers an object that offsets of its class may lead to; false if it was met before.
  bool Meet(int object, size_t position);
  template <typename Value>
  Value At(size_t position) const;

  size_t OtherObject(Random& random, const Site& site) const;
  uint64_t NewValue(Random& random, uint64_t value, const std::vector<Site>& siblings,
                    const char* bytes) const;

  std::string_view bytes_;
  const std::vector<TableType>& types_;
  std::vector<std::pair<std::string, std::vector<Site>>>
      sites_;  // by name, so that rare fields are not rarely met
  std::map<std::string, size_t> names_;
  std::map<int, std::vector<size_t>> objects_;
  std::map<std::pair<int, size_t>, bool> met_;
};

}  // namespace mmoe::fuzz
