#include "core/validation/program_validation.h"

#include "core/validation/constant_ranges.h"
#include "core/validation/flatbuffer.h"
#include "core/validation/plan_validation.h"
#include "core/validation/program_schema.h"

namespace mmoe {

void ValidateProgram(std::string_view file, std::string_view flatbuffer, const ProgramLayout& layout) {
  const FlatTable program = FlatTable::Root(flatbuffer);
  const ConstantRanges constants(program, file, layout);
  const FlatVector plans = program.Tables(schema::program::kPlans);
  for (size_t index = 0; index < plans.size(); ++index) ValidatePlan(plans.TableAt(index), constants);
}

}  // namespace mmoe
