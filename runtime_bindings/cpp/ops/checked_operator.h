#pragma once

#include <executorch/runtime/core/evalue.h>
#include <executorch/runtime/core/span.h>
#include <executorch/runtime/kernel/operator_registry.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "ops/op_support.h"

namespace mmoe {

// How an operator's argument is taken off the stack. ExecuTorch's own wrapper reads as many values as the
// operator has arguments, whatever the program gave, and ends the process where one is of another kind.
template <typename Argument>
struct Unboxed;

template <>
struct Unboxed<Tensor&> {
  static bool Holds(const executorch::runtime::EValue& value) { return value.isTensor(); }
  static Tensor& Take(executorch::runtime::EValue& value) { return value.toTensor(); }
};
template <>
struct Unboxed<const Tensor&> : Unboxed<Tensor&> {};
template <>
struct Unboxed<std::optional<Tensor>> {
  static bool Holds(const executorch::runtime::EValue& value) { return value.isNone() || value.isTensor(); }
  static std::optional<Tensor> Take(executorch::runtime::EValue& value) {
    return value.isNone() ? std::nullopt : std::optional<Tensor>(value.toTensor());
  }
};
template <>
struct Unboxed<int64_t> {
  static bool Holds(const executorch::runtime::EValue& value) { return value.isInt(); }
  static int64_t Take(executorch::runtime::EValue& value) { return value.toInt(); }
};
template <>
struct Unboxed<bool> {
  static bool Holds(const executorch::runtime::EValue& value) { return value.isBool(); }
  static bool Take(executorch::runtime::EValue& value) { return value.toBool(); }
};
template <>
struct Unboxed<double> {
  static bool Holds(const executorch::runtime::EValue& value) { return value.isDouble(); }
  static double Take(executorch::runtime::EValue& value) { return value.toDouble(); }
};

template <auto kOperator>
struct CheckedOperator;

template <typename... Arguments, void (*kOperator)(KernelRuntimeContext&, Arguments...)>
struct CheckedOperator<kOperator> {
  using Stack = executorch::runtime::Span<executorch::runtime::EValue*>;

  static void Call(KernelRuntimeContext& context, Stack stack) {
    CallWith(context, stack, std::index_sequence_for<Arguments...>());
  }

 private:
  template <size_t... kPlaces>
  static void CallWith(KernelRuntimeContext& context, Stack stack, std::index_sequence<kPlaces...>) {
    const bool holds =
        stack.size() >= sizeof...(Arguments) && (... && Unboxed<Arguments>::Holds(*stack[kPlaces]));
    if (!holds) {
      ET_LOG(Error, "an operator of mmoe has too few arguments, or arguments of other kinds");
      return context.fail(Error::InvalidProgram);
    }
    kOperator(context, Unboxed<Arguments>::Take(*stack[kPlaces])...);
  }
};

// For a constant of the file that implements the operator.
template <auto kOperator>
Error RegisterOperator(const char* name) {
  return executorch::runtime::register_kernel(
      executorch::runtime::Kernel(name, CheckedOperator<kOperator>::Call));
}

}  // namespace mmoe
