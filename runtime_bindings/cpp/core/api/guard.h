#pragma once

// What every function of the C ABI does around its work: no exception leaves, every failure has a sentence.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <string>

#include "core/error.h"
#include "core/mmoe.h"
#include "core/model.h"
#include "core/process.h"
#include "core/registry.h"
#include "core/session.h"

namespace mmoe {

Registry<Model>& Models();
Registry<Session>& Sessions();

// Keeps the sentence for mmoe_last_error; never throws.
mmoe_status Failed(mmoe_status status, const char* message) noexcept;

template <typename Work>
mmoe_status Guard(Work work) noexcept {
  try {
    if (IsForkedChild()) {
      throw CoreError(
          MMOE_UNSUPPORTED,
          "this process was forked from one that had a model open, and has none of its threads; open "
          "models after the fork, or start a new program");
    }
    work();
    return MMOE_OK;
  } catch (const CoreError& error) {
    return Failed(error.status(), error.what());
  } catch (const std::bad_alloc&) {
    return Failed(MMOE_OUT_OF_RESOURCES, "there is not enough memory");
  } catch (const std::exception& error) {
    return Failed(MMOE_RUNTIME, error.what());
  } catch (...) {
    return Failed(MMOE_RUNTIME, "something unknown was thrown");
  }
}

inline void RequireArgument(bool holds, const char* what) {
  if (!holds) throw CoreError(MMOE_INVALID_ARGUMENT, what);
}

// A caller's struct, which may be of an older or a newer ABI: what both know is taken, the rest keeps its default.
template <typename Struct>
Struct Received(const Struct* from, void (*init)(Struct*), const char* what) {
  Struct value;
  init(&value);
  if (from == nullptr) return value;
  if (from->struct_size < sizeof(uint32_t)) {
    throw CoreError(MMOE_INVALID_ARGUMENT,
                    std::string(what) + " was not initialised: call its init function first");
  }
  std::memcpy(&value, from, std::min<size_t>(from->struct_size, sizeof(Struct)));
  value.struct_size = sizeof(Struct);
  return value;
}

template <typename Struct>
void Hand(const Struct& value, Struct* to) {
  const uint32_t size = to->struct_size;
  std::memcpy(to, &value, std::min<size_t>(size, sizeof(Struct)));
  to->struct_size = size;
}

template <typename Struct>
void RequireStruct(const Struct* to, const char* what) {
  if (to == nullptr || to->struct_size < sizeof(uint32_t)) {
    throw CoreError(MMOE_INVALID_ARGUMENT,
                    std::string(what) + " was not initialised: call its init function first");
  }
}

// Closes a handle. In a forked child there is nothing to close: what the handle names is the parent's.
template <typename Work>
mmoe_status GuardClose(Work work) noexcept {
  return IsForkedChild() ? MMOE_OK : Guard(work);
}

// Results of a length that the caller could not know.
template <typename Element, typename Container>
void HandAll(const Container& values, Element* to, size_t capacity, size_t* count) {
  RequireArgument(count != nullptr && (to != nullptr || capacity == 0), "an output is NULL");
  *count = values.size();
  if (values.size() > capacity) {
    throw CoreError(MMOE_BUFFER_TOO_SMALL, "the result has " + std::to_string(values.size()) +
                                               " elements, the buffer " + std::to_string(capacity));
  }
  std::copy(values.begin(), values.end(), to);
}

}  // namespace mmoe
