#include "core/validation/program_layout.h"

#include <cstring>

#include "core/validation/malformed.h"

namespace mmoe {

namespace {

// Offsets in the file: root offset, identifier "ET12", then this header.
constexpr size_t kMagic = 8, kLength = 12, kFlatbufferBytes = 16, kSegmentsBegin = 24, kSegmentsBytes = 32;
constexpr size_t kHeaderEnd = 40;

template <typename Integer>
Integer Read(std::string_view file, size_t at) {
  Integer value;
  std::memcpy(&value, file.data() + at, sizeof(value));
  return value;
}

}  // namespace

ProgramLayout ReadProgramLayout(std::string_view file) {
  ProgramLayout layout;
  layout.flatbuffer_bytes = file.size();
  if (file.size() < kHeaderEnd || file.substr(kMagic, 4) != "eh00") return layout;
  const auto length = Read<uint32_t>(file, kLength);
  if (length < kSegmentsBytes - kMagic) throw Malformed("its header is too short");
  const auto flatbuffer_bytes = Read<uint64_t>(file, kFlatbufferBytes);
  layout.segments_begin = Read<uint64_t>(file, kSegmentsBegin);
  // Older headers end here; the segments then reach to the end of the file.
  const bool has_size = length >= kHeaderEnd - kMagic;
  if (flatbuffer_bytes < kHeaderEnd || flatbuffer_bytes > file.size() ||
      layout.segments_begin > file.size()) {
    throw Malformed("it is cut: its header points behind the end of the file");
  }
  layout.flatbuffer_bytes = flatbuffer_bytes;
  if (layout.segments_begin == 0) return layout;
  const uint64_t rest = file.size() - layout.segments_begin;
  layout.segments_bytes = has_size ? Read<uint64_t>(file, kSegmentsBytes) : rest;
  if (layout.segments_begin < flatbuffer_bytes || layout.segments_bytes > rest) {
    throw Malformed("it is cut: its header gives segments outside the file");
  }
  return layout;
}

}  // namespace mmoe
