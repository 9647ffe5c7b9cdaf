#pragma once

#include <string>

namespace mmoe {

// ExecuTorch says why something failed only in its log. From the first call on, its messages no longer reach
// stderr; the last error of each thread is kept instead, for the message of the failure.
void KeepRuntimeQuiet();

// The calling thread's errors since the previous call; "" if there were none.
std::string TakeRuntimeLog();

}  // namespace mmoe
