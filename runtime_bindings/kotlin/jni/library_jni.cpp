// Loading, and the functions that belong to no handle.

#include <fcntl.h>
#include <unistd.h>

#include "jni_support.h"
#include "methods.h"

namespace mmoe::jni {
namespace {

jboolean AbiMatches(JNIEnv*, jclass) { return mmoe_abi_version() == MMOE_ABI_VERSION ? JNI_TRUE : JNI_FALSE; }

jbyteArray Version(JNIEnv* env, jclass) { return ToJava(env, mmoe_version()); }

jbyteArray StatusName(JNIEnv* env, jclass, jint status) { return ToJava(env, mmoe_status_name(status)); }

jbyteArray LastError(JNIEnv* env, jclass) { return ToJava(env, mmoe_last_error()); }

jlongArray Memory(JNIEnv* env, jclass) {
  mmoe_memory memory;
  mmoe_memory_init(&memory);
  if (!Succeeded(env, mmoe_memory_get(&memory))) return nullptr;
  const jlong values[] = {static_cast<jlong>(memory.anonymous_bytes), static_cast<jlong>(memory.file_bytes),
                          static_cast<jlong>(memory.peak_anonymous_bytes),
                          static_cast<jlong>(memory.peak_file_bytes), static_cast<jlong>(memory.peak_bytes)};
  const jlongArray array = env->NewLongArray(5);
  if (array != nullptr) env->SetLongArrayRegion(array, 0, 5, values);
  return array;
}

jboolean DropFromPageCache(JNIEnv* env, jclass, jbyteArray path) {
  return Guarded(env, static_cast<jboolean>(JNI_FALSE), [&]() -> jboolean {
    const int file = open(ToBytes(env, path).c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return JNI_FALSE;
    const int refused = posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
    close(file);
    return refused == 0 ? JNI_TRUE : JNI_FALSE;
  });
}

bool Register(JNIEnv* env, jclass native, const std::vector<JNINativeMethod>& methods) {
  return env->RegisterNatives(native, methods.data(), static_cast<jint>(methods.size())) == JNI_OK;
}

}  // namespace

std::vector<JNINativeMethod> LibraryMethods() {
  return {Method("abiMatches", "()Z", AbiMatches),   Method("version", "()[B", Version),
          Method("statusName", "(I)[B", StatusName), Method("lastError", "()[B", LastError),
          Method("memory", "()[J", Memory),          Method("dropFromPageCache", "([B)Z", DropFromPageCache)};
}

}  // namespace mmoe::jni

// A method that Kotlin declares otherwise than jni/ does fails here, at load, and not at its first call.
extern "C" JNIEXPORT jint JNICALL JNI_OnLoad(JavaVM* vm, void*) {
  using namespace mmoe::jni;
  JNIEnv* env = nullptr;
  if (vm->GetEnv(reinterpret_cast<void**>(&env), JNI_VERSION_1_6) != JNI_OK) return JNI_ERR;
  const jclass native = env->FindClass("org/mmoe/Native");
  if (native == nullptr || !FindNativeMethods(env, native)) return JNI_ERR;
  const bool registered = Guarded(env, false, [&] {
    return Register(env, native, LibraryMethods()) && Register(env, native, ModelMethods()) &&
           Register(env, native, SessionMethods());
  });
  return registered ? JNI_VERSION_1_6 : JNI_ERR;
}
