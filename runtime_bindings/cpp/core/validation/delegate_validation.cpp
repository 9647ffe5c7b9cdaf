#include "validation/delegate_validation.h"

#include <optional>
#include <string>

#include "validation/program_schema.h"

namespace mmoe {

namespace {

constexpr std::string_view kXnnpack = "XnnpackBackend";
constexpr int8_t kFloat32 = 6;  // of ExecuTorch's dtypes

// Of XNNPACK's payload: a header with the places of its two parts, and the fields that are read of the first,
// the graph.
namespace header {
constexpr size_t kMagic = 4, kGraphBegin = 10, kGraphBytes = 14, kConstants = 18;
}
namespace graph {
constexpr int kValues = 2, kInputs = 4, kOutputs = 5, kConstants = 8;
}
namespace graph_constant {
constexpr int kOffset = 0, kSize = 1, kKey = 2;
}
namespace graph_value {
constexpr int kType = 0, kValue = 1;
constexpr uint8_t kPlain = 1, kQuantized = 2;
}  // namespace graph_value
namespace quantized_value {
constexpr int kPlain = 0;
}
namespace plain_value {
constexpr int kDtype = 0, kSizes = 2, kExternal = 4, kId = 6;
constexpr int16_t kFloat32 = 1;
}  // namespace plain_value

FlatTable ReadGraph(std::string_view payload) {
  const FlatBytes bytes(payload);
  if (bytes.Part(header::kMagic, 4) != "XH00") throw Malformed("the data of a delegate is not XNNPACK's");
  const auto begin = bytes.At<uint32_t>(header::kGraphBegin), size = bytes.At<uint32_t>(header::kGraphBytes);
  return FlatTable::Root(bytes.Part(begin, size));
}

// The graph's value with this id.
std::optional<FlatTable> FindValue(const FlatTable& xnn, uint32_t id) {
  const FlatVector values = xnn.Tables(graph::kValues);
  for (size_t index = 0; index < values.size(); ++index) {
    const FlatTable entry = values.TableAt(index);
    FlatTable value = entry.Required(graph_value::kValue, "a value of XNNPACK's");
    const auto type = entry.Scalar<uint8_t>(graph_value::kType);
    if (type == graph_value::kQuantized) {
      value = value.Required(quantized_value::kPlain, "a value of XNNPACK's");
    } else if (type != graph_value::kPlain) {
      throw Malformed("a value of XNNPACK's has no type");
    }
    if (value.Scalar<uint32_t>(plain_value::kId) == id) return value;
  }
  return std::nullopt;
}

ExternalValue ReadExternal(const FlatTable& xnn, uint32_t id, bool output) {
  const std::optional<FlatTable> value = FindValue(xnn, id);
  if (!value) throw Malformed("XNNPACK has no value " + std::to_string(id));
  if (value->Scalar<int16_t>(plain_value::kDtype) != plain_value::kFloat32) {
    throw Malformed("an external value of XNNPACK's is not float32");
  }
  ExternalValue external = {value->Scalar<uint32_t>(plain_value::kExternal), {}, output};
  const FlatVector sizes = value->Vector(plain_value::kSizes, sizeof(uint32_t));
  for (size_t dimension = 0; dimension < sizes.size(); ++dimension) {
    external.sizes.push_back(sizes.At<uint32_t>(dimension));
  }
  return external;
}

// Constants lie behind the graph, or in the program's named data; the first stands for none.
void RequireConstants(const FlatTable& xnn, std::string_view payload, const ConstantRanges& constants) {
  const FlatVector entries = xnn.Tables(graph::kConstants);
  for (size_t index = 1; index < entries.size(); ++index) {
    const FlatTable entry = entries.TableAt(index);
    const std::string_view key = entry.String(graph_constant::kKey);
    const auto offset = entry.Scalar<uint64_t>(graph_constant::kOffset);
    const auto bytes = entry.Scalar<uint64_t>(graph_constant::kSize);
    if (!key.empty()) {
      constants.RequireNamed(key, bytes);
      continue;
    }
    const std::string_view rest =
        FlatBytes(payload).Rest(FlatBytes(payload).At<uint32_t>(header::kConstants));
    if (offset > rest.size() || bytes > rest.size() - offset) {
      throw Malformed("a constant of XNNPACK's is not in its data");
    }
  }
}

Delegate ReadXnnpack(std::string_view payload, const ConstantRanges& constants) {
  const FlatTable xnn = ReadGraph(payload);
  RequireConstants(xnn, payload, constants);
  Delegate delegate;
  for (const bool output : {false, true}) {
    const FlatVector ids = xnn.Vector(output ? graph::kOutputs : graph::kInputs, sizeof(uint32_t));
    for (size_t index = 0; index < ids.size(); ++index) {
      delegate.externals.push_back(ReadExternal(xnn, ids.At<uint32_t>(index), output));
    }
  }
  return delegate;
}

// Whether the tensor may only take shapes that the delegate was compiled for; an output has room for the
// largest.
bool Fits(const ExternalValue& external, const PlanValue& value) {
  if (external.output) return external.sizes == value.sizes;
  if (external.sizes.size() != value.sizes.size()) return false;
  for (size_t dimension = 0; dimension < value.sizes.size(); ++dimension) {
    if (value.sizes[dimension] > external.sizes[dimension]) return false;
  }
  return true;
}

}  // namespace

std::vector<Delegate> ReadDelegates(const FlatTable& plan, const ConstantRanges& constants) {
  const FlatVector entries = plan.Tables(schema::plan::kDelegates);
  std::vector<Delegate> delegates;
  for (size_t index = 0; index < entries.size(); ++index) {
    const FlatTable entry = entries.TableAt(index);
    const std::string_view backend = entry.String(schema::delegate::kBackend);
    if (backend.empty()) throw Malformed("a delegate has no backend");
    const std::string_view payload =
        constants.DelegateData(entry.Required(schema::delegate::kProcessed, "the data of a delegate"));
    if (!entry.Has(schema::delegate::kCompileSpecs)) throw Malformed("a delegate has no list of options");
    const FlatVector specs = entry.Tables(schema::delegate::kCompileSpecs);
    for (size_t spec = 0; spec < specs.size(); ++spec) {
      const FlatTable option = specs.TableAt(spec);
      const bool whole = option.Has(schema::compile_spec::kKey) && option.Has(schema::compile_spec::kValue);
      if (!whole) throw Malformed("an option of a delegate is incomplete");
      option.String(schema::compile_spec::kKey);
      option.Vector(schema::compile_spec::kValue, 1);
    }
    delegates.push_back(backend == kXnnpack ? ReadXnnpack(payload, constants) : Delegate{});
  }
  return delegates;
}

void RequireDelegateArguments(const Delegate& delegate, const std::vector<int32_t>& arguments,
                              const std::vector<PlanValue>& values, const std::vector<bool>& inputs) {
  for (const ExternalValue& external : delegate.externals) {
    const std::string what = "argument " + std::to_string(external.argument) + " of a delegate ";
    if (external.argument >= arguments.size()) throw Malformed(what + "is missing");
    const auto index = static_cast<size_t>(arguments[external.argument]);
    const PlanValue& value = values[index];
    if (value.kind != ValueKind::kTensor || value.dtype != kFloat32 || !value.row_major ||
        !Fits(external, value)) {
      throw Malformed(what + "is not of the type and the shape that it was compiled for");
    }
    if (value.storage == Storage::kNowhere && !inputs[index])
      throw Malformed(what + "is a tensor without data");
    if (external.output && value.storage == Storage::kConstant) {
      throw Malformed(what + "is a constant, which cannot be written");
    }
  }
}

}  // namespace mmoe
