#include "core/validation/delegate_validation.h"

#include <string>

#include "core/validation/program_schema.h"
#include "core/validation/xnnpack_graph.h"

namespace mmoe {

namespace {

constexpr std::string_view kXnnpack = "XnnpackBackend";
constexpr int8_t kFloat32 = 6;  // of ExecuTorch's dtypes

// Whether the tensor may only take shapes that the delegate was compiled for; an output has room for the largest.
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
    delegates.push_back(backend == kXnnpack ? xnnpack::ReadDelegate(payload, constants) : Delegate{});
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
