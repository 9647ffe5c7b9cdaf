#pragma once

// ThreadSanitizer sees the synchronisation of code that it instruments. The pool hands work to its threads
// and waits for them inside ExecuTorch's library, which it does not: these two say what the pool guarantees,
// that all before a release on a thread has happened before what follows an acquire of the same address on another.

#if defined(__SANITIZE_THREAD__)
#define MMOE_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define MMOE_THREAD_SANITIZER 1
#endif
#endif

#if defined(MMOE_THREAD_SANITIZER)
extern "C" {
void __tsan_acquire(void* address);
void __tsan_release(void* address);
}
#endif

namespace mmoe {

inline void ReleaseToPool([[maybe_unused]] void* call) {
#if defined(MMOE_THREAD_SANITIZER)
  __tsan_release(call);
#endif
}

inline void AcquireFromPool([[maybe_unused]] void* call) {
#if defined(MMOE_THREAD_SANITIZER)
  __tsan_acquire(call);
#endif
}

}  // namespace mmoe
