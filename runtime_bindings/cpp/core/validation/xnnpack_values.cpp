#include "core/validation/xnnpack_values.h"

#include <optional>

namespace mmoe::xnnpack {

namespace {

constexpr size_t kMostDimensions = 6;
constexpr int64_t kMostElements = int64_t{1} << 40;

int64_t Elements(const std::vector<int64_t>& sizes) {
  int64_t elements = 1;
  for (const int64_t size : sizes) {
    if (size > kMostElements / elements) throw Malformed("a value of XNNPACK's is too large");
    elements *= size;
  }
  return elements;
}

// Where a graph's constants are: behind it, or in the program's named data. The first entry stands for none.
class Constants {
 public:
  Constants(const FlatTable& graph, std::string_view payload, const ConstantRanges& named)
      : entries_(graph.Tables(graph::kConstants)), payload_(payload), named_(named) {}

  void Require(uint32_t index, uint64_t bytes) const {
    const FlatTable entry = entries_.TableAt(index);
    const std::string_view key = entry.String(constant::kKey);
    if (!key.empty()) return named_.RequireNamed(key, bytes);
    const FlatBytes payload(payload_);
    const std::string_view rest = payload.Rest(payload.At<uint32_t>(header::kConstantsBegin));
    const auto offset = entry.Scalar<uint64_t>(constant::kOffset);
    if (offset > rest.size() || bytes > rest.size() - offset) {
      throw Malformed("a constant of XNNPACK's is not in its data");
    }
  }

 private:
  FlatVector entries_;
  std::string_view payload_;
  const ConstantRanges& named_;
};

std::vector<int64_t> ReadSizes(const FlatTable& value) {
  const FlatVector list = value.Vector(plain::kSizes, sizeof(uint32_t));
  if (list.size() == 0 || list.size() > kMostDimensions ||
      list.size() != value.Scalar<uint32_t>(plain::kRank)) {
    throw Malformed("a value of XNNPACK's has no shape");
  }
  std::vector<int64_t> sizes;
  for (size_t dimension = 0; dimension < list.size(); ++dimension) {
    sizes.push_back(list.At<uint32_t>(dimension));
    if (sizes.back() == 0) throw Malformed("a value of XNNPACK's is empty");
  }
  Elements(sizes);
  return sizes;
}

// int4 in groups of inputs, with a bfloat16 scale per output and group: [outputs, inputs].
void RequireGroups(const FlatTable& content, const Value& value, const Constants& constants) {
  const auto group = content.Scalar<int32_t>(per_group::kGroupSize);
  const bool fits = value.constant && value.sizes.size() == 2 && group > 0 && group % 32 == 0 &&
                    value.sizes[1] % group == 0 && content.Scalar<int32_t>(per_group::kChannelDimension) == 0;
  if (!fits) throw Malformed("a weight of XNNPACK's is not in groups");
  const int64_t scales = value.sizes[0] * (value.sizes[1] / group);
  const auto index = content.Scalar<uint32_t>(per_group::kScales);
  if (index == 0 || content.Scalar<uint32_t>(per_group::kScaleCount) != scales) {
    throw Malformed("a weight of XNNPACK's has not a scale for each group");
  }
  constants.Require(index, static_cast<uint64_t>(scales) * 2);
}

void RequireQuantization(const FlatTable& entry, const Value& value, const Constants& constants) {
  const auto type = static_cast<Quantization>(entry.Scalar<uint8_t>(quantized::kType));
  const FlatTable content = entry.Required(quantized::kContent, "the quantisation of a value of XNNPACK's");
  if (value.dtype == Dtype::kGroupedInt4 && type == Quantization::kPerGroup) {
    return RequireGroups(content, value, constants);
  }
  const auto dimensions = content.Scalar<int32_t>(per_token::kDimensions);
  const bool per_token =
      value.dtype == Dtype::kDynamicInt8 && type == Quantization::kPerToken && !value.constant;
  if (!per_token || dimensions < 1 || static_cast<size_t>(dimensions) > value.sizes.size()) {
    throw Malformed("a value of XNNPACK's is quantised in a way that is not ours");
  }
}

Value ReadValue(const FlatTable& entry, const Constants& constants, uint32_t* id) {
  const FlatTable content = entry.Required(value::kContent, "a value of XNNPACK's");
  const auto type = static_cast<ValueType>(entry.Scalar<uint8_t>(value::kType));
  if (type != ValueType::kPlain && type != ValueType::kQuantized)
    throw Malformed("a value of XNNPACK's has no type");
  const bool is_quantized = type == ValueType::kQuantized;
  const FlatTable base = is_quantized ? content.Required(quantized::kPlain, "a value of XNNPACK's") : content;
  *id = base.Scalar<uint32_t>(plain::kId);
  Value found;
  found.dtype = static_cast<Dtype>(base.Scalar<int16_t>(plain::kDtype));
  found.sizes = ReadSizes(base);
  found.external = base.Scalar<uint32_t>(plain::kExternal);
  found.flags = base.Scalar<uint32_t>(plain::kFlags);
  const auto constant = base.Scalar<uint32_t>(plain::kConstant);
  found.constant = constant > 0;
  if (is_quantized) {
    RequireQuantization(content, found, constants);
  } else if (found.dtype != Dtype::kFloat32) {
    throw Malformed("a value of XNNPACK's has a type that is not ours");
  }
  if (found.constant) {
    const auto elements = static_cast<uint64_t>(Elements(found.sizes));
    constants.Require(constant, found.dtype == Dtype::kGroupedInt4 ? elements / 2 : elements * sizeof(float));
  }
  return found;
}

}  // namespace

std::map<uint32_t, Value> ReadValues(const FlatTable& graph, std::string_view payload,
                                     const ConstantRanges& constants) {
  const Constants own(graph, payload, constants);
  const FlatVector entries = graph.Tables(graph::kValues);
  std::map<uint32_t, Value> values;
  for (size_t index = 0; index < entries.size(); ++index) {
    uint32_t id = kNone;
    Value value = ReadValue(entries.TableAt(index), own, &id);
    if (id == kNone || !values.emplace(id, std::move(value)).second) {
      throw Malformed("two values of XNNPACK's have one id");
    }
  }
  return values;
}

}  // namespace mmoe::xnnpack
