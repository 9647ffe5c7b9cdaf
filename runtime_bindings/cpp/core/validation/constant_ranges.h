#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/validation/flatbuffer.h"
#include "core/validation/program_layout.h"

namespace mmoe {

// Where the data of a program lies: constants, the first values of mutable tensors, what delegates were given.
class ConstantRanges {
 public:
  // Reads the tables of the program. Throws Malformed if a segment is not inside the file.
  ConstantRanges(const FlatTable& program, std::string_view file, const ProgramLayout& layout);

  // Each throws Malformed unless the data is there: `bytes` of it, aligned to elements of `element_bytes`.
  void RequireConstant(uint64_t index, uint64_t bytes, uint64_t element_bytes) const;
  void RequireInitialValue(uint64_t table, uint64_t index, uint64_t bytes) const;
  void RequireNamed(std::string_view key, uint64_t bytes) const;
  std::string_view DelegateData(const FlatTable& reference) const;

 private:
  struct Segment {
    uint64_t begin;  // in the file
    uint64_t bytes;
  };

  const Segment& SegmentAt(uint64_t index) const;
  // The bytes of a segment from its offset `index` on.
  Segment Rest(const FlatTable& subsegments, uint64_t index) const;

  FlatTable program_;
  std::string_view file_;
  std::vector<Segment> segments_;
};

}  // namespace mmoe
