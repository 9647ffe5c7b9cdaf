#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"

namespace mmoe {

// Open objects by handle. Handles are never used twice, so one that was closed is known to be.
template <typename Object>
class Registry {
 public:
  // `kind` names the objects in messages.
  explicit Registry(const char* kind) : kind_(kind) {}

  uint64_t Add(std::shared_ptr<Object> object) {
    const std::lock_guard<std::mutex> lock(mutex_);
    objects_.emplace(++last_, std::move(object));
    return last_;
  }

  // The caller's share keeps the object alive while another thread closes its handle.
  std::shared_ptr<Object> Get(uint64_t handle) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = objects_.find(handle);
    if (found == objects_.end()) Refuse(handle);
    return found->second;
  }

  std::shared_ptr<Object> Take(uint64_t handle) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = objects_.find(handle);
    if (found == objects_.end()) Refuse(handle);
    std::shared_ptr<Object> object = std::move(found->second);
    objects_.erase(found);
    return object;
  }

  template <typename Predicate>
  std::vector<std::shared_ptr<Object>> TakeIf(Predicate predicate) {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::vector<std::shared_ptr<Object>> taken;
    for (auto entry = objects_.begin(); entry != objects_.end();) {
      if (predicate(*entry->second)) {
        taken.push_back(std::move(entry->second));
        entry = objects_.erase(entry);
      } else {
        ++entry;
      }
    }
    return taken;
  }

 private:
  [[noreturn]] void Refuse(uint64_t handle) const {
    throw CoreError(MMOE_CLOSED, "handle " + std::to_string(handle) + " is not open: the " + kind_ +
                                     " was closed, or never opened");
  }

  const char* kind_;
  mutable std::mutex mutex_;
  std::map<uint64_t, std::shared_ptr<Object>> objects_;
  uint64_t last_ = 0;
};

}  // namespace mmoe
