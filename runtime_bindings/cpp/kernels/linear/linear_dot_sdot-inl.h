// The products of dense linears with sdot.

#include "kernels/linear/grouped_sdot-inl.h"

namespace mmoe {
namespace {

void LinearDot(const LinearDotArgs& args) { DotByTokens<true>(args); }
void GroupedDot(const LinearDotArgs& args) { DotByTokens<false>(args); }

}  // namespace
}  // namespace mmoe
