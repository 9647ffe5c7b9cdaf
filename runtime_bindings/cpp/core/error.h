#pragma once

#include <stdexcept>
#include <string>

#include "core/mmoe.h"

namespace mmoe {

// A failure inside the core, with the status that the C ABI reports for it. The message is one sentence that
// names the file, key or value and, where there is one, the cure.
class CoreError : public std::runtime_error {
 public:
  CoreError(mmoe_status status, const std::string& message) : std::runtime_error(message), status_(status) {}

  mmoe_status status() const { return status_; }

 private:
  mmoe_status status_;
};

}  // namespace mmoe
