#include "tools/routing_trace.h"

#include <stdexcept>

#include "ops/routing_observer.h"

namespace mmoe {

RoutingTrace::RoutingTrace(const std::string& path)
    : path_(path), file_(std::fopen(path.c_str(), "wb")), observer_{&Record, this} {
  if (file_ == nullptr) throw std::runtime_error(path + ": cannot be written");
  SetRoutingObserver(&observer_);
}

RoutingTrace::~RoutingTrace() {
  SetRoutingObserver(nullptr);
  std::fclose(file_);
}

void RoutingTrace::Flush() {
  if (std::fflush(file_) != 0 || std::ferror(file_) != 0)
    throw std::runtime_error(path_ + ": cannot be written");
}

void RoutingTrace::Record(void* self, const void* router, const int32_t* experts, int64_t tokens,
                          int64_t top_k, int64_t) {
  auto& trace = *static_cast<RoutingTrace*>(self);
  const auto next = static_cast<int32_t>(trace.layers_.size());
  const int32_t layer = trace.layers_.emplace(router, next).first->second;
  const int32_t head[] = {layer, static_cast<int32_t>(tokens), static_cast<int32_t>(top_k)};
  std::fwrite(head, sizeof(int32_t), 3, trace.file_);
  std::fwrite(experts, sizeof(int32_t), static_cast<size_t>(tokens * top_k), trace.file_);
}

}  // namespace mmoe
