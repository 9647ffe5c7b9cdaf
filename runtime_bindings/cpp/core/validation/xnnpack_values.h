#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "core/validation/constant_ranges.h"
#include "core/validation/flatbuffer.h"
#include "core/validation/xnnpack_schema.h"

namespace mmoe::xnnpack {

struct Value {
  Dtype dtype;
  std::vector<int64_t> sizes;  // the largest
  bool constant = false;
  uint32_t external = kNone;  // the argument of the call that it is
  uint32_t flags = 0;
};

// The values of a graph by their ids, each sound by itself: its shape, its quantisation, and the constants
// that it needs. Throws Malformed.
std::map<uint32_t, Value> ReadValues(const FlatTable& graph, std::string_view payload,
                                     const ConstantRanges& constants);

}  // namespace mmoe::xnnpack
