// Sessions.

#include "jni_support.h"
#include "methods.h"

namespace mmoe::jni {
namespace {

mmoe_session Handle(jlong session) { return static_cast<mmoe_session>(session); }

jlong Open(JNIEnv* env, jclass, jlong model) {
  mmoe_session session = 0;
  Succeeded(env, mmoe_session_open(static_cast<mmoe_model>(model), nullptr, &session));
  return static_cast<jlong>(session);
}

// Closing what is closed is harmless in Kotlin.
void Close(JNIEnv* env, jclass, jlong session) {
  const mmoe_status status = mmoe_session_close(Handle(session));
  if (status != MMOE_CLOSED) Succeeded(env, status);
}

void SetSampling(JNIEnv* env, jclass, jlong session, jfloat temperature, jint top_k, jfloat top_p,
                 jfloat min_p, jfloat repetition_penalty, jfloat frequency_penalty, jfloat presence_penalty,
                 jlong seed) {
  mmoe_sampling sampling;
  mmoe_sampling_init(&sampling);
  sampling.temperature = temperature;
  sampling.top_k = top_k;
  sampling.top_p = top_p;
  sampling.min_p = min_p;
  sampling.repetition_penalty = repetition_penalty;
  sampling.frequency_penalty = frequency_penalty;
  sampling.presence_penalty = presence_penalty;
  sampling.seed = static_cast<uint64_t>(seed);
  Succeeded(env, mmoe_session_set_sampling(Handle(session), &sampling));
}

void Prefill(JNIEnv* env, jclass, jlong session, jintArray ids) {
  Guarded(env, 0, [&] {
    const std::vector<int32_t> values = ToIds(env, ids);
    Succeeded(env, mmoe_session_prefill(Handle(session), values.data(), values.size(), nullptr));
    return 0;
  });
}

void Prompt(JNIEnv* env, jclass, jlong session, jintArray ids) {
  Guarded(env, 0, [&] {
    const std::vector<int32_t> values = ToIds(env, ids);
    Succeeded(env, mmoe_session_prompt(Handle(session), values.data(), values.size(), nullptr));
    return 0;
  });
}

jbyteArray Next(JNIEnv* env, jclass, jlong session, jintArray id_and_finish) {
  mmoe_step step;
  if (!Succeeded(env, mmoe_session_next(Handle(session), &step))) return nullptr;
  const jint values[] = {step.id, step.finish};
  env->SetIntArrayRegion(id_and_finish, 0, 2, values);
  return ToJava(env, step.text, step.text_bytes);
}

void SetLogitBias(JNIEnv* env, jclass, jlong session, jintArray ids, jfloatArray values) {
  Guarded(env, 0, [&] {
    const std::vector<int32_t> tokens = ToIds(env, ids);
    std::vector<float> numbers(tokens.size());
    env->GetFloatArrayRegion(values, 0, static_cast<jsize>(numbers.size()), numbers.data());
    std::vector<mmoe_logit_bias> bias;
    for (size_t index = 0; index < tokens.size(); ++index) bias.push_back({tokens[index], numbers[index]});
    Succeeded(env, mmoe_session_set_logit_bias(Handle(session), bias.data(), bias.size()));
    return 0;
  });
}

void Logprobs(JNIEnv* env, jclass, jlong session, jintArray ids, jfloatArray values) {
  Guarded(env, 0, [&] {
    const jsize count = env->GetArrayLength(ids);
    std::vector<mmoe_token_logprob> found(static_cast<size_t>(count));
    const mmoe_status status =
        mmoe_session_logprobs(Handle(session), found.data(), found.data() + 1, found.size() - 1);
    if (!Succeeded(env, status)) return 0;
    for (jsize index = 0; index < count; ++index) {
      env->SetIntArrayRegion(ids, index, 1, &found[static_cast<size_t>(index)].id);
      env->SetFloatArrayRegion(values, index, 1, &found[static_cast<size_t>(index)].logprob);
    }
    return 0;
  });
}

void SetLimits(JNIEnv* env, jclass, jlong session, jobjectArray stop, jlong min_new_tokens,
               jlong max_new_tokens) {
  Guarded(env, 0, [&] {
    const jsize count = env->GetArrayLength(stop);
    std::vector<std::string> texts;
    for (jsize index = 0; index < count; ++index) {
      const auto text = static_cast<jbyteArray>(env->GetObjectArrayElement(stop, index));
      texts.push_back(ToBytes(env, text));
      env->DeleteLocalRef(text);
    }
    std::vector<mmoe_text> stops;
    for (const std::string& text : texts) stops.push_back({text.data(), text.size()});
    mmoe_limits limits;
    mmoe_limits_init(&limits);
    limits.stop = stops.data();
    limits.stop_count = stops.size();
    limits.min_new_tokens = min_new_tokens;
    limits.max_new_tokens = max_new_tokens;
    Succeeded(env, mmoe_session_set_limits(Handle(session), &limits));
    return 0;
  });
}

void Save(JNIEnv* env, jclass, jlong session, jbyteArray path) {
  Guarded(env, 0, [&] {
    Succeeded(env, mmoe_session_save(Handle(session), ToBytes(env, path).c_str()));
    return 0;
  });
}

void Restore(JNIEnv* env, jclass, jlong session, jbyteArray path) {
  Guarded(env, 0, [&] {
    Succeeded(env, mmoe_session_restore(Handle(session), ToBytes(env, path).c_str()));
    return 0;
  });
}

void SetSpeculation(JNIEnv* env, jclass, jlong session, jint max_draft_tokens, jintArray document) {
  Guarded(env, 0, [&] {
    const std::vector<int32_t> ids = ToIds(env, document);
    mmoe_speculation speculation;
    mmoe_speculation_init(&speculation);
    speculation.max_draft_tokens = max_draft_tokens;
    speculation.document = ids.data();
    speculation.document_count = ids.size();
    Succeeded(env, mmoe_session_set_speculation(Handle(session), &speculation));
    return 0;
  });
}

void SetGrammar(JNIEnv* env, jclass, jlong session, jint kind, jbyteArray text) {
  Guarded(env, 0, [&] {
    const std::string bytes = ToBytes(env, text);
    Succeeded(env, mmoe_session_set_grammar(Handle(session), kind, bytes.data(), bytes.size()));
    return 0;
  });
}

void HideToolCalls(JNIEnv* env, jclass, jlong session, jboolean on) {
  Succeeded(env, mmoe_session_hide_tool_calls(Handle(session), on == JNI_TRUE ? 1 : 0));
}

jbyteArray Flush(JNIEnv* env, jclass, jlong session) {
  mmoe_step step;
  if (!Succeeded(env, mmoe_session_flush(Handle(session), &step))) return nullptr;
  return ToJava(env, step.text, step.text_bytes);
}

void Commit(JNIEnv* env, jclass, jlong session) { Succeeded(env, mmoe_session_commit(Handle(session))); }

void Decode(JNIEnv* env, jclass, jlong session, jint id) {
  Succeeded(env, mmoe_session_decode(Handle(session), id));
}

void Logits(JNIEnv* env, jclass, jlong session, jfloatArray logits) {
  Guarded(env, 0, [&] {
    std::vector<float> values(static_cast<size_t>(env->GetArrayLength(logits)));
    if (Succeeded(env, mmoe_session_logits(Handle(session), values.data(), values.size()))) {
      env->SetFloatArrayRegion(logits, 0, static_cast<jsize>(values.size()), values.data());
    }
    return 0;
  });
}

jlong Position(JNIEnv* env, jclass, jlong session) {
  int64_t position = 0;
  Succeeded(env, mmoe_session_position(Handle(session), &position));
  return position;
}

void Truncate(JNIEnv* env, jclass, jlong session, jlong position) {
  Succeeded(env, mmoe_session_truncate(Handle(session), position));
}

void Reset(JNIEnv* env, jclass, jlong session) { Succeeded(env, mmoe_session_reset(Handle(session))); }

// A session that was closed in the meantime has nothing left to cancel.
void Cancel(JNIEnv* env, jclass, jlong session) {
  const mmoe_status status = mmoe_session_cancel(Handle(session));
  if (status != MMOE_CLOSED) Succeeded(env, status);
}

void ClearCancel(JNIEnv* env, jclass, jlong session) {
  Succeeded(env, mmoe_session_clear_cancel(Handle(session)));
}

void CountExperts(JNIEnv* env, jclass, jlong session, jboolean on) {
  Succeeded(env, mmoe_session_count_experts(Handle(session), on == JNI_TRUE ? 1 : 0));
}

jlongArray ExpertCounts(JNIEnv* env, jclass, jlong session, jintArray layers_and_experts) {
  return Guarded<jlongArray>(env, nullptr, [&]() -> jlongArray {
    size_t sizes[2] = {};
    std::vector<uint64_t> counts;
    const mmoe_status status = FillBuffer(counts, 0, [&](uint64_t* to, size_t capacity, size_t* count) {
      const mmoe_status found =
          mmoe_session_expert_counts(Handle(session), to, capacity, &sizes[0], &sizes[1]);
      *count = sizes[0] * sizes[1];
      return found;
    });
    if (!Succeeded(env, status)) return nullptr;
    const jint both[] = {static_cast<jint>(sizes[0]), static_cast<jint>(sizes[1])};
    env->SetIntArrayRegion(layers_and_experts, 0, 2, both);
    const auto length = static_cast<jsize>(counts.size());
    const jlongArray array = env->NewLongArray(length);
    if (array != nullptr) {
      env->SetLongArrayRegion(array, 0, length, reinterpret_cast<const jlong*>(counts.data()));
    }
    return array;
  });
}

jdoubleArray Stats(JNIEnv* env, jclass, jlong session, jlongArray tokens) {
  mmoe_stats stats;
  mmoe_stats_init(&stats);
  if (!Succeeded(env, mmoe_session_stats(Handle(session), &stats))) return nullptr;
  const jlong counts[] = {stats.prefill_tokens, stats.decode_tokens, stats.drafted_tokens,
                          stats.accepted_tokens};
  env->SetLongArrayRegion(tokens, 0, 4, counts);
  const jdouble seconds[] = {stats.load_seconds, stats.ttft_seconds, stats.prefill_seconds,
                             stats.decode_seconds, stats.program_seconds};
  const jdoubleArray array = env->NewDoubleArray(5);
  if (array != nullptr) env->SetDoubleArrayRegion(array, 0, 5, seconds);
  return array;
}

}  // namespace

std::vector<JNINativeMethod> SessionMethods() {
  return {Method("sessionOpen", "(J)J", Open),
          Method("sessionClose", "(J)V", Close),
          Method("sessionSetSampling", "(JFIFFFFFJ)V", SetSampling),
          Method("sessionPrefill", "(J[I)V", Prefill),
          Method("sessionPrompt", "(J[I)V", Prompt),
          Method("sessionNext", "(J[I)[B", Next),
          Method("sessionSetLogitBias", "(J[I[F)V", SetLogitBias),
          Method("sessionLogprobs", "(J[I[F)V", Logprobs),
          Method("sessionSetLimits", "(J[[BJJ)V", SetLimits),
          Method("sessionSave", "(J[B)V", Save),
          Method("sessionRestore", "(J[B)V", Restore),
          Method("sessionSetSpeculation", "(JI[I)V", SetSpeculation),
          Method("sessionSetGrammar", "(JI[B)V", SetGrammar),
          Method("sessionHideToolCalls", "(JZ)V", HideToolCalls),
          Method("sessionFlush", "(J)[B", Flush),
          Method("sessionCommit", "(J)V", Commit),
          Method("sessionDecode", "(JI)V", Decode),
          Method("sessionLogits", "(J[F)V", Logits),
          Method("sessionPosition", "(J)J", Position),
          Method("sessionTruncate", "(JJ)V", Truncate),
          Method("sessionReset", "(J)V", Reset),
          Method("sessionCancel", "(J)V", Cancel),
          Method("sessionClearCancel", "(J)V", ClearCancel),
          Method("sessionCountExperts", "(JZ)V", CountExperts),
          Method("sessionExpertCounts", "(J[I)[J", ExpertCounts),
          Method("sessionStats", "(J[J)[D", Stats)};
}

}  // namespace mmoe::jni
