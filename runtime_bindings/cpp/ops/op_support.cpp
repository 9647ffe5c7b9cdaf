#include "ops/op_support.h"

#include <cinttypes>
#include <limits>

#include "ops/operator_parallel.h"

namespace mmoe {
namespace {

using executorch::aten::SizesType;

constexpr size_t kMaxRank = 4;

}  // namespace

void ArgumentCheck::Fail(Error error) {
  ok_ = false;
  context_.fail(error);
}

void ArgumentCheck::HasRank(const Tensor& tensor, const char* name, int64_t rank) {
  if (!ok_ || tensor.dim() == rank) return;
  ET_LOG(Error, "%s: %s has %" PRId64 " dimensions, expected %" PRId64, op_, name,
         static_cast<int64_t>(tensor.dim()), rank);
  Fail(Error::InvalidArgument);
}

void ArgumentCheck::Is(const Tensor& tensor, const char* name, ScalarType dtype,
                       std::initializer_list<int64_t> sizes) {
  HasRank(tensor, name, static_cast<int64_t>(sizes.size()));
  if (!ok_) return;
  if (tensor.scalar_type() != dtype) {
    ET_LOG(Error, "%s: %s has dtype %d, expected %d", op_, name, static_cast<int>(tensor.scalar_type()),
           static_cast<int>(dtype));
    return Fail(Error::InvalidArgument);
  }
  int64_t dim = 0;
  for (const int64_t size : sizes) {
    if (tensor.size(dim) != size) {
      ET_LOG(Error, "%s: dimension %" PRId64 " of %s is %" PRId64 ", expected %" PRId64, op_, dim, name,
             static_cast<int64_t>(tensor.size(dim)), size);
      return Fail(Error::InvalidArgument);
    }
    ++dim;
  }
  if (tensor.numel() > 0 && tensor.const_data_ptr() == nullptr) {
    ET_LOG(Error, "%s: %s has no data", op_, name);
    return Fail(Error::InvalidArgument);
  }
  // The strides of an empty tensor do not matter, and the runtime's check trips over them.
  if (tensor.numel() > 0 && !executorch::runtime::tensor_is_contiguous(tensor)) {
    ET_LOG(Error, "%s: %s is not contiguous", op_, name);
    Fail(Error::InvalidArgument);
  }
}

void ArgumentCheck::NoProblem(const char* problem) {
  if (!ok_ || problem == nullptr) return;
  ET_LOG(Error, "%s: %s", op_, problem);
  Fail(Error::InvalidArgument);
}

void ArgumentCheck::AreTokenIds(const Tensor& ids, int64_t vocab_size) {
  if (!ok_) return;
  const int64_t* values = ids.const_data_ptr<int64_t>();
  for (int64_t i = 0; i < static_cast<int64_t>(ids.numel()); ++i) {
    if (values[i] >= 0 && values[i] < vocab_size) continue;
    ET_LOG(Error, "%s: token id %" PRId64 " at place %" PRId64 " is outside 0..%" PRId64, op_, values[i], i,
           vocab_size - 1);
    return Fail(Error::InvalidArgument);
  }
}

void ArgumentCheck::AreApart(const Tensor& tensor, const Tensor& other) {
  if (!ok_) return;
  const auto begin = reinterpret_cast<uintptr_t>(tensor.const_data_ptr());
  const auto other_begin = reinterpret_cast<uintptr_t>(other.const_data_ptr());
  if (begin >= other_begin + other.nbytes() || other_begin >= begin + tensor.nbytes()) return;
  ET_LOG(Error, "%s: two arguments share memory", op_);
  Fail(Error::InvalidArgument);
}

void ArgumentCheck::ResizeOut(Tensor& out, std::initializer_list<int64_t> sizes) {
  if (!ok_) return;
  SizesType resized[kMaxRank];
  size_t rank = 0;
  for (const int64_t size : sizes) {
    if (size < 0 || size > std::numeric_limits<SizesType>::max()) {
      ET_LOG(Error, "%s: the result has a dimension of %" PRId64, op_, size);
      return Fail(Error::InvalidArgument);
    }
    resized[rank++] = static_cast<SizesType>(size);
  }
  if (executorch::runtime::resize_tensor(out, {resized, rank}) != Error::Ok) {
    ET_LOG(Error, "%s: out cannot take the result's shape", op_);
    return Fail(Error::InvalidArgument);
  }
  Is(out, "out", ScalarType::Float, sizes);
}

std::optional<KernelSet> ArgumentCheck::Kernels() {
  if (!ok_) return std::nullopt;
  const char* error = nullptr;
  const KernelSet* kernels = SelectKernels(&error);
  if (kernels == nullptr) {
    ET_LOG(Error, "%s: %s", op_, error);
    Fail(Error::NotImplemented);
    return std::nullopt;
  }
  return kernels->Among(OperatorParallel().num_workers);
}

void* ArgumentCheck::Scratch(size_t bytes) {
  if (!ok_) return nullptr;
  const auto scratch = context_.allocate_temp(bytes, Arena::kAlignment);
  if (!scratch.ok()) {
    ET_LOG(Error, "%s: no memory for %zu bytes of scratch", op_, bytes);
    Fail(Error::MemoryAllocationFailed);
    return nullptr;
  }
  return scratch.get();
}

}  // namespace mmoe
