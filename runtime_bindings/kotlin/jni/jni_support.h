// What every native method of org.mmoe.Native needs: errors as Kotlin exceptions, byte arrays as text.

#pragma once

#include <jni.h>
#include <mmoe.h>

#include <cstddef>
#include <new>
#include <string>
#include <vector>

namespace mmoe::jni {

// Remembers Native.fail and Native.progress; called once, while the library is loaded. False leaves a Java exception pending.
bool FindNativeMethods(JNIEnv* env, jclass native);

// Leaves the Kotlin exception of a failed call pending. Any status but MMOE_OK.
void Fail(JNIEnv* env, mmoe_status status);
// Leaves an OutOfMemoryError pending.
void FailOutOfMemory(JNIEnv* env);

// The bytes of an array; empty, with an exception pending, if the JVM cannot give them.
std::string ToBytes(JNIEnv* env, jbyteArray array);
std::vector<int32_t> ToIds(JNIEnv* env, jintArray array);
jbyteArray ToJava(JNIEnv* env, const char* bytes, size_t count);
jbyteArray ToJava(JNIEnv* env, const char* text);
jintArray ToJava(JNIEnv* env, const std::vector<int32_t>& ids);

// Runs the body of a native method. Nothing of C++ may unwind into the JVM: what the standard library throws
// here is lack of memory.
template <class Result, class Body>
Result Guarded(JNIEnv* env, Result failed, Body body) noexcept {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    FailOutOfMemory(env);
    return failed;
  }
}

// True if the call went well; otherwise its exception is pending, or the one that a callback has left.
inline bool Succeeded(JNIEnv* env, mmoe_status status) {
  if (status == MMOE_OK) return true;
  if (!env->ExceptionCheck()) Fail(env, status);
  return false;
}

// Tells an OnProgress of Kotlin's; what it throws stays pending and ends the call.
class ProgressCallback {
 public:
  ProgressCallback(JNIEnv* env, jobject on_progress) : env_(env), on_progress_(on_progress) {}

  mmoe_on_progress function() const { return on_progress_ == nullptr ? nullptr : Tell; }

 private:
  static int32_t Tell(void* self, int32_t stage, uint64_t done, uint64_t total);

  JNIEnv* env_;
  jobject on_progress_;
};

// For functions of the C ABI that fill a buffer of the caller's: `call(data, capacity, &count)` is repeated
// with the size it asks for.
template <class Buffer, class Call>
mmoe_status FillBuffer(Buffer& buffer, size_t first_capacity, Call call) {
  buffer.resize(first_capacity);
  size_t count = 0;
  mmoe_status status = call(buffer.data(), buffer.size(), &count);
  if (status == MMOE_BUFFER_TOO_SMALL) {
    buffer.resize(count);
    status = call(buffer.data(), buffer.size(), &count);
  }
  if (status == MMOE_OK) buffer.resize(count);
  return status;
}

}  // namespace mmoe::jni
