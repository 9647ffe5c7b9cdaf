#pragma once

#include <cstddef>

namespace mmoe {

// Survives SIGBUS in read-only file mappings. Ranges are few (one per open model), and the handler may run on
// any thread at any time, so they live in a fixed table of atomics.

// The number of the range's place; -1 if all places are taken, and then the range is not guarded.
int GuardPages(const void* data, size_t size);
void ReleasePages(int guard);

// Whether a page of the range was lost since GuardPages.
bool LostPages(int guard);

}  // namespace mmoe
