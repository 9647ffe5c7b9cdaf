// Models and text.

#include <algorithm>

#include "jni_support.h"
#include "methods.h"

namespace mmoe::jni {
namespace {

jlong Open(JNIEnv* env, jclass, jbyteArray folder, jint threads, jboolean verify_checksums,
           jobject on_progress) {
  return Guarded<jlong>(env, 0, [&]() -> jlong {
    mmoe_model_options options;
    mmoe_model_options_init(&options);
    options.threads = threads > 0 ? static_cast<uint32_t>(threads) : 0;
    options.verify_checksums = verify_checksums == JNI_TRUE ? 1 : 0;
    ProgressCallback callback(env, on_progress);
    options.on_progress = callback.function();
    options.progress_context = &callback;
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

void WarmUp(JNIEnv* env, jclass, jlong model, jobject on_progress) {
  ProgressCallback callback(env, on_progress);
  Succeeded(env, mmoe_model_warm_up(static_cast<mmoe_model>(model), callback.function(), &callback));
}

jlongArray SessionMemory(JNIEnv* env, jclass, jlong model, jlong tokens) {
  mmoe_session_memory memory;
  mmoe_session_memory_init(&memory);
  if (!Succeeded(env, mmoe_model_session_memory(static_cast<mmoe_model>(model), tokens, &memory)))
    return nullptr;
  const jlong values[] = {static_cast<jlong>(memory.planned_bytes), static_cast<jlong>(memory.cache_bytes),
                          static_cast<jlong>(memory.speculation_bytes)};
  const jlongArray array = env->NewLongArray(3);
  if (array != nullptr) env->SetLongArrayRegion(array, 0, 3, values);
  return array;
}

jlongArray Info(JNIEnv* env, jclass, jlong model) {
  mmoe_model_info info;
  mmoe_model_info_init(&info);
  if (!Succeeded(env, mmoe_model_get_info(static_cast<mmoe_model>(model), &info))) return nullptr;
  const jlong values[] = {info.vocab_size,      info.max_seq_len,
                          info.max_context_len, info.layers,
                          info.bos_id,          static_cast<jlong>(info.threads),
                          info.has_chat,        static_cast<jlong>(info.program_bytes),
                          info.sliding_window,  info.window_rows,
                          info.max_draft_tokens};
  constexpr jsize kCount = sizeof(values) / sizeof(values[0]);
  const jlongArray array = env->NewLongArray(kCount);
  if (array != nullptr) env->SetLongArrayRegion(array, 0, kCount, values);
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

jbyteArray TokenBytes(JNIEnv* env, jclass, jlong model, jint id, jboolean first) {
  return Guarded<jbyteArray>(env, nullptr, [&]() -> jbyteArray {
    std::string bytes;
    const mmoe_status status = FillBuffer(bytes, 64, [&](char* data, size_t capacity, size_t* count) {
      return mmoe_token_bytes(static_cast<mmoe_model>(model), id, first, data, capacity, count);
    });
    return Succeeded(env, status) ? ToJava(env, bytes.data(), bytes.size()) : nullptr;
  });
}

jintArray ChatJson(JNIEnv* env, jclass, jlong model, jbyteArray conversation, jbyteArray now) {
  return Guarded<jintArray>(env, nullptr, [&]() -> jintArray {
    const std::string bytes = ToBytes(env, conversation);
    const std::string moment = now == nullptr ? "" : ToBytes(env, now);
    std::vector<int32_t> ids;
    const mmoe_status status =
        FillBuffer(ids, bytes.size() + 16, [&](int32_t* data, size_t capacity, size_t* count) {
          return mmoe_chat_json(static_cast<mmoe_model>(model), bytes.data(), bytes.size(),
                                now == nullptr ? nullptr : moment.c_str(), data, capacity, count);
        });
    return Succeeded(env, status) ? ToJava(env, ids) : nullptr;
  });
}

jintArray ChatFit(JNIEnv* env, jclass, jlong model, jbyteArray conversation, jbyteArray now, jint most_ids,
                  jintArray left_out) {
  return Guarded<jintArray>(env, nullptr, [&]() -> jintArray {
    const std::string bytes = ToBytes(env, conversation);
    const std::string moment = now == nullptr ? "" : ToBytes(env, now);
    const auto most = static_cast<size_t>(most_ids);
    std::vector<int32_t> ids;
    size_t messages = 0;
    const mmoe_status status = FillBuffer(
        ids, std::min(most, bytes.size() + 16), [&](int32_t* data, size_t capacity, size_t* count) {
          return mmoe_chat_fit(static_cast<mmoe_model>(model), bytes.data(), bytes.size(),
                               now == nullptr ? nullptr : moment.c_str(), most, data, capacity, count,
                               &messages);
        });
    if (!Succeeded(env, status)) return nullptr;
    const jint value = static_cast<jint>(messages);
    env->SetIntArrayRegion(left_out, 0, 1, &value);
    return ToJava(env, ids);
  });
}

jbyteArray ToolCalls(JNIEnv* env, jclass, jlong model, jbyteArray text) {
  return Guarded<jbyteArray>(env, nullptr, [&]() -> jbyteArray {
    const std::string bytes = ToBytes(env, text);
    std::string message;
    const mmoe_status status =
        FillBuffer(message, 2 * bytes.size() + 256, [&](char* data, size_t capacity, size_t* count) {
          return mmoe_tool_calls(static_cast<mmoe_model>(model), bytes.data(), bytes.size(), data, capacity,
                                 count);
        });
    return Succeeded(env, status) ? ToJava(env, message.data(), message.size()) : nullptr;
  });
}

jint DefaultSampling(JNIEnv* env, jclass, jlong model, jfloatArray floats) {
  mmoe_sampling sampling;
  mmoe_sampling_init(&sampling);
  if (!Succeeded(env, mmoe_model_sampling(static_cast<mmoe_model>(model), &sampling))) return 0;
  const jfloat values[] = {sampling.temperature, sampling.top_p, sampling.min_p, sampling.repetition_penalty};
  env->SetFloatArrayRegion(floats, 0, 4, values);
  return sampling.top_k;
}

void CheckGrammar(JNIEnv* env, jclass, jlong model, jint kind, jbyteArray text) {
  Guarded(env, 0, [&] {
    const std::string bytes = ToBytes(env, text);
    Succeeded(env,
              mmoe_model_check_grammar(static_cast<mmoe_model>(model), kind, bytes.data(), bytes.size()));
    return 0;
  });
}

}  // namespace

std::vector<JNINativeMethod> ModelMethods() {
  return {Method("modelOpen", "([BIZLorg/mmoe/OnProgress;)J", Open),
          Method("modelWarmUp", "(JLorg/mmoe/OnProgress;)V", WarmUp),
          Method("modelSessionMemory", "(JJ)[J", SessionMemory),
          Method("modelClose", "(J)V", Close),
          Method("modelInfo", "(J)[J", Info),
          Method("modelLoadSeconds", "(J)D", LoadSeconds),
          Method("tokenize", "(J[BZZ)[I", Tokenize),
          Method("detokenize", "(J[IZ)[B", Detokenize),
          Method("tokenBytes", "(JIZ)[B", TokenBytes),
          Method("chatJson", "(J[B[B)[I", ChatJson),
          Method("chatFit", "(J[B[BI[I)[I", ChatFit),
          Method("toolCalls", "(J[B)[B", ToolCalls),
          Method("modelSampling", "(J[F)I", DefaultSampling),
          Method("modelCheckGrammar", "(JI[B)V", CheckGrammar)};
}

}  // namespace mmoe::jni
