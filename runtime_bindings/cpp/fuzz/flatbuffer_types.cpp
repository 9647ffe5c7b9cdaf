#include "fuzz/flatbuffer_types.h"

namespace mmoe::fuzz {

namespace {

FieldType Scalar(int bytes) { return {FieldKind::kScalar, bytes}; }
FieldType Scalars(int bytes) { return {FieldKind::kScalars, bytes}; }
FieldType String() { return {FieldKind::kString, 1}; }
FieldType Table(int target) { return {FieldKind::kTable, 4, target}; }
FieldType Tables(int target) { return {FieldKind::kTables, 4, target}; }
FieldType UnionType() { return {FieldKind::kUnionType, 1}; }
FieldType UnionMember(std::vector<int> members) {
  return {FieldKind::kUnionMember, 4, -1, std::move(members)};
}

}  // namespace

const std::vector<TableType>& ProgramTypes() {
  enum {
    kProgram,
    kPlan,
    kValue,
    kTensor,
    kAllocation,
    kExtraTensorInfo,
    kInt,
    kBool,
    kDouble,
    kStringValue,
    kIntList,
    kDoubleList,
    kBoolList,
    kTensorList,
    kChain,
    kInstruction,
    kKernelCall,
    kDelegateCall,
    kMoveCall,
    kJumpFalseCall,
    kFreeCall,
    kOperator,
    kDelegate,
    kDataReference,
    kCompileSpec,
    kInlineData,
    kSegment,
    kSubsegments,
    kNamedData,
  };
  static const std::vector<TableType> types = {
      {"Program",
       {Scalar(4), Tables(kPlan), Tables(kInlineData), Tables(kInlineData), Tables(kSegment),
        Table(kSubsegments), Tables(kSubsegments), Tables(kNamedData)}},
      {"ExecutionPlan",
       {String(), Table(kAllocation), Tables(kValue), Scalars(4), Scalars(4), Tables(kChain),
        Tables(kOperator), Tables(kDelegate), Scalars(8)}},
      {"EValue",
       {UnionType(), UnionMember({-1, kInt, kBool, kDouble, kTensor, kStringValue, kIntList, kDoubleList,
                                  kBoolList, kTensorList, kTensorList})}},
      {"Tensor",
       {Scalar(1), Scalar(4), Scalars(4), Scalars(1), Scalar(1), Scalar(4), Table(kAllocation), Scalar(1),
        Scalar(1), Table(kExtraTensorInfo)}},
      {"AllocationDetails", {Scalar(4), Scalar(4), Scalar(4)}},
      {"ExtraTensorInfo", {Scalar(8), String(), Scalar(1), Scalar(1), Scalar(1)}},
      {"Int", {Scalar(8)}},
      {"Bool", {Scalar(1)}},
      {"Double", {Scalar(8)}},
      {"String", {String()}},
      {"IntList", {Scalars(8)}},
      {"DoubleList", {Scalars(8)}},
      {"BoolList", {Scalars(1)}},
      {"TensorList", {Scalars(4)}},
      {"Chain", {Scalars(4), Scalars(4), Tables(kInstruction)}},
      {"Instruction",
       {UnionType(), UnionMember({kKernelCall, kDelegateCall, kMoveCall, kJumpFalseCall, kFreeCall})}},
      {"KernelCall", {Scalar(4), Scalars(4)}},
      {"DelegateCall", {Scalar(4), Scalars(4)}},
      {"MoveCall", {Scalar(4), Scalar(4)}},
      {"JumpFalseCall", {Scalar(4), Scalar(4)}},
      {"FreeCall", {Scalar(4)}},
      {"Operator", {String(), String()}},
      {"BackendDelegate", {String(), Table(kDataReference), Tables(kCompileSpec)}},
      {"BackendDelegateDataReference", {Scalar(1), Scalar(4)}},
      {"CompileSpec", {String(), Scalars(1)}},
      {"Buffer", {Scalars(1)}},
      {"DataSegment", {Scalar(8), Scalar(8)}},
      {"SubsegmentOffsets", {Scalar(4), Scalars(8)}},
      {"NamedData", {String(), Scalar(4)}},
  };
  return types;
}

const std::vector<TableType>& XnnpackTypes() {
  enum { kGraph, kNode, kNodeContent, kValue, kPlain, kQuantized, kQuantization, kConstantData };
  static const std::vector<TableType> types = {
      {"XNNGraph",
       {String(), Tables(kNode), Tables(kValue), Scalar(4), Scalars(4), Scalars(4), Scalars(1), Scalars(4),
        Tables(kConstantData)}},
      {"XNode",
       {UnionType(), UnionMember(std::vector<int>(64, kNodeContent)), Scalar(4), Table(kNodeContent)}},
      {"node", {}, true},
      {"XValue", {UnionType(), UnionMember({kPlain, kQuantized})}},
      {"XNNTensorValue", {Scalar(2), Scalar(4), Scalars(4), Scalar(4), Scalar(4), Scalar(4), Scalar(4)}},
      {"XNNQuantizedTensorValue",
       {Table(kPlain), UnionType(), UnionMember(std::vector<int>(4, kQuantization))}},
      {"quantization", {}, true},
      {"ConstantDataOffset", {Scalar(8), Scalar(8), String()}},
  };
  return types;
}

}  // namespace mmoe::fuzz
