#include "core/validation/plan_values.h"

#include <string>

#include "core/validation/program_schema.h"

namespace mmoe {

namespace {

using schema::Dynamism;
using schema::TensorLocation;

constexpr size_t kMostDimensions = 16;  // of ExecuTorch
// Far above any tensor of a model, far below where sizes of a few tensors overflow.
constexpr uint64_t kMostTensorBytes = uint64_t{1} << 40;

// Bytes of an element; 0 for a dtype that no tensor of a model has.
uint64_t ElementBytes(int8_t dtype) {
  enum : int8_t { kByte, kChar, kShort, kInt, kLong, kHalf, kFloat, kDouble, kBool = 11, kBFloat16 = 15 };
  switch (dtype) {
    case kByte:
    case kChar:
    case kBool:
      return 1;
    case kShort:
    case kHalf:
    case kBFloat16:
      return 2;
    case kInt:
    case kFloat:
      return 4;
    case kLong:
    case kDouble:
      return 8;
    default:
      return 0;
  }
}

std::vector<int64_t> ReadSizes(const FlatTable& tensor) {
  const FlatVector list = tensor.Vector(schema::tensor::kSizes, sizeof(int32_t));
  if (list.size() > kMostDimensions) throw Malformed("a tensor has too many dimensions");
  std::vector<int64_t> sizes;
  for (size_t dimension = 0; dimension < list.size(); ++dimension) {
    sizes.push_back(list.At<int32_t>(dimension));
    if (sizes.back() < 0) throw Malformed("a tensor has a negative size");
  }
  return sizes;
}

uint64_t TensorBytes(const std::vector<int64_t>& sizes, uint64_t element_bytes) {
  uint64_t bytes = element_bytes;
  bool empty = false;
  for (const int64_t size : sizes) {
    empty = empty || size == 0;
    if (size > 0) bytes *= static_cast<uint64_t>(size);
    if (bytes > kMostTensorBytes) throw Malformed("a tensor is too large");
  }
  return empty ? 0 : bytes;
}

// Whether the order in memory, which must have each dimension once, is that of the sizes.
bool IsRowMajor(const FlatTable& tensor, size_t rank) {
  const FlatVector order = tensor.Vector(schema::tensor::kDimOrder, 1);
  if (order.size() != rank) throw Malformed("a tensor has an order of other dimensions than its own");
  uint32_t seen = 0;
  bool row_major = true;
  for (size_t place = 0; place < rank; ++place) {
    const auto dimension = order.At<uint8_t>(place);
    if (dimension >= rank || (seen >> dimension & 1) != 0)
      throw Malformed("a tensor has no order of dimensions");
    seen |= uint32_t{1} << dimension;
    row_major = row_major && dimension == place;
  }
  return row_major;
}

void ReadPlace(const FlatTable& plan, const FlatTable& place, uint64_t element_bytes, PlanValue* value) {
  const FlatVector buffers = plan.Vector(schema::plan::kBufferSizes, sizeof(int64_t));
  value->storage = Storage::kPlanned;
  value->memory = place.Scalar<uint32_t>(schema::allocation::kMemory);
  value->begin = place.Scalar<uint32_t>(schema::allocation::kOffsetLow) |
                 uint64_t{place.Scalar<uint32_t>(schema::allocation::kOffsetHigh)} << 32;
  if (value->memory == 0 || value->memory >= buffers.size()) {
    throw Malformed("a tensor lies in a buffer that is not planned");
  }
  const auto buffer = buffers.At<int64_t>(value->memory);
  if (buffer < 0 || value->begin > static_cast<uint64_t>(buffer) ||
      value->bytes > static_cast<uint64_t>(buffer) - value->begin) {
    throw Malformed("a tensor reaches behind the end of its buffer");
  }
  if (value->begin % element_bytes != 0) throw Malformed("a tensor is not aligned");
}

void RequireOnCpu(const std::optional<FlatTable>& extra) {
  if (!extra) return;
  if (extra->Scalar<int8_t>(schema::extra::kDevice) != 0)
    throw Malformed("a tensor is not in the CPU's memory");
  const auto location = static_cast<TensorLocation>(extra->Scalar<int8_t>(schema::extra::kLocation));
  if (location != TensorLocation::kSegment) throw Malformed("a tensor's data is in another file");
}

PlanValue ReadTensor(const FlatTable& plan, const FlatTable& tensor, const ConstantRanges& constants) {
  PlanValue value;
  value.kind = ValueKind::kTensor;
  value.dtype = tensor.Scalar<int8_t>(schema::tensor::kDtype);
  const uint64_t element_bytes = ElementBytes(value.dtype);
  if (element_bytes == 0) throw Malformed("a tensor has dtype " + std::to_string(value.dtype));
  if (tensor.Scalar<int32_t>(schema::tensor::kStorageOffset) != 0) throw Malformed("a tensor has an offset");
  const auto dynamism = static_cast<Dynamism>(tensor.Scalar<int8_t>(schema::tensor::kDynamism));
  if (dynamism != Dynamism::kStatic && dynamism != Dynamism::kDynamicBound) {
    throw Malformed("a tensor's size has no bound");
  }
  // ExecuTorch follows both lists without asking whether they are there.
  if (!tensor.Has(schema::tensor::kSizes) || !tensor.Has(schema::tensor::kDimOrder)) {
    throw Malformed("a tensor has no sizes or no order of dimensions");
  }
  value.sizes = ReadSizes(tensor);
  value.row_major = IsRowMajor(tensor, value.sizes.size());
  value.bytes = TensorBytes(value.sizes, element_bytes);
  const std::optional<FlatTable> extra = tensor.Table(schema::tensor::kExtra);
  RequireOnCpu(extra);
  const auto index = tensor.Scalar<uint32_t>(schema::tensor::kDataIndex);
  if (const std::optional<FlatTable> place = tensor.Table(schema::tensor::kAllocation)) {
    ReadPlace(plan, *place, element_bytes, &value);
    const auto table = extra ? extra->Scalar<uint64_t>(schema::extra::kMutableSegment) : 0;
    if (index > 0) constants.RequireInitialValue(table, index, value.bytes);
  } else if (index > 0) {
    if (dynamism != Dynamism::kStatic) throw Malformed("a constant has no fixed size");
    constants.RequireConstant(index, value.bytes, element_bytes);
    value.storage = Storage::kConstant;
  }
  return value;
}

template <typename Index>
std::vector<int64_t> Items(const FlatTable& list) {
  const FlatVector items = list.Vector(schema::list::kItems, sizeof(Index));
  std::vector<int64_t> indices;
  indices.reserve(items.size());
  for (size_t item = 0; item < items.size(); ++item) indices.push_back(items.At<Index>(item));
  return indices;
}

PlanValue ReadValue(const FlatTable& plan, const FlatTable& entry, const ConstantRanges& constants) {
  PlanValue value;
  value.kind = static_cast<ValueKind>(entry.Scalar<uint8_t>(schema::value::kType));
  if (value.kind == ValueKind::kNone) return value;
  const FlatTable content = entry.Required(schema::value::kValue, "the content of a value");
  switch (value.kind) {
    case ValueKind::kInt:
    case ValueKind::kBool:
    case ValueKind::kDouble:
      return value;
    case ValueKind::kTensor:
      return ReadTensor(plan, content, constants);
    case ValueKind::kString:
      if (!content.Has(schema::scalar_value::kValue)) throw Malformed("a string is missing");
      content.String(schema::scalar_value::kValue);
      return value;
    case ValueKind::kIntList:
      value.items = Items<int64_t>(content);
      return value;
    case ValueKind::kTensorList:
    case ValueKind::kOptionalTensorList:
      value.items = Items<int32_t>(content);
      return value;
    case ValueKind::kDoubleList:
      content.Vector(schema::list::kItems, sizeof(double));
      return value;
    case ValueKind::kBoolList:
      content.Vector(schema::list::kItems, sizeof(bool));
      return value;
    case ValueKind::kNone:
    case ValueKind::kAbsent:
      break;
  }
  throw Malformed("a value has no type");
}

// Whether an element of a list may be this value.
bool MayHold(ValueKind list, ValueKind element) {
  if (list == ValueKind::kIntList) return element == ValueKind::kInt;
  return element == ValueKind::kTensor ||
         (list == ValueKind::kOptionalTensorList && element == ValueKind::kNone);
}

void RequireElements(const PlanValue& list, const std::vector<PlanValue>& values) {
  for (const int64_t item : list.items) {
    if (item == -1 && list.kind == ValueKind::kOptionalTensorList) continue;
    if (item < 0 || static_cast<size_t>(item) >= values.size() ||
        !MayHold(list.kind, values[static_cast<size_t>(item)].kind)) {
      throw Malformed("a list holds what is not of its kind");
    }
  }
}

}  // namespace

std::vector<PlanValue> ReadPlanValues(const FlatTable& plan, const ConstantRanges& constants) {
  const FlatVector entries = plan.Tables(schema::plan::kValues);
  std::vector<PlanValue> values;
  values.reserve(entries.size());
  for (size_t index = 0; index < entries.size(); ++index) {
    try {
      values.push_back(ReadValue(plan, entries.TableAt(index), constants));
    } catch (const Malformed& malformed) {
      throw Malformed("value " + std::to_string(index) + ": " + malformed.what());
    }
  }
  for (const PlanValue& value : values) RequireElements(value, values);
  return values;
}

}  // namespace mmoe
