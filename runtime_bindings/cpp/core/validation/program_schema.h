#pragma once

#include <cstdint>

// Numbers of the fields, union members and enumerators of ExecuTorch's program.fbs that the validation reads.
// The format keeps them: a field is never renumbered, only added behind the last.
namespace mmoe::schema {

namespace program {
constexpr int kPlans = 1, kInlineConstants = 2, kInlineDelegateData = 3, kSegments = 4, kConstantSegment = 5,
              kMutableSegments = 6, kNamedData = 7;
}
namespace plan {
constexpr int kName = 0, kValues = 2, kInputs = 3, kOutputs = 4, kChains = 5, kOperators = 6, kDelegates = 7,
              kBufferSizes = 8, kBufferDevices = 9;
}
namespace value {
constexpr int kType = 0, kValue = 1;
}
namespace scalar_value {
constexpr int kValue = 0;
}
namespace list {
constexpr int kItems = 0;
}
namespace tensor {
constexpr int kDtype = 0, kStorageOffset = 1, kSizes = 2, kDimOrder = 3, kDataIndex = 5, kAllocation = 6,
              kDynamism = 8, kExtra = 9;
}
namespace allocation {
constexpr int kMemory = 0, kOffsetLow = 1, kOffsetHigh = 2;
}
namespace extra {
constexpr int kMutableSegment = 0, kLocation = 2, kDevice = 3;
}
namespace chain {
constexpr int kInstructions = 2;
}
namespace instruction {
constexpr int kType = 0, kArguments = 1;
}
namespace kernel_call {
constexpr int kOperator = 0, kArguments = 1;
}
namespace delegate_call {
constexpr int kDelegate = 0, kArguments = 1;
}
namespace op {
constexpr int kName = 0, kOverload = 1;
}
namespace delegate {
constexpr int kBackend = 0, kProcessed = 1, kCompileSpecs = 2;
}
namespace compile_spec {
constexpr int kKey = 0, kValue = 1;
}
namespace data_reference {
constexpr int kLocation = 0, kIndex = 1;
}
namespace inline_data {
constexpr int kBytes = 0;
}
namespace segment {
constexpr int kOffset = 0, kSize = 1;
}
namespace subsegments {
constexpr int kSegment = 0, kOffsets = 1;
}
namespace named_data {
constexpr int kKey = 0, kSegment = 1;
}

enum class InstructionType : uint8_t { kNone, kKernelCall, kDelegateCall, kMove, kJumpFalse, kFree };
enum class Dynamism : int8_t { kStatic, kDynamicBound, kDynamicUnbound };
enum class DataLocation : int8_t { kInline, kSegment };
enum class TensorLocation : int8_t { kSegment, kExternal };

}  // namespace mmoe::schema
