#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/validation/constant_ranges.h"
#include "core/validation/flatbuffer.h"

namespace mmoe {

// Members of the union of values, in its order.
enum class ValueKind : uint8_t {
  kAbsent,
  kNone,
  kInt,
  kBool,
  kDouble,
  kTensor,
  kString,
  kIntList,
  kDoubleList,
  kBoolList,
  kTensorList,
  kOptionalTensorList,
};

// Where the data of a tensor is.
enum class Storage : uint8_t {
  kNowhere,   // given when the method is called, if it is an input
  kConstant,  // in the file: it may only be read
  kPlanned,   // in a buffer of the method
};

struct PlanValue {
  ValueKind kind = ValueKind::kAbsent;
  Storage storage = Storage::kNowhere;  // of a tensor
  int8_t dtype = 0;                     // of a tensor
  std::vector<int64_t> sizes;           // of a tensor: the largest that it may take
  bool row_major = true;                // of a tensor: its dimensions lie in memory in their order
  uint32_t memory = 0;                  // of a planned tensor: the buffer, and where in it
  uint64_t begin = 0;
  uint64_t bytes = 0;
  std::vector<int64_t> items;  // of a list of values: their indices; -1 where a tensor is left out
};

// The values of one method, each found sound by itself: dtypes, sizes, orders of dimensions, places in the
// planned buffers or in the constants, and the elements of lists. Throws Malformed naming the first that is not.
std::vector<PlanValue> ReadPlanValues(const FlatTable& plan, const ConstantRanges& constants);

}  // namespace mmoe
