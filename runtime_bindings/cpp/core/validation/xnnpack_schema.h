#pragma once

#include <cstddef>
#include <cstdint>

// Numbers of the fields, union members and enumerators of XNNPACK's payload (ExecuTorch's XNNHeader and the
// backend's schema.fbs) that the validation reads.
namespace mmoe::xnnpack {

// In front of the flatbuffer.
namespace header {
constexpr size_t kMagic = 4, kGraphBegin = 10, kGraphBytes = 14, kConstantsBegin = 18;
}
namespace graph {
constexpr int kNodes = 1, kValues = 2, kExternals = 3, kInputs = 4, kOutputs = 5, kConstants = 8;
}
namespace node {
constexpr int kType = 0, kContent = 1;
}
namespace unary_node {
constexpr int kInput = 0, kOutput = 1, kFlags = 2;
}
namespace binary_node {
constexpr int kFirst = 0, kSecond = 1, kOutput = 2, kFlags = 3;
}
namespace linear_node {
constexpr int kInput = 0, kWeight = 1, kBias = 2, kOutput = 3, kFlags = 4;
}
namespace value {
constexpr int kType = 0, kContent = 1;
}
namespace quantized {
constexpr int kPlain = 0, kType = 1, kContent = 2;
}
namespace plain {
constexpr int kDtype = 0, kRank = 1, kSizes = 2, kConstant = 3, kExternal = 4, kFlags = 5, kId = 6;
}
namespace per_token {
constexpr int kDimensions = 0;
}
namespace per_group {
constexpr int kChannelDimension = 1, kGroupSize = 2, kScales = 4, kScaleCount = 5;
}
namespace constant {
constexpr int kOffset = 0, kSize = 1, kKey = 2;
}

enum class NodeType : uint8_t { kAdd = 1, kLinear = 2, kSigmoid = 4, kMultiply = 15, kConvert = 18 };
enum class ValueType : uint8_t { kPlain = 1, kQuantized = 2 };
enum class Quantization : uint8_t { kPerToken = 3, kPerGroup = 4 };
enum class Dtype : int16_t { kFloat32 = 1, kDynamicInt8 = 9, kGroupedInt4 = 10 };
constexpr uint32_t kExternalInput = 1, kExternalOutput = 2;  // flags of a value
constexpr uint32_t kNone = UINT32_MAX;                       // an id that stands for nothing

}  // namespace mmoe::xnnpack
