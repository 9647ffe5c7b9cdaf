#include "core/validation/xnnpack_graph.h"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "core/validation/xnnpack_schema.h"
#include "core/validation/xnnpack_values.h"

namespace mmoe::xnnpack {

namespace {

std::vector<int64_t> Broadcast(std::vector<int64_t> first, std::vector<int64_t> second) {
  if (first.size() < second.size()) std::swap(first, second);
  second.insert(second.begin(), first.size() - second.size(), 1);
  for (size_t dimension = 0; dimension < first.size(); ++dimension) {
    if (first[dimension] != second[dimension] && std::min(first[dimension], second[dimension]) != 1) {
      throw Malformed("operands of XNNPACK's have shapes that do not go together");
    }
    first[dimension] = std::max(first[dimension], second[dimension]);
  }
  return first;
}

class Graph {
 public:
  Graph(const FlatTable& graph, std::string_view payload, const ConstantRanges& constants)
      : graph_(graph), values_(ReadValues(graph, payload, constants)) {}

  Delegate Validate() {
    Delegate delegate;
    ReadExternals(graph::kInputs, kExternalInput, &delegate);
    const size_t inputs = delegate.externals.size();
    for (const ExternalValue& input : delegate.externals) known_.insert(ids_by_argument_.at(input.argument));
    const FlatVector nodes = graph_.Tables(graph::kNodes);
    for (size_t index = 0; index < nodes.size(); ++index) ValidateNode(nodes.TableAt(index));
    ReadExternals(graph::kOutputs, kExternalOutput, &delegate);
    if (graph_.Scalar<uint32_t>(graph::kExternals) != delegate.externals.size()) {
      throw Malformed("a graph of XNNPACK's has another number of external values");
    }
    for (size_t index = inputs; index < delegate.externals.size(); ++index) {
      Operand(ids_by_argument_.at(delegate.externals[index].argument));
    }
    RequireNoOtherExternals();
    return delegate;
  }

 private:
  void ReadExternals(int field, uint32_t flag, Delegate* delegate) {
    const FlatVector ids = graph_.Vector(field, sizeof(uint32_t));
    for (size_t index = 0; index < ids.size(); ++index) {
      const auto id = ids.At<uint32_t>(index);
      const Value& value = At(id);
      const bool fits = value.dtype == Dtype::kFloat32 && !value.constant && value.flags == flag &&
                        value.external < graph_.Scalar<uint32_t>(graph::kExternals);
      if (!fits || !ids_by_argument_.emplace(value.external, id).second) {
        throw Malformed("an external value of XNNPACK's is not a float32 argument of its own");
      }
      delegate->externals.push_back({value.external, value.sizes, flag == kExternalOutput});
    }
  }

  // XNNPACK goes by the flags of the values, not by the lists.
  void RequireNoOtherExternals() const {
    for (const auto& [id, value] : values_) {
      const auto listed = ids_by_argument_.find(value.external);
      const bool is_listed = listed != ids_by_argument_.end() && listed->second == id;
      if (!is_listed && (value.external != kNone || value.flags != 0)) {
        throw Malformed("a value of XNNPACK's is external, but neither input nor output");
      }
    }
  }

  const Value& At(uint32_t id) const {
    const auto found = values_.find(id);
    if (found == values_.end()) throw Malformed("XNNPACK has no value " + std::to_string(id));
    return found->second;
  }

  // A value that is there when a node runs.
  const Value& Operand(uint32_t id) const {
    const Value& value = At(id);
    if (!value.constant && known_.count(id) == 0)
      throw Malformed("a value of XNNPACK's is used before it is computed");
    return value;
  }

  void Define(uint32_t id, Dtype dtype, const std::vector<int64_t>& sizes) {
    const Value& value = At(id);
    if (value.constant || value.dtype != dtype || value.sizes != sizes || !known_.insert(id).second) {
      throw Malformed("a value of XNNPACK's is not what its node gives");
    }
  }

  void ValidateNode(const FlatTable& entry) {
    const FlatTable content = entry.Required(node::kContent, "the content of a node of XNNPACK's");
    switch (static_cast<NodeType>(entry.Scalar<uint8_t>(node::kType))) {
      case NodeType::kAdd:
      case NodeType::kMultiply:
        return ValidateBinary(content);
      case NodeType::kSigmoid:
        return ValidateUnary(content, Dtype::kFloat32);
      case NodeType::kConvert:
        return ValidateUnary(content, Dtype::kDynamicInt8);
      case NodeType::kLinear:
        return ValidateLinear(content);
    }
    throw Malformed("a node of XNNPACK's computes what no model of ours does");
  }

  void ValidateUnary(const FlatTable& content, Dtype to) {
    RequireNoFlags(content.Scalar<uint32_t>(unary_node::kFlags));
    const Value& input = Operand(content.Scalar<uint32_t>(unary_node::kInput));
    RequireFloat(input);
    Define(content.Scalar<uint32_t>(unary_node::kOutput), to, input.sizes);
  }

  void ValidateBinary(const FlatTable& content) {
    RequireNoFlags(content.Scalar<uint32_t>(binary_node::kFlags));
    const Value& first = Operand(content.Scalar<uint32_t>(binary_node::kFirst));
    const Value& second = Operand(content.Scalar<uint32_t>(binary_node::kSecond));
    RequireFloat(first);
    RequireFloat(second);
    Define(content.Scalar<uint32_t>(binary_node::kOutput), Dtype::kFloat32,
           Broadcast(first.sizes, second.sizes));
  }

  void ValidateLinear(const FlatTable& content) {
    RequireNoFlags(content.Scalar<uint32_t>(linear_node::kFlags));
    const Value& input = Operand(content.Scalar<uint32_t>(linear_node::kInput));
    const Value& weight = Operand(content.Scalar<uint32_t>(linear_node::kWeight));
    const bool quantised = input.dtype == Dtype::kDynamicInt8 && weight.dtype == Dtype::kGroupedInt4;
    const bool plain = input.dtype == Dtype::kFloat32 && weight.dtype == Dtype::kFloat32;
    if (!weight.constant || weight.sizes.size() != 2 || input.sizes.back() != weight.sizes[1] ||
        !(quantised || plain)) {
      throw Malformed("a linear of XNNPACK's has operands that do not go together");
    }
    const auto bias = content.Scalar<uint32_t>(linear_node::kBias);
    if (bias != kNone) {
      const Value& added = Operand(bias);
      RequireFloat(added);
      if (!added.constant || added.sizes != std::vector<int64_t>{weight.sizes[0]}) {
        throw Malformed("a linear of XNNPACK's has a bias of another shape");
      }
    }
    std::vector<int64_t> sizes = input.sizes;
    sizes.back() = weight.sizes[0];
    Define(content.Scalar<uint32_t>(linear_node::kOutput), Dtype::kFloat32, sizes);
  }

  static void RequireFloat(const Value& value) {
    if (value.dtype != Dtype::kFloat32) throw Malformed("an operand of XNNPACK's is not float32");
  }
  static void RequireNoFlags(uint32_t flags) {
    if (flags != 0) throw Malformed("a node of XNNPACK's computes what no model of ours does");
  }

  const FlatTable graph_;
  const std::map<uint32_t, Value> values_;
  std::map<size_t, uint32_t> ids_by_argument_;
  std::set<uint32_t> known_;  // computed so far, inputs among them
};

}  // namespace

Delegate ReadDelegate(std::string_view payload, const ConstantRanges& constants) {
  const FlatBytes bytes(payload);
  if (bytes.Part(header::kMagic, 4) != "XH00") throw Malformed("the data of a delegate is not XNNPACK's");
  const auto begin = bytes.At<uint32_t>(header::kGraphBegin), size = bytes.At<uint32_t>(header::kGraphBytes);
  return Graph(FlatTable::Root(bytes.Part(begin, size)), payload, constants).Validate();
}

}  // namespace mmoe::xnnpack
