#include "core/text/stop_strings.h"

#include <algorithm>
#include <utility>

namespace mmoe {

StopStrings::StopStrings(const std::vector<std::string>& strings) : nodes_(1) {
  for (const std::string& string : strings) {
    int32_t node = 0;
    for (const char byte : string) {
      const auto [edge, is_new] =
          nodes_[static_cast<size_t>(node)].next.emplace(byte, static_cast<int32_t>(nodes_.size()));
      const int32_t child = edge->second;
      if (is_new) {
        nodes_.emplace_back();
        nodes_.back().depth = nodes_[static_cast<size_t>(node)].depth + 1;
      }
      node = child;
    }
    nodes_[static_cast<size_t>(node)].stop = string.size();
  }
  // By depth, because a node's shorter one must be known before its children's.
  std::vector<int32_t> order = {0};
  for (size_t index = 0; index < order.size(); ++index) {
    const int32_t parent = order[index];
    for (const auto& [byte, child] : nodes_[static_cast<size_t>(parent)].next) {
      Node& node = nodes_[static_cast<size_t>(child)];
      if (parent != 0) node.shorter = Step(nodes_[static_cast<size_t>(parent)].shorter, byte);
      node.stop = std::max(node.stop, nodes_[static_cast<size_t>(node.shorter)].stop);
      order.push_back(child);
    }
  }
}

int32_t StopStrings::Step(int32_t node, char byte) const {
  for (;; node = nodes_[static_cast<size_t>(node)].shorter) {
    const auto& next = nodes_[static_cast<size_t>(node)].next;
    if (const auto edge = next.find(byte); edge != next.end()) return edge->second;
    if (node == 0) return 0;
  }
}

std::string StopStrings::Push(std::string_view text) {
  if (found_) return {};
  for (const char byte : text) {
    node_ = Step(node_, byte);
    held_ += byte;
    if (const size_t stop = nodes_[static_cast<size_t>(node_)].stop; stop > 0) {
      found_ = true;
      held_.resize(held_.size() - stop);
      return std::exchange(held_, {});
    }
  }
  const size_t free = held_.size() - nodes_[static_cast<size_t>(node_)].depth;
  std::string shown = held_.substr(0, free);
  held_.erase(0, free);
  return shown;
}

std::string StopStrings::Flush() {
  node_ = 0;
  return std::exchange(held_, {});
}

}  // namespace mmoe
