#include "jni_support.h"

#include <cstring>
#include <limits>

namespace mmoe::jni {
namespace {

jclass native_class = nullptr;  // a global reference, for the life of the process
jmethodID fail_method = nullptr;
jmethodID progress_method = nullptr;

}  // namespace

bool FindNativeMethods(JNIEnv* env, jclass native) {
  native_class = static_cast<jclass>(env->NewGlobalRef(native));
  fail_method = env->GetStaticMethodID(native, "fail", "(I)Ljava/lang/Void;");
  if (native_class == nullptr || fail_method == nullptr) return false;
  progress_method = env->GetStaticMethodID(native, "progress", "(Lorg/mmoe/OnProgress;IJJ)V");
  return progress_method != nullptr;
}

int32_t ProgressCallback::Tell(void* self, int32_t stage, uint64_t done, uint64_t total) {
  const auto* callback = static_cast<const ProgressCallback*>(self);
  JNIEnv* env = callback->env_;
  env->CallStaticVoidMethod(native_class, progress_method, callback->on_progress_, stage,
                            static_cast<jlong>(done), static_cast<jlong>(total));
  return env->ExceptionCheck() ? 1 : 0;
}

void Fail(JNIEnv* env, mmoe_status status) {
  env->CallStaticObjectMethod(native_class, fail_method, static_cast<jint>(status));
}

void FailOutOfMemory(JNIEnv* env) {
  if (env->ExceptionCheck()) return;
  const jclass error = env->FindClass("java/lang/OutOfMemoryError");
  if (error != nullptr) env->ThrowNew(error, "no native memory for an argument or a result");
}

std::string ToBytes(JNIEnv* env, jbyteArray array) {
  std::string bytes(static_cast<size_t>(env->GetArrayLength(array)), '\0');
  env->GetByteArrayRegion(array, 0, static_cast<jsize>(bytes.size()), reinterpret_cast<jbyte*>(bytes.data()));
  return bytes;
}

std::vector<int32_t> ToIds(JNIEnv* env, jintArray array) {
  std::vector<int32_t> ids(static_cast<size_t>(env->GetArrayLength(array)));
  env->GetIntArrayRegion(array, 0, static_cast<jsize>(ids.size()), ids.data());
  return ids;
}

jbyteArray ToJava(JNIEnv* env, const char* bytes, size_t count) {
  if (count > static_cast<size_t>(std::numeric_limits<jsize>::max())) {
    FailOutOfMemory(env);
    return nullptr;
  }
  const auto length = static_cast<jsize>(count);
  const jbyteArray array = env->NewByteArray(length);
  if (array != nullptr) env->SetByteArrayRegion(array, 0, length, reinterpret_cast<const jbyte*>(bytes));
  return array;
}

jbyteArray ToJava(JNIEnv* env, const char* text) { return ToJava(env, text, std::strlen(text)); }

jintArray ToJava(JNIEnv* env, const std::vector<int32_t>& ids) {
  const auto length = static_cast<jsize>(ids.size());
  const jintArray array = env->NewIntArray(length);
  if (array != nullptr) env->SetIntArrayRegion(array, 0, length, ids.data());
  return array;
}

}  // namespace mmoe::jni
