// Sessions.

#include <cerrno>
#include <cstdlib>

#include "value.h"

namespace mmoe::js {
namespace {

Value Open(const Arguments& arguments, const Notify&) {
  mmoe_session session = 0;
  Succeeded(mmoe_session_open(arguments.Handle(0), nullptr, &session));
  return Value::Of(session);
}

Value Close(const Arguments& arguments, const Notify&) {
  const mmoe_status status = mmoe_session_close(arguments.Handle(0));
  if (status != MMOE_CLOSED) Succeeded(status);
  return {};
}

// session, temperature, topK, topP, minP, repetitionPenalty, frequencyPenalty, presencePenalty, seed as decimal digits,
// because a number of JavaScript holds 53 of its 64 bits
Value SetSampling(const Arguments& arguments, const Notify&) {
  mmoe_sampling sampling;
  mmoe_sampling_init(&sampling);
  sampling.temperature = static_cast<float>(arguments.Number(1));
  sampling.top_k = arguments.Int32(2);
  sampling.top_p = static_cast<float>(arguments.Number(3));
  sampling.min_p = static_cast<float>(arguments.Number(4));
  sampling.repetition_penalty = static_cast<float>(arguments.Number(5));
  sampling.frequency_penalty = static_cast<float>(arguments.Number(6));
  sampling.presence_penalty = static_cast<float>(arguments.Number(7));
  const std::string& seed = arguments.Text(8);
  errno = 0;
  sampling.seed = std::strtoull(seed.c_str(), nullptr, 10);
  if (errno != 0 || seed.empty() || seed.find_first_not_of("0123456789") != std::string::npos) {
    throw Failure{MMOE_INVALID_ARGUMENT, "seed must be a whole number of 64 bits, not " + seed};
  }
  Succeeded(mmoe_session_set_sampling(arguments.Handle(0), &sampling));
  return {};
}

// session, ids, biases
Value SetLogitBias(const Arguments& arguments, const Notify&) {
  const Ids& ids = arguments.Tokens(1);
  const Floats& biases = arguments.Numbers(2);
  if (biases.size() != ids.size()) {
    throw Failure{MMOE_INVALID_ARGUMENT, "there must be as many biases as ids"};
  }
  std::vector<mmoe_logit_bias> bias;
  for (size_t index = 0; index < ids.size(); ++index) bias.push_back({ids[index], biases[index]});
  Succeeded(mmoe_session_set_logit_bias(arguments.Handle(0), bias.data(), bias.size()));
  return {};
}

// session, stop strings, minNewTokens, maxNewTokens or null
Value SetLimits(const Arguments& arguments, const Notify&) {
  std::vector<mmoe_text> stops;
  for (const Value& stop : arguments.Members(1)) {
    const std::string* text = std::get_if<std::string>(&stop.held);
    if (text == nullptr) throw Failure{MMOE_INVALID_ARGUMENT, "a stop must be a string"};
    stops.push_back({text->data(), text->size()});
  }
  mmoe_limits limits;
  mmoe_limits_init(&limits);
  limits.stop = stops.data();
  limits.stop_count = stops.size();
  limits.min_new_tokens = arguments.Int64(2);
  limits.max_new_tokens = arguments.IsNull(3) ? -1 : arguments.Int64(3);
  // -1 is the library's word for none, which JavaScript has null for.
  if (limits.max_new_tokens < 0 && !arguments.IsNull(3)) {
    throw Failure{MMOE_INVALID_ARGUMENT, "maxNewTokens must not be negative"};
  }
  Succeeded(mmoe_session_set_limits(arguments.Handle(0), &limits));
  return {};
}

// session, kind (an mmoe_grammar_kind), text or null
Value SetGrammar(const Arguments& arguments, const Notify&) {
  const bool none = arguments.IsNull(2);
  const std::string text = none ? std::string() : arguments.Text(2);
  Succeeded(mmoe_session_set_grammar(arguments.Handle(0), arguments.Int32(1), none ? nullptr : text.data(),
                                     text.size()));
  return {};
}

// session, whether to hide them
Value HideToolCalls(const Arguments& arguments, const Notify&) {
  Succeeded(mmoe_session_hide_tool_calls(arguments.Handle(0), arguments.Bool(1) ? 1 : 0));
  return {};
}

// session, whether to count
Value CountExperts(const Arguments& arguments, const Notify&) {
  Succeeded(mmoe_session_count_experts(arguments.Handle(0), arguments.Bool(1) ? 1 : 0));
  return {};
}

// A list for each layer.
Value ExpertCounts(const Arguments& arguments, const Notify&) {
  size_t layers = 0, experts = 0;
  std::vector<uint64_t> counts;
  mmoe_status status = mmoe_session_expert_counts(arguments.Handle(0), nullptr, 0, &layers, &experts);
  if (status == MMOE_BUFFER_TOO_SMALL) {
    counts.resize(layers * experts);
    status = mmoe_session_expert_counts(arguments.Handle(0), counts.data(), counts.size(), &layers, &experts);
  }
  Succeeded(status);
  List result;
  for (size_t layer = 0; layer < layers; ++layer) {
    List row;
    for (size_t expert = 0; expert < experts; ++expert) {
      row.push_back(Value::Of(counts[layer * experts + expert]));
    }
    result.push_back(std::move(row));
  }
  return result;
}

// session, maxDraftTokens or null for all, ids of a document
Value SetSpeculation(const Arguments& arguments, const Notify&) {
  mmoe_speculation speculation;
  mmoe_speculation_init(&speculation);
  speculation.max_draft_tokens = arguments.IsNull(1) ? -1 : arguments.Int32(1);
  if (speculation.max_draft_tokens < 0 && !arguments.IsNull(1)) {
    throw Failure{MMOE_INVALID_ARGUMENT, "maxDraftTokens must not be negative"};
  }
  const Ids& document = arguments.Tokens(2);
  speculation.document = document.data();
  speculation.document_count = document.size();
  Succeeded(mmoe_session_set_speculation(arguments.Handle(0), &speculation));
  return {};
}

Value Prefill(const Arguments& arguments, const Notify&) {
  const Ids& ids = arguments.Tokens(1);
  Succeeded(mmoe_session_prefill(arguments.Handle(0), ids.data(), ids.size(), nullptr));
  return {};
}

Value Prompt(const Arguments& arguments, const Notify&) {
  const Ids& ids = arguments.Tokens(1);
  Succeeded(mmoe_session_prompt(arguments.Handle(0), ids.data(), ids.size(), nullptr));
  return {};
}

Value ToValue(const mmoe_step& step) {
  Value reason;
  if (step.finish != MMOE_FINISH_NONE) reason = std::string(mmoe_finish_name(step.finish));
  return Record{{"id", Value::Of(step.id)},
                {"text", std::string(step.text, step.text_bytes)},
                {"finishReason", std::move(reason)}};
}

Value Next(const Arguments& arguments, const Notify&) {
  mmoe_step step;
  Succeeded(mmoe_session_next(arguments.Handle(0), &step));
  return ToValue(step);
}

Value Flush(const Arguments& arguments, const Notify&) {
  mmoe_step step;
  Succeeded(mmoe_session_flush(arguments.Handle(0), &step));
  return std::string(step.text, step.text_bytes);
}

Value Commit(const Arguments& arguments, const Notify&) {
  Succeeded(mmoe_session_commit(arguments.Handle(0)));
  return {};
}

Value Decode(const Arguments& arguments, const Notify&) {
  Succeeded(mmoe_session_decode(arguments.Handle(0), arguments.Int32(1)));
  return {};
}

// session, vocabSize
Value Logits(const Arguments& arguments, const Notify&) {
  Floats logits(static_cast<size_t>(arguments.Handle(1)));
  Succeeded(mmoe_session_logits(arguments.Handle(0), logits.data(), logits.size()));
  return logits;
}

// session, top; gives the chosen token, then the most probable ones: ids and logarithms
Value Logprobs(const Arguments& arguments, const Notify&) {
  const int32_t top = arguments.Int32(1);
  if (top < 0) throw Failure{MMOE_INVALID_ARGUMENT, "top must not be negative"};
  std::vector<mmoe_token_logprob> found(static_cast<size_t>(top) + 1);
  Succeeded(mmoe_session_logprobs(arguments.Handle(0), found.data(), found.data() + 1, found.size() - 1));
  Ids ids;
  Floats logprobs;
  for (const mmoe_token_logprob& each : found) {
    ids.push_back(each.id);
    logprobs.push_back(each.logprob);
  }
  return Record{{"ids", std::move(ids)}, {"logprobs", std::move(logprobs)}};
}

Value Position(const Arguments& arguments, const Notify&) {
  int64_t position = 0;
  Succeeded(mmoe_session_position(arguments.Handle(0), &position));
  return Value::Of(position);
}

Value Truncate(const Arguments& arguments, const Notify&) {
  Succeeded(mmoe_session_truncate(arguments.Handle(0), arguments.Int64(1)));
  return {};
}

Value Reset(const Arguments& arguments, const Notify&) {
  Succeeded(mmoe_session_reset(arguments.Handle(0)));
  return {};
}

Value Save(const Arguments& arguments, const Notify&) {
  Succeeded(mmoe_session_save(arguments.Handle(0), arguments.Text(1).c_str()));
  return {};
}

Value Restore(const Arguments& arguments, const Notify&) {
  Succeeded(mmoe_session_restore(arguments.Handle(0), arguments.Text(1).c_str()));
  return {};
}

Value Cancel(const Arguments& arguments, const Notify&) {
  Succeeded(mmoe_session_cancel(arguments.Handle(0)));
  return {};
}

Value ClearCancel(const Arguments& arguments, const Notify&) {
  Succeeded(mmoe_session_clear_cancel(arguments.Handle(0)));
  return {};
}

Value Stats(const Arguments& arguments, const Notify&) {
  mmoe_stats stats;
  mmoe_stats_init(&stats);
  Succeeded(mmoe_session_stats(arguments.Handle(0), &stats));
  return Record{{"loadSeconds", stats.load_seconds},
                {"ttftSeconds", stats.ttft_seconds},
                {"prefillTokens", Value::Of(stats.prefill_tokens)},
                {"prefillSeconds", stats.prefill_seconds},
                {"decodeTokens", Value::Of(stats.decode_tokens)},
                {"decodeSeconds", stats.decode_seconds},
                {"programSeconds", stats.program_seconds},
                {"draftedTokens", Value::Of(stats.drafted_tokens)},
                {"acceptedTokens", Value::Of(stats.accepted_tokens)}};
}

}  // namespace

std::vector<Call> SessionCalls() {
  return {{"sessionOpen", false, Open},
          {"sessionClose", true, Close},
          {"sessionSetSampling", false, SetSampling},
          {"sessionSetLogitBias", false, SetLogitBias},
          {"sessionSetLimits", false, SetLimits},
          {"sessionSetGrammar", true, SetGrammar},
          {"sessionHideToolCalls", false, HideToolCalls},
          {"sessionCountExperts", false, CountExperts},
          {"sessionExpertCounts", false, ExpertCounts},
          {"sessionSetSpeculation", false, SetSpeculation},
          {"sessionPrefill", true, Prefill},
          {"sessionPrompt", true, Prompt},
          {"sessionNext", true, Next},
          {"sessionFlush", false, Flush},
          {"sessionCommit", true, Commit},
          {"sessionDecode", true, Decode},
          {"sessionLogits", false, Logits},
          {"sessionLogprobs", false, Logprobs},
          {"sessionPosition", false, Position},
          {"sessionTruncate", false, Truncate},
          {"sessionReset", false, Reset},
          {"sessionSave", true, Save},
          {"sessionRestore", true, Restore},
          {"sessionCancel", false, Cancel},
          {"sessionClearCancel", false, ClearCancel},
          {"sessionStats", false, Stats}};
}

}  // namespace mmoe::js
