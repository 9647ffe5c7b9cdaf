#include "core/snapshot/state_tensors.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "core/validation/constant_ranges.h"
#include "core/validation/flatbuffer.h"
#include "core/validation/plan_values.h"
#include "core/validation/program_schema.h"

namespace mmoe {

namespace {

constexpr size_t kFirstCache = 6;        // of the attention operators' arguments
constexpr size_t kConvolutionCache = 4;  // of a short convolution's arguments
constexpr size_t kRowsDimension = 2;     // of their caches, behind batch and kv heads
constexpr size_t kWithinDimension = 4;   // of int8 keys and values: the position within a block

enum class Layout { kRowsFirst, kCache, kWhole };

class Finder {
 public:
  Finder(const FlatTable& plan, const ConstantRanges& constants)
      : plan_(plan), values_(ReadPlanValues(plan, constants)) {}

  std::vector<StateTensor> Run() {
    const FlatVector chains = plan_.Tables(schema::plan::kChains);
    for (size_t chain = 0; chain < chains.size(); ++chain) {
      const FlatVector instructions = chains.TableAt(chain).Tables(schema::chain::kInstructions);
      for (size_t index = 0; index < instructions.size(); ++index) Visit(instructions.TableAt(index));
    }
    std::vector<StateTensor> tensors;
    for (const auto& [value, layout] : found_) {
      const bool is_ring = layout == Layout::kWhole && rings_.count(value) != 0;
      tensors.push_back(Describe(values_[value], is_ring ? Layout::kRowsFirst : layout));
    }
    std::sort(tensors.begin(), tensors.end(), [](const StateTensor& a, const StateTensor& b) {
      return a.memory != b.memory ? a.memory < b.memory : a.begin < b.begin;
    });
    return tensors;
  }

 private:
  void Visit(const FlatTable& instruction) {
    const auto type =
        static_cast<schema::InstructionType>(instruction.Scalar<uint8_t>(schema::instruction::kType));
    if (type != schema::InstructionType::kKernelCall) return;
    const FlatTable call = instruction.Required(schema::instruction::kArguments, "the arguments");
    const FlatTable op =
        plan_.Tables(schema::plan::kOperators)
            .TableAt(static_cast<size_t>(call.Scalar<int32_t>(schema::kernel_call::kOperator)));
    const FlatVector arguments = call.Vector(schema::kernel_call::kArguments, sizeof(int32_t));
    const std::string_view name = op.String(schema::op::kName);
    const auto value = [&](size_t place) { return static_cast<size_t>(arguments.At<int32_t>(place)); };
    if (name.substr(0, 15) == "mmoe::attention") {
      const size_t caches = name.find("int8") != std::string_view::npos ? 4 : 2;
      for (size_t cache = 0; cache < caches; ++cache) found_[value(kFirstCache + cache)] = Layout::kCache;
    } else if (name == "mmoe::short_conv") {
      found_[value(kConvolutionCache)] = Layout::kRowsFirst;
    } else if (name == "aten::index_put") {
      rings_.insert(value(0));
    } else if (name == "aten::copy_" && values_[value(0)].storage == Storage::kPlanned) {
      // How a program writes a mutable buffer back that it has computed anew.
      found_.emplace(value(0), Layout::kWhole);
    }
  }

  static StateTensor Describe(const PlanValue& value, Layout layout) {
    StateTensor tensor{value.memory, value.begin, 1, 1, 1, value.bytes};
    if (layout == Layout::kWhole || value.bytes == 0) return tensor;
    const size_t dimension = layout == Layout::kCache ? kRowsDimension : 0;
    for (size_t outer = 0; outer < dimension; ++outer)
      tensor.slabs *= static_cast<uint64_t>(value.sizes[outer]);
    tensor.blocks = static_cast<uint64_t>(value.sizes[dimension]);
    tensor.block_bytes = value.bytes / tensor.slabs / tensor.blocks;
    if (layout == Layout::kCache && value.sizes.size() > kWithinDimension) {
      tensor.block_rows = static_cast<uint64_t>(value.sizes[kWithinDimension]);
    }
    return tensor;
  }

  const FlatTable plan_;
  const std::vector<PlanValue> values_;
  std::map<size_t, Layout> found_;
  std::set<size_t> rings_;
};

}  // namespace

uint64_t StateTensor::UsedBlocks(int64_t position, int64_t written) const {
  if (position == 0) return 0;
  if (static_cast<uint64_t>(written) > blocks * block_rows) return blocks;
  return std::min(blocks, (static_cast<uint64_t>(position) + block_rows - 1) / block_rows);
}

std::vector<StateTensor> FindStateTensors(std::string_view file, std::string_view flatbuffer,
                                          const ProgramLayout& layout) {
  const FlatTable program = FlatTable::Root(flatbuffer);
  const ConstantRanges constants(program, file, layout);
  const FlatVector plans = program.Tables(schema::program::kPlans);
  for (size_t index = 0; index < plans.size(); ++index) {
    const FlatTable plan = plans.TableAt(index);
    if (plan.String(schema::plan::kName) == "forward") return Finder(plan, constants).Run();
  }
  return {};
}

}  // namespace mmoe
