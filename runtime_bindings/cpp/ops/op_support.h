#pragma once

#include <executorch/runtime/core/exec_aten/exec_aten.h>
#include <executorch/runtime/core/exec_aten/util/tensor_util.h>
#include <executorch/runtime/kernel/kernel_runtime_context.h>
#include <executorch/runtime/platform/log.h>

#include <cstdint>
#include <initializer_list>
#include <optional>

#include "kernels/arena.h"
#include "kernels/isa/isa.h"

namespace mmoe {

using executorch::aten::ScalarType;
using executorch::aten::Tensor;
using executorch::runtime::Error;
using executorch::runtime::KernelRuntimeContext;

// What an operator checks its arguments with. The first failed check is logged with the operator's and the
// argument's names and reported to the runtime as InvalidArgument; nothing aborts.
class ArgumentCheck {
 public:
  ArgumentCheck(KernelRuntimeContext& context, const char* op) : context_(context), op_(op) {}

  bool ok() const { return ok_; }

  // `tensor` has data, is contiguous, of this dtype and of these sizes.
  void Is(const Tensor& tensor, const char* name, ScalarType dtype, std::initializer_list<int64_t> sizes);

  // `tensor` is of this rank; for sizes that are read from it.
  void HasRank(const Tensor& tensor, const char* name, int64_t rank);

  // `problem` is nullptr or a message.
  void NoProblem(const char* problem);

  // Every token id is in 0..vocab_size-1.
  void AreTokenIds(const Tensor& ids, int64_t vocab_size);

  // No byte of `tensor` is one of `other`.
  void AreApart(const Tensor& tensor, const Tensor& other);

  // `out` takes this shape and dtype float32.
  void ResizeOut(Tensor& out, std::initializer_list<int64_t> sizes);

  // Kernels for this CPU and the workers of OperatorParallel(), or none after a report.
  std::optional<KernelSet> Kernels();

  // Scratch of this many bytes, aligned to 64, that lives until the operator returns; nullptr after a report.
  void* Scratch(size_t bytes);

 private:
  void Fail(Error error);

  KernelRuntimeContext& context_;
  const char* op_;
  bool ok_ = true;
};

}  // namespace mmoe
