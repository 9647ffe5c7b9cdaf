#include "core/validation/constant_ranges.h"

#include <string>

#include "core/validation/program_schema.h"

namespace mmoe {

ConstantRanges::ConstantRanges(const FlatTable& program, std::string_view file, const ProgramLayout& layout)
    : program_(program), file_(file) {
  const FlatVector segments = program.Tables(schema::program::kSegments);
  if (segments.size() > 0 && layout.segments_begin == 0)
    throw Malformed("it has segments, but no place for them");
  for (size_t index = 0; index < segments.size(); ++index) {
    const FlatTable segment = segments.TableAt(index);
    const auto offset = segment.Scalar<uint64_t>(schema::segment::kOffset);
    const auto bytes = segment.Scalar<uint64_t>(schema::segment::kSize);
    if (offset > layout.segments_bytes || bytes > layout.segments_bytes - offset) {
      throw Malformed("segment " + std::to_string(index) + " is not inside the file");
    }
    segments_.push_back({layout.segments_begin + offset, bytes});
  }
  const FlatVector named = program.Tables(schema::program::kNamedData);
  for (size_t index = 0; index < named.size(); ++index) {
    const FlatTable entry = named.TableAt(index);
    if (entry.String(schema::named_data::kKey).empty()) throw Malformed("named data has no name");
    SegmentAt(entry.Scalar<uint32_t>(schema::named_data::kSegment));
  }
}

const ConstantRanges::Segment& ConstantRanges::SegmentAt(uint64_t index) const {
  if (index >= segments_.size()) throw Malformed("there is no segment " + std::to_string(index));
  return segments_[index];
}

ConstantRanges::Segment ConstantRanges::Rest(const FlatTable& subsegments, uint64_t index) const {
  const Segment& segment = SegmentAt(subsegments.Scalar<uint32_t>(schema::subsegments::kSegment));
  const FlatVector offsets = subsegments.Vector(schema::subsegments::kOffsets, sizeof(uint64_t));
  const auto offset = offsets.At<uint64_t>(index);
  if (offset > segment.bytes) throw Malformed("data begins behind the end of its segment");
  return {segment.begin + offset, segment.bytes - offset};
}

void ConstantRanges::RequireConstant(uint64_t index, uint64_t bytes, uint64_t element_bytes) const {
  const std::optional<FlatTable> segment = program_.Table(schema::program::kConstantSegment);
  if (segment && segment->Vector(schema::subsegments::kOffsets, sizeof(uint64_t)).size() > 0) {
    const Segment rest = Rest(*segment, index);
    if (bytes > rest.bytes) throw Malformed("a constant is longer than its segment");
    if (rest.begin % element_bytes != 0) throw Malformed("a constant is not aligned");
    return;
  }
  const FlatVector buffers = program_.Tables(schema::program::kInlineConstants);
  const FlatVector data = buffers.TableAt(index).Vector(schema::inline_data::kBytes, 1);
  if (bytes > data.size()) throw Malformed("a constant is longer than its data");
  if (data.begin() % element_bytes != 0) throw Malformed("a constant is not aligned");
}

void ConstantRanges::RequireInitialValue(uint64_t table, uint64_t index, uint64_t bytes) const {
  const FlatVector tables = program_.Tables(schema::program::kMutableSegments);
  if (table >= tables.size()) throw Malformed("the first value of a tensor is missing");
  if (bytes > Rest(tables.TableAt(table), index).bytes)
    throw Malformed("a first value is longer than its segment");
}

void ConstantRanges::RequireNamed(std::string_view key, uint64_t bytes) const {
  const FlatVector named = program_.Tables(schema::program::kNamedData);
  for (size_t index = 0; index < named.size(); ++index) {
    const FlatTable entry = named.TableAt(index);
    if (entry.String(schema::named_data::kKey) != key) continue;
    if (bytes > SegmentAt(entry.Scalar<uint32_t>(schema::named_data::kSegment)).bytes) {
      throw Malformed("named data is shorter than a delegate takes it for");
    }
    return;
  }
  throw Malformed("a delegate names data that is missing");
}

std::string_view ConstantRanges::DelegateData(const FlatTable& reference) const {
  using schema::DataLocation;
  const auto index = reference.Scalar<uint32_t>(schema::data_reference::kIndex);
  switch (static_cast<DataLocation>(reference.Scalar<int8_t>(schema::data_reference::kLocation))) {
    case DataLocation::kInline:
      return program_.Tables(schema::program::kInlineDelegateData)
          .TableAt(index)
          .Vector(schema::inline_data::kBytes, 1)
          .content();
    case DataLocation::kSegment:
      return file_.substr(SegmentAt(index).begin, SegmentAt(index).bytes);
  }
  throw Malformed("the data of a delegate is nowhere");
}

}  // namespace mmoe
