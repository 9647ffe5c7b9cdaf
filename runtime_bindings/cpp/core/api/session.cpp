#include "core/session.h"

#include "core/api/guard.h"
#include "core/memory.h"
#include "core/sampling.h"
#include "core/text/utf8.h"

namespace {

template <typename Work>
mmoe_status InSession(mmoe_session session, Work work) {
  return mmoe::Guard([&] { work(*mmoe::Sessions().Get(session)); });
}

mmoe_sampling Chosen(const mmoe_sampling* sampling, const mmoe::Model& model) {
  if (sampling == nullptr) return model.manifest().sampling;
  return mmoe::Received(sampling, mmoe_sampling_init, "mmoe_sampling");
}

// The system keeps no peaks by kind, so calls after which memory has grown look at it. A decode step only
// touches more of what its prefill did; reading /proc after each would cost it 20 us.
void NotePeaks() {
  mmoe_memory now;
  mmoe_memory_init(&now);
  mmoe::ReadMemory(&now);
}

mmoe::Limits ToLimits(const mmoe_limits& limits) {
  mmoe::RequireArgument(limits.stop != nullptr || limits.stop_count == 0, "stop is NULL");
  mmoe::RequireArgument(limits.min_new_tokens >= 0, "min_new_tokens must not be negative");
  mmoe::RequireArgument(limits.max_new_tokens >= -1, "max_new_tokens must be -1 (no limit), 0 or positive");
  mmoe::Limits found;
  for (size_t index = 0; index < limits.stop_count; ++index) {
    const mmoe_text& stop = limits.stop[index];
    mmoe::RequireArgument(stop.bytes != nullptr && stop.count > 0, "a stop string is empty");
    mmoe::AppendLossyUtf8({stop.bytes, stop.count}, &found.stop.emplace_back());
  }
  found.min_new_tokens = limits.min_new_tokens;
  found.max_new_tokens = limits.max_new_tokens;
  return found;
}

}  // namespace

void mmoe_sampling_init(mmoe_sampling* sampling) {
  if (sampling != nullptr) *sampling = mmoe::GreedySampling();
}

mmoe_status mmoe_session_open(mmoe_model model, const mmoe_sampling* sampling, mmoe_session* session) {
  return mmoe::Guard([&] {
    mmoe::RequireArgument(session != nullptr, "session is NULL");
    const std::shared_ptr<mmoe::Model> shared = mmoe::Models().Get(model);
    const auto opened = std::make_shared<mmoe::Session>(shared, Chosen(sampling, *shared));
    const mmoe_session handle = mmoe::Sessions().Add(opened);
    try {
      mmoe::Models().Get(model);  // closed meanwhile, it has closed the sessions that it knew of
    } catch (const mmoe::CoreError&) {
      mmoe_session_close(handle);
      throw;
    }
    *session = handle;
    NotePeaks();
  });
}

mmoe_status mmoe_session_close(mmoe_session session) {
  return mmoe::GuardClose([&] { mmoe::Sessions().Take(session)->Close(); });
}

mmoe_status mmoe_session_set_sampling(mmoe_session session, const mmoe_sampling* sampling) {
  return InSession(session, [&](mmoe::Session& open) { open.SetSampling(Chosen(sampling, open.model())); });
}

mmoe_status mmoe_session_set_logit_bias(mmoe_session session, const mmoe_logit_bias* bias, size_t count) {
  return InSession(session, [&](mmoe::Session& open) {
    mmoe::RequireArgument(bias != nullptr || count == 0, "bias is NULL");
    open.SetBias({bias, bias + count});
  });
}

mmoe_status mmoe_session_logprobs(mmoe_session session, mmoe_token_logprob* chosen, mmoe_token_logprob* top,
                                  size_t top_count) {
  return InSession(session, [&](mmoe::Session& open) { open.Logprobs(chosen, top, top_count); });
}

mmoe_status mmoe_session_prefill(mmoe_session session, const int32_t* ids, size_t count, size_t* done) {
  return InSession(session, [&](mmoe::Session& open) {
    mmoe::RequireArgument(ids != nullptr || count == 0, "ids is NULL");
    open.Prefill(ids, count, done);
    NotePeaks();
  });
}

mmoe_status mmoe_session_prompt(mmoe_session session, const int32_t* ids, size_t count, size_t* done) {
  return InSession(session, [&](mmoe::Session& open) {
    mmoe::RequireArgument(ids != nullptr || count == 0, "ids is NULL");
    open.Prompt(ids, count, done);
    NotePeaks();
  });
}

mmoe_status mmoe_session_next(mmoe_session session, mmoe_step* step) {
  return InSession(session, [&](mmoe::Session& open) {
    mmoe::RequireArgument(step != nullptr, "step is NULL");
    open.Next(step);
  });
}

void mmoe_limits_init(mmoe_limits* limits) {
  if (limits == nullptr) return;
  *limits = {};
  limits->struct_size = sizeof(*limits);
  limits->max_new_tokens = -1;
}

void mmoe_speculation_init(mmoe_speculation* speculation) {
  if (speculation == nullptr) return;
  *speculation = {};
  speculation->struct_size = sizeof(*speculation);
}

mmoe_status mmoe_session_set_speculation(mmoe_session session, const mmoe_speculation* speculation) {
  return InSession(session, [&](mmoe::Session& open) {
    const auto chosen = mmoe::Received(speculation, mmoe_speculation_init, "mmoe_speculation");
    mmoe::RequireArgument(chosen.max_draft_tokens >= -1, "max_draft_tokens must be -1 (all), 0 or positive");
    mmoe::RequireArgument(chosen.document != nullptr || chosen.document_count == 0, "document is NULL");
    open.SetSpeculation(chosen.max_draft_tokens, {chosen.document, chosen.document + chosen.document_count});
  });
}

mmoe_status mmoe_session_set_limits(mmoe_session session, const mmoe_limits* limits) {
  return InSession(session, [&](mmoe::Session& open) {
    open.SetLimits(ToLimits(mmoe::Received(limits, mmoe_limits_init, "mmoe_limits")));
  });
}

mmoe_status mmoe_session_hide_tool_calls(mmoe_session session, int32_t on) {
  return InSession(session, [&](mmoe::Session& open) { open.HideCalls(on != 0); });
}

mmoe_status mmoe_session_set_grammar(mmoe_session session, int32_t kind, const char* text,
                                     size_t text_bytes) {
  return InSession(session, [&](mmoe::Session& open) {
    mmoe::RequireArgument(text != nullptr || text_bytes == 0, "text is NULL");
    open.SetGrammar(kind == MMOE_GRAMMAR_NONE ? nullptr
                                              : open.model().grammars().Get(kind, {text, text_bytes}));
  });
}

mmoe_status mmoe_session_flush(mmoe_session session, mmoe_step* step) {
  return InSession(session, [&](mmoe::Session& open) {
    mmoe::RequireArgument(step != nullptr, "step is NULL");
    open.Flush(step);
  });
}

mmoe_status mmoe_session_commit(mmoe_session session) {
  return InSession(session, [](mmoe::Session& open) { open.Commit(); });
}

mmoe_status mmoe_session_decode(mmoe_session session, int32_t id) {
  return InSession(session, [&](mmoe::Session& open) { open.Decode(id); });
}

mmoe_status mmoe_session_logits(mmoe_session session, float* logits, size_t capacity) {
  return InSession(session, [&](mmoe::Session& open) {
    mmoe::RequireArgument(logits != nullptr, "logits is NULL");
    open.Logits(logits, capacity);
  });
}

mmoe_status mmoe_session_position(mmoe_session session, int64_t* position) {
  return InSession(session, [&](mmoe::Session& open) {
    mmoe::RequireArgument(position != nullptr, "position is NULL");
    *position = open.Position();
  });
}

mmoe_status mmoe_session_truncate(mmoe_session session, int64_t position) {
  return InSession(session, [&](mmoe::Session& open) { open.Truncate(position); });
}

mmoe_status mmoe_session_reset(mmoe_session session) {
  return InSession(session, [](mmoe::Session& open) { open.Reset(); });
}

mmoe_status mmoe_session_save(mmoe_session session, const char* path) {
  return InSession(session, [&](mmoe::Session& open) {
    mmoe::RequireArgument(path != nullptr, "path is NULL");
    open.Save(path);
  });
}

mmoe_status mmoe_session_restore(mmoe_session session, const char* path) {
  return InSession(session, [&](mmoe::Session& open) {
    mmoe::RequireArgument(path != nullptr, "path is NULL");
    open.Restore(path);
    NotePeaks();
  });
}

mmoe_status mmoe_session_cancel(mmoe_session session) {
  return InSession(session, [](mmoe::Session& open) { open.Cancel(); });
}

mmoe_status mmoe_session_clear_cancel(mmoe_session session) {
  return InSession(session, [](mmoe::Session& open) { open.ClearCancel(); });
}

void mmoe_stats_init(mmoe_stats* stats) {
  if (stats == nullptr) return;
  *stats = {};
  stats->struct_size = sizeof(*stats);
}

mmoe_status mmoe_session_count_experts(mmoe_session session, int32_t on) {
  return InSession(session, [&](mmoe::Session& open) { open.CountExperts(on != 0); });
}

mmoe_status mmoe_session_expert_counts(mmoe_session session, uint64_t* counts, size_t capacity,
                                       size_t* layers, size_t* experts) {
  return InSession(session, [&](mmoe::Session& open) {
    mmoe::RequireArgument(counts != nullptr || capacity == 0, "counts is NULL");
    mmoe::RequireArgument(layers != nullptr && experts != nullptr, "layers or experts is NULL");
    open.CopyExpertCounts(counts, capacity, layers, experts);
  });
}

mmoe_status mmoe_session_stats(mmoe_session session, mmoe_stats* stats) {
  return InSession(session, [&](mmoe::Session& open) {
    mmoe::RequireStruct(stats, "mmoe_stats");
    mmoe_stats found;
    mmoe_stats_init(&found);
    open.Stats(&found);
    mmoe::Hand(found, stats);
  });
}
