#pragma once

namespace mmoe {

// A child that fork() made has one thread: those of the pool stayed in the parent, and a lock that another
// thread held stays locked. So what is open belongs to the process that opened it.

// From now on this process is the one that has something open.
void ClaimProcess();

// Whether this process is a child of the one that has.
bool IsForkedChild();

}  // namespace mmoe
