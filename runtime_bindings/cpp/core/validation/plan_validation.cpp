#include "core/validation/plan_validation.h"

#include <string>
#include <string_view>
#include <vector>

#include "core/validation/delegate_validation.h"
#include "core/validation/operator_schemas.h"
#include "core/validation/plan_values.h"
#include "core/validation/program_schema.h"

namespace mmoe {

namespace {

using schema::InstructionType;

// Name and overload, joined.
std::vector<std::string> ReadOperators(const FlatTable& plan) {
  const FlatVector entries = plan.Tables(schema::plan::kOperators);
  std::vector<std::string> operators;
  for (size_t index = 0; index < entries.size(); ++index) {
    const FlatTable entry = entries.TableAt(index);
    const std::string_view name = entry.String(schema::op::kName),
                           overload = entry.String(schema::op::kOverload);
    if (name.empty()) throw Malformed("an operator has no name");
    operators.push_back(std::string(name) + (overload.empty() ? "" : "." + std::string(overload)));
  }
  return operators;
}

class PlanValidation {
 public:
  PlanValidation(const FlatTable& plan, const ConstantRanges& constants)
      : plan_(plan),
        values_(ReadPlanValues(plan, constants)),
        inputs_(values_.size()),
        operators_(ReadOperators(plan)),
        delegates_(ReadDelegates(plan, constants)) {}

  void Run() {
    for (const int32_t input : Indices(plan_, schema::plan::kInputs))
      RequireInput(static_cast<size_t>(input));
    for (const int32_t output : Indices(plan_, schema::plan::kOutputs))
      RequireOutput(static_cast<size_t>(output));
    if (!plan_.Has(schema::plan::kInputs) || !plan_.Has(schema::plan::kOutputs)) {
      throw Malformed("its inputs or outputs are missing");
    }
    const FlatVector chains = plan_.Tables(schema::plan::kChains);
    if (!plan_.Has(schema::plan::kChains)) throw Malformed("it has no instructions");
    for (size_t chain = 0; chain < chains.size(); ++chain) ValidateChain(chains.TableAt(chain));
  }

 private:
  std::vector<int32_t> Indices(const FlatTable& table, int field) const {
    const FlatVector list = table.Vector(field, sizeof(int32_t));
    std::vector<int32_t> indices;
    indices.reserve(list.size());
    for (size_t place = 0; place < list.size(); ++place) {
      const auto index = list.At<int32_t>(place);
      if (index < 0 || static_cast<size_t>(index) >= values_.size()) {
        throw Malformed("there is no value " + std::to_string(index));
      }
      indices.push_back(index);
    }
    return indices;
  }

  // What is given is copied into a tensor that has a place.
  void RequireInput(size_t input) {
    const PlanValue& value = values_[input];
    if (value.kind == ValueKind::kTensor && value.storage == Storage::kConstant) {
      throw Malformed("an input is a constant, which cannot be written");
    }
    inputs_[input] = true;
  }

  void RequireOutput(size_t output) const {
    const PlanValue& value = values_[output];
    if (value.kind == ValueKind::kTensor && value.storage == Storage::kNowhere && !inputs_[output]) {
      throw Malformed("an output is a tensor without data");
    }
  }

  void ValidateChain(const FlatTable& chain) const {
    const FlatVector instructions = chain.Tables(schema::chain::kInstructions);
    for (size_t index = 0; index < instructions.size(); ++index) {
      try {
        ValidateInstruction(instructions.TableAt(index));
      } catch (const Malformed& malformed) {
        throw Malformed("instruction " + std::to_string(index) + ": " + malformed.what());
      }
    }
  }

  void ValidateInstruction(const FlatTable& instruction) const {
    const FlatTable arguments = instruction.Required(schema::instruction::kArguments, "the arguments");
    switch (static_cast<InstructionType>(instruction.Scalar<uint8_t>(schema::instruction::kType))) {
      case InstructionType::kKernelCall:
        return ValidateKernelCall(arguments);
      case InstructionType::kDelegateCall:
        return ValidateDelegateCall(arguments);
      // Control flow and values that change their kind: no language model of ours has them, and what follows
      // them could not be checked before it runs.
      case InstructionType::kMove:
      case InstructionType::kJumpFalse:
      case InstructionType::kFree:
      case InstructionType::kNone:
        break;
    }
    throw Malformed("it is neither the call of an operator nor of a delegate");
  }

  void ValidateKernelCall(const FlatTable& call) const {
    const auto op = call.Scalar<int32_t>(schema::kernel_call::kOperator);
    if (op < 0 || static_cast<size_t>(op) >= operators_.size()) {
      throw Malformed("there is no operator " + std::to_string(op));
    }
    RequireArguments(operators_[static_cast<size_t>(op)], Indices(call, schema::kernel_call::kArguments),
                     values_, inputs_);
  }

  void ValidateDelegateCall(const FlatTable& call) const {
    const auto delegate = call.Scalar<int32_t>(schema::delegate_call::kDelegate);
    if (delegate < 0 || static_cast<size_t>(delegate) >= delegates_.size()) {
      throw Malformed("there is no delegate " + std::to_string(delegate));
    }
    RequireDelegateArguments(delegates_[static_cast<size_t>(delegate)],
                             Indices(call, schema::delegate_call::kArguments), values_, inputs_);
  }

  const FlatTable& plan_;
  const std::vector<PlanValue> values_;
  std::vector<bool> inputs_;
  const std::vector<std::string> operators_;
  const std::vector<Delegate> delegates_;
};

}  // namespace

void ValidatePlan(const FlatTable& plan, const ConstantRanges& constants) {
  try {
    PlanValidation(plan, constants).Run();
  } catch (const Malformed& malformed) {
    throw Malformed(std::string(plan.String(schema::plan::kName)) + ": " + malformed.what());
  }
}

}  // namespace mmoe
