#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mmoe {

// The parts of a .pte: a flatbuffer at the front, in which offsets are followed, and segments of plain data behind it.
struct ProgramLayout {
  size_t flatbuffer_bytes = 0;
  uint64_t segments_begin = 0;  // in the file; 0: there are none
  uint64_t segments_bytes = 0;
};

// Reads the extended header, which lies between the flatbuffer's identifier and its tables. A file without
// one is all flatbuffer. Throws Malformed if a part is not inside the file.
ProgramLayout ReadProgramLayout(std::string_view file);

}  // namespace mmoe
