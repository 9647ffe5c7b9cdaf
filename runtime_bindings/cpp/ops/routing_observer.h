#pragma once

#include "kernels/moe/routed_tokens.h"

namespace mmoe {

// Who is told of the routing of every mmoe::moe_ffn and mmoe::moe_ffn_in of this process; nullptr, the default, is nobody. The
// observer must outlive its use, and is called by the thread that runs the program. Exported for libmmoe, which has the
// operators as a library.
__attribute__((visibility("default"))) void SetRoutingObserver(const RoutingObserver* observer);
const RoutingObserver* CurrentRoutingObserver();

}  // namespace mmoe
