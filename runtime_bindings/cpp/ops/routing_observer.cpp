#include "ops/routing_observer.h"

#include <atomic>

namespace mmoe {
namespace {

std::atomic<const RoutingObserver*> current{nullptr};

}  // namespace

void SetRoutingObserver(const RoutingObserver* observer) { current = observer; }

const RoutingObserver* CurrentRoutingObserver() { return current; }

}  // namespace mmoe
