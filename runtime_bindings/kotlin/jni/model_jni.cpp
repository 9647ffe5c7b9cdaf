// Models and text.

#include "jni_support.h"
#include "methods.h"

namespace mmoe::jni {
namespace {

jlong Open(JNIEnv* env, jclass, jbyteArray folder, jint threads, jboolean verify_checksums) {
  return Guarded<jlong>(env, 0, [&]() -> jlong {
    mmoe_model_options options;
    mmoe_model_options_init(&options);
    options.threads = threads > 0 ? static_cast<uint32_t>(threads) : 0;
    options.verify_checksums = verify_checksums == JNI_TRUE ? 1 : 0;
    mmoe_model model = 0;
    if (!Succeeded(env, mmoe_model_open(ToBytes(env, folder).c_str(), &options, &model))) return 0;
    return static_cast<jlong>(model);
  });
}

// Closing what is closed is harmless in Kotlin.
void Close(JNIEnv* env, jclass, jlong model) {
  const mmoe_status status = mmoe_model_close(static_cast<mmoe_model>(model));
  if (status != MMOE_CLOSED) Succeeded(env, status);
}

jlongArray Info(JNIEnv* env, jclass, jlong model) {
  mmoe_model_info info;
  mmoe_model_info_init(&info);
  if (!Succeeded(env, mmoe_model_get_info(static_cast<mmoe_model>(model), &info))) return nullptr;
  const jlong values[] = {info.vocab_size,      info.max_seq_len,
                          info.max_context_len, info.layers,
                          info.bos_id,          static_cast<jlong>(info.threads),
                          info.has_chat,        static_cast<jlong>(info.program_bytes)};
  const jlongArray array = env->NewLongArray(8);
  if (array != nullptr) env->SetLongArrayRegion(array, 0, 8, values);
  return array;
}

jdouble LoadSeconds(JNIEnv* env, jclass, jlong model) {
  mmoe_model_info info;
  mmoe_model_info_init(&info);
  Succeeded(env, mmoe_model_get_info(static_cast<mmoe_model>(model), &info));
  return info.load_seconds;
}

jintArray Tokenize(JNIEnv* env, jclass, jlong model, jbyteArray text, jboolean add_bos,
                   jboolean parse_special) {
  return Guarded<jintArray>(env, nullptr, [&]() -> jintArray {
    const std::string bytes = ToBytes(env, text);
    std::vector<int32_t> ids;
    // A token covers a byte at least.
    const mmoe_status status =
        FillBuffer(ids, bytes.size() + 1, [&](int32_t* data, size_t capacity, size_t* count) {
          return mmoe_tokenize(static_cast<mmoe_model>(model), bytes.data(), bytes.size(), add_bos,
                               parse_special, data, capacity, count);
        });
    return Succeeded(env, status) ? ToJava(env, ids) : nullptr;
  });
}

jbyteArray Detokenize(JNIEnv* env, jclass, jlong model, jintArray ids, jboolean skip_special) {
  return Guarded<jbyteArray>(env, nullptr, [&]() -> jbyteArray {
    const std::vector<int32_t> values = ToIds(env, ids);
    std::string text;
    const mmoe_status status =
        FillBuffer(text, 8 * values.size(), [&](char* data, size_t capacity, size_t* count) {
          return mmoe_detokenize(static_cast<mmoe_model>(model), values.data(), values.size(), skip_special,
                                 data, capacity, count);
        });
    return Succeeded(env, status) ? ToJava(env, text.data(), text.size()) : nullptr;
  });
}

jintArray Chat(JNIEnv* env, jclass, jlong model, jobjectArray roles_and_contents) {
  return Guarded<jintArray>(env, nullptr, [&]() -> jintArray {
    std::vector<std::string> texts;
    for (jsize i = 0; i < env->GetArrayLength(roles_and_contents); ++i) {
      const auto element = static_cast<jbyteArray>(env->GetObjectArrayElement(roles_and_contents, i));
      texts.push_back(ToBytes(env, element));
      env->DeleteLocalRef(element);  // a long conversation would fill the table of local references
    }
    std::vector<mmoe_message> messages;
    size_t bytes = 0;
    for (size_t i = 0; i + 1 < texts.size(); i += 2) {
      messages.push_back({texts[i].c_str(), texts[i + 1].c_str()});
      bytes += texts[i + 1].size();
    }
    std::vector<int32_t> ids;
    const mmoe_status status =
        FillBuffer(ids, bytes + 16, [&](int32_t* data, size_t capacity, size_t* count) {
          return mmoe_chat(static_cast<mmoe_model>(model), messages.data(), messages.size(), data, capacity,
                           count);
        });
    return Succeeded(env, status) ? ToJava(env, ids) : nullptr;
  });
}

}  // namespace

std::vector<JNINativeMethod> ModelMethods() {
  return {Method("modelOpen", "([BIZ)J", Open),      Method("modelClose", "(J)V", Close),
          Method("modelInfo", "(J)[J", Info),        Method("modelLoadSeconds", "(J)D", LoadSeconds),
          Method("tokenize", "(J[BZZ)[I", Tokenize), Method("detokenize", "(J[IZ)[B", Detokenize),
          Method("chat", "(J[[B)[I", Chat)};
}

}  // namespace mmoe::jni
