// The scenarios of tests/conformance through the C ABI alone; the README there describes their format.
// MMOE_TEST_ARTIFACT names the bundled checkpoint, converted, MMOE_TEST_SCENARIOS the folder of the scenarios, and
// MMOE_TEST_VARIANTS that of the other artifacts.

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/mmoe.h"
#include "tests/conformance_conversation.h"
#include "tests/conformance_values.h"

namespace mmoe::conformance {
namespace {

std::string FinishText(int32_t finish) {
  return finish == MMOE_FINISH_NONE ? "null" : Text(std::string(mmoe_finish_name(finish)));
}

// A model and a session, or a conversation in it, for the calls of one scenario.
class Caller {
 public:
  explicit Caller(const Json& scenario) {
    Check(mmoe_model_open(ArtifactOf(scenario).c_str(), nullptr, &model_));
    std::optional<mmoe_sampling> sampling;
    if (const std::optional<Json> values = scenario.Find("sampling")) sampling = SamplingOf(*values);
    Check(mmoe_session_open(model_, sampling ? &*sampling : nullptr, &session_));
    if (const std::optional<Json> chat = scenario.Find("chat")) conversation_ = Conversation(model_, *chat);
  }
  ~Caller() { mmoe_model_close(model_); }
  Caller(const Caller&) = delete;

  Result Call(const Json& call) {
    using Method = Result (Caller::*)(const Json&);
    static const std::map<std::string, Method> methods = {{"info", &Caller::Info},
                                                          {"tokenize", &Caller::Tokenize},
                                                          {"detokenize", &Caller::Detokenize},
                                                          {"token_bytes", &Caller::TokenBytes},
                                                          {"chat", &Caller::Chat},
                                                          {"chat_json", &Caller::ChatJson},
                                                          {"chat_fit", &Caller::ChatFit},
                                                          {"tool_calls", &Caller::ToolCalls},
                                                          {"sampling", &Caller::Sampling},
                                                          {"prompt", &Caller::Prompt},
                                                          {"prefill", &Caller::Prefill},
                                                          {"next", &Caller::Next},
                                                          {"set_limits", &Caller::SetLimits},
                                                          {"set_grammar", &Caller::SetGrammar},
                                                          {"check_grammar", &Caller::CheckGrammar},
                                                          {"warm_up", &Caller::WarmUp},
                                                          {"session_memory", &Caller::SessionMemory},
                                                          {"set_speculation", &Caller::SetSpeculation},
                                                          {"set_logit_bias", &Caller::SetLogitBias},
                                                          {"logprobs", &Caller::Logprobs},
                                                          {"hide_tool_calls", &Caller::HideToolCalls},
                                                          {"count_experts", &Caller::CountExperts},
                                                          {"expert_counts", &Caller::ExpertCounts},
                                                          {"flush", &Caller::Flush},
                                                          {"commit", &Caller::Commit},
                                                          {"decode", &Caller::Decode},
                                                          {"logits", &Caller::Logits},
                                                          {"position", &Caller::Position},
                                                          {"truncate", &Caller::Truncate},
                                                          {"save", &Caller::Save},
                                                          {"restore", &Caller::Restore},
                                                          {"reset", &Caller::Reset},
                                                          {"cancel", &Caller::Cancel},
                                                          {"clear_cancel", &Caller::ClearCancel},
                                                          {"close", &Caller::Close},
                                                          {"set_sampling", &Caller::SetSampling},
                                                          {"stats", &Caller::Stats},
                                                          {"generate", &Caller::Generate},
                                                          {"send", &Caller::Send},
                                                          {"history", &Caller::History},
                                                          {"turns", &Caller::Turns},
                                                          {"left_out", &Caller::LeftOut},
                                                          {"restore_turns", &Caller::RestoreTurns},
                                                          {"close_model", &Caller::CloseModel}};
    try {
      return (this->*methods.at(call.Get("call").String()))(call);
    } catch (const Refused& refused) {
      return {{"error", Text(std::string(mmoe_status_name(refused.status)))}};
    }
  }

 private:
  Result Info(const Json&) {
    const mmoe_model_info info = InfoOf(model_);
    return {{"vocab_size", Text(int64_t{info.vocab_size})},
            {"max_context_len", Text(int64_t{info.max_context_len})},
            {"layers", Text(int64_t{info.layers})},
            {"bos_id", info.bos_id < 0 ? "null" : Text(int64_t{info.bos_id})},
            {"has_chat", info.has_chat ? "true" : "false"}};
  }

  Result Tokenize(const Json& call) {
    const std::string text = TextOf(call);
    Ids ids(text.size() + 1);  // a token stands for a byte at least
    size_t count = 0;
    Check(mmoe_tokenize(model_, text.data(), text.size(), Flag(call, "add_bos", true),
                        Flag(call, "parse_special", false), ids.data(), ids.size(), &count));
    ids.resize(count);
    return {{"ids", Text(ids)}};
  }

  Result Detokenize(const Json& call) {
    return {{"text", Text(Detokenized(model_, IdsOf(call), Flag(call, "skip_special", true)))}};
  }

  Result TokenBytes(const Json& call) {
    const auto id = static_cast<int32_t>(call.Get("id").Integer());
    const auto bytes = All<std::string>([&](char* to, size_t capacity, size_t* count) {
      return mmoe_token_bytes(model_, id, Flag(call, "first", true), to, capacity, count);
    });
    Ids numbers;
    for (const char byte : bytes) numbers.push_back(static_cast<uint8_t>(byte));
    return {{"bytes", Text(numbers)}};
  }

  Result Chat(const Json& call) { return {{"ids", Text(ConversationIds(model_, MessagesOf(call)))}}; }

  Result ChatJson(const Json& call) {
    const std::string text = FileText("conversations/" + call.Get("conversation").String() + ".json");
    const std::string now = call.Get("now").String();
    return {{"ids", Text(All<Ids>([&](int32_t* ids, size_t capacity, size_t* count) {
               return mmoe_chat_json(model_, text.data(), text.size(), now.c_str(), ids, capacity, count);
             }))}};
  }

  Result ChatFit(const Json& call) {
    const std::string text = FileText("conversations/" + call.Get("conversation").String() + ".json");
    const std::string now = call.Get("now").String();
    const auto most = static_cast<size_t>(call.Get("most_ids").Integer());
    size_t left_out = 0;
    const Ids fitted = All<Ids>([&](int32_t* ids, size_t capacity, size_t* count) {
      return mmoe_chat_fit(model_, text.data(), text.size(), now.c_str(), most, ids, capacity, count,
                           &left_out);
    });
    return {{"ids", Text(fitted)}, {"left_out", Text(static_cast<int64_t>(left_out))}};
  }

  Result ToolCalls(const Json& call) {
    const Message message = AnswerOf(model_, TextOf(call));
    return {{"content", Text(message.content)}, {"calls", Calls(message)}};
  }

  Result Sampling(const Json&) {
    mmoe_sampling sampling;
    mmoe_sampling_init(&sampling);
    Check(mmoe_model_sampling(model_, &sampling));
    return {{"temperature", Text(sampling.temperature)},
            {"top_k", Text(int64_t{sampling.top_k})},
            {"top_p", Text(sampling.top_p)},
            {"min_p", Text(sampling.min_p)},
            {"repetition_penalty", Text(sampling.repetition_penalty)},
            {"seed", Text(static_cast<int64_t>(sampling.seed))}};
  }

  Result Prompt(const Json& call) {
    const Ids ids = IdsOf(call);
    Check(mmoe_session_prompt(session_, ids.data(), ids.size(), nullptr));
    return {};
  }

  Result Prefill(const Json& call) {
    const Ids ids = IdsOf(call);
    Check(mmoe_session_prefill(session_, ids.data(), ids.size(), nullptr));
    return {};
  }

  Result Next(const Json&) {
    mmoe_step step;
    Check(mmoe_session_next(session_, &step));
    return {{"id", Text(int64_t{step.id})},
            {"text", Text(std::string(step.text, step.text_bytes))},
            {"finish_reason", FinishText(step.finish)}};
  }

  Result SetLimits(const Json& call) {
    std::vector<std::string> texts;
    if (const std::optional<Json> stop = call.Find("stop")) {
      for (const Json& text : Elements(*stop)) texts.push_back(text.String());
    }
    std::vector<mmoe_text> stops;
    for (const std::string& text : texts) stops.push_back({text.data(), text.size()});
    const auto number = [&](const char* name, int64_t otherwise) {
      const std::optional<Json> value = call.Find(name);
      return value ? value->Integer() : otherwise;
    };
    mmoe_limits limits;
    mmoe_limits_init(&limits);
    limits.stop = stops.data();
    limits.stop_count = stops.size();
    limits.min_new_tokens = number("min_new_tokens", 0);
    limits.max_new_tokens = number("max_new_tokens", -1);
    return Done(mmoe_session_set_limits(session_, &limits));
  }

  // What the text must be: the kind, and a schema or a grammar.
  static std::pair<int32_t, std::string> GrammarOf(const Json& call) {
    const std::optional<Json> schema = call.Find("json_schema");
    const std::optional<Json> grammar = call.Find("grammar");
    if (schema && grammar) throw Refused{MMOE_INVALID_ARGUMENT};  // C has one argument for both
    if (schema) return {MMOE_GRAMMAR_JSON_SCHEMA, schema->String()};
    if (grammar) return {MMOE_GRAMMAR_GBNF, grammar->String()};
    return {MMOE_GRAMMAR_NONE, ""};
  }

  Result SetGrammar(const Json& call) {
    const auto [kind, text] = GrammarOf(call);
    return Done(mmoe_session_set_grammar(session_, kind, text.data(), text.size()));
  }

  Result CheckGrammar(const Json& call) {
    const auto [kind, text] = GrammarOf(call);
    return Done(mmoe_model_check_grammar(model_, kind, text.data(), text.size()));
  }

  // The stages that are told, each once.
  Result WarmUp(const Json&) {
    std::vector<int32_t> stages;
    const auto tell = [](void* context, int32_t stage, uint64_t done, uint64_t) -> int32_t {
      if (done == 0) static_cast<std::vector<int32_t>*>(context)->push_back(stage);
      return 0;
    };
    Check(mmoe_model_warm_up(model_, tell, &stages));
    return {{"stages", Text(stages)}};
  }

  Result SessionMemory(const Json& call) {
    const std::optional<size_t> tokens = Count(call, "tokens");
    mmoe_session_memory memory;
    mmoe_session_memory_init(&memory);
    Check(mmoe_model_session_memory(model_, tokens ? static_cast<int64_t>(*tokens) : -1, &memory));
    return {{"cache_bytes", Text(static_cast<int64_t>(memory.cache_bytes))}};
  }

  Result SetSpeculation(const Json& call) {
    const std::optional<Json> most = call.Find("max_draft_tokens");
    const Ids ids = call.Find("ids") ? IdsOf(call) : Ids();
    mmoe_speculation speculation;
    mmoe_speculation_init(&speculation);
    speculation.max_draft_tokens = most ? static_cast<int32_t>(most->Integer()) : -1;
    speculation.document = ids.data();
    speculation.document_count = ids.size();
    return Done(mmoe_session_set_speculation(session_, &speculation));
  }

  Result SetLogitBias(const Json& call) {
    std::vector<mmoe_logit_bias> bias;
    for (const Json& pair : Elements(call.Get("bias"))) {
      const std::vector<Json> values = Elements(pair);
      bias.push_back({static_cast<int32_t>(values[0].Integer()), static_cast<float>(values[1].Number())});
    }
    return Done(mmoe_session_set_logit_bias(session_, bias.data(), bias.size()));
  }

  Result Logprobs(const Json& call) {
    std::vector<mmoe_token_logprob> top(Count(call, "top").value_or(0));
    mmoe_token_logprob chosen;
    Check(mmoe_session_logprobs(session_, &chosen, top.data(), top.size()));
    Ids ids;
    for (const mmoe_token_logprob& each : top) ids.push_back(each.id);
    return {{"chosen", Text(int64_t{chosen.id})}, {"top", Text(ids)}};
  }

  Result HideToolCalls(const Json& call) {
    return Done(mmoe_session_hide_tool_calls(session_, Flag(call, "on", true)));
  }

  Result CountExperts(const Json& call) {
    return Done(mmoe_session_count_experts(session_, Flag(call, "on", true)));
  }

  Result ExpertCounts(const Json&) {
    size_t layers = 0, experts = 0;
    const auto counts = All<std::vector<uint64_t>>([&](uint64_t* to, size_t capacity, size_t* count) {
      const mmoe_status status = mmoe_session_expert_counts(session_, to, capacity, &layers, &experts);
      *count = layers * experts;
      return status;
    });
    std::vector<Ids> rows(layers);
    for (size_t at = 0; at < counts.size(); ++at) {
      rows[at / experts].push_back(static_cast<int32_t>(counts[at]));
    }
    return {{"counts", List(rows, [](const Ids& row) { return Text(row); })}};
  }

  Result Flush(const Json&) {
    mmoe_step step;
    Check(mmoe_session_flush(session_, &step));
    return {{"text", Text(std::string(step.text, step.text_bytes))}};
  }

  Result Commit(const Json&) { return Done(mmoe_session_commit(session_)); }
  Result Decode(const Json& call) {
    return Done(mmoe_session_decode(session_, static_cast<int32_t>(call.Get("id").Integer())));
  }

  Result Logits(const Json&) {
    std::vector<float> logits(static_cast<size_t>(InfoOf(model_).vocab_size));
    Check(mmoe_session_logits(session_, logits.data(), logits.size()));
    const auto largest = std::max_element(logits.begin(), logits.end());
    return {{"count", Text(static_cast<int64_t>(logits.size()))},
            {"argmax", Text(int64_t{largest - logits.begin()})}};
  }

  Result Position(const Json&) {
    int64_t position = 0;
    Check(mmoe_session_position(session_, &position));
    return {{"position", Text(position)}};
  }

  Result Truncate(const Json& call) {
    return Done(mmoe_session_truncate(session_, call.Get("position").Integer()));
  }

  Result Save(const Json&) { return Done(mmoe_session_save(session_, Saved().c_str())); }
  Result Restore(const Json&) { return Done(mmoe_session_restore(session_, Saved().c_str())); }
  // Scenarios of a process run one after the other, and one that restores has saved.
  static std::string Saved() { return testing::TempDir() + "saved-" + std::to_string(getpid()); }

  Result Reset(const Json&) {
    conversation_.Reset();
    return Done(mmoe_session_reset(session_));
  }

  Result Cancel(const Json&) { return Done(mmoe_session_cancel(session_)); }
  Result ClearCancel(const Json&) { return Done(mmoe_session_clear_cancel(session_)); }

  Result Close(const Json&) {
    const mmoe_status status = mmoe_session_close(session_);
    // C refuses a handle that is closed already; the other languages take it for done.
    return status == MMOE_CLOSED ? Result() : Done(status);
  }

  Result SetSampling(const Json& call) {
    const mmoe_sampling sampling = SamplingOf(call.Get("sampling"));
    return Done(mmoe_session_set_sampling(session_, &sampling));
  }

  Result Stats(const Json&) {
    mmoe_stats stats;
    mmoe_stats_init(&stats);
    Check(mmoe_session_stats(session_, &stats));
    return {{"prefill_tokens", Text(stats.prefill_tokens)}, {"decode_tokens", Text(stats.decode_tokens)}};
  }

  Result Generate(const Json& call) {
    std::optional<Ids> ids;
    if (call.Find("ids")) ids = IdsOf(call);
    if (call.Find("text")) {
      const std::string text = TextOf(call);
      ids = Ids(text.size() + 1);
      size_t count = 0;
      Check(mmoe_tokenize(model_, text.data(), text.size(), 1, 0, ids->data(), ids->size(), &count));
      ids->resize(count);
    }
    return Answer(ids, call).result;
  }

  Result Send(const Json& call) {
    const Messages added = call.Find("messages") ? MessagesOf(call) : Messages{{"user", TextOf(call)}};
    const Turn turn = conversation_.With(added, Count(call, "max_new_tokens"));
    const Generated answer = Answer(turn.ids, call);
    if (answer.ended) conversation_.Answered(turn, answer.text, answer.ids);
    return answer.result;
  }

  // Roles and texts, without calls of tools.
  static Result Plain(const Messages& turns) {
    Messages plain;
    for (const Message& turn : turns) plain.push_back({turn.role, turn.content});
    return {{"messages", Text(plain)}};
  }
  Result History(const Json&) { return Plain(conversation_.history()); }
  Result Turns(const Json&) { return {{"messages", Text(conversation_.history())}}; }
  Result LeftOut(const Json&) { return Plain(conversation_.left_out()); }
  Result RestoreTurns(const Json& call) {
    conversation_.Restore(MessagesOf(call));
    return {};
  }
  Result CloseModel(const Json&) { return Done(mmoe_model_close(model_)); }

  struct Generated {
    std::string text;
    Ids ids;
    bool ended = false;  // by itself, neither cancelled nor left
    Result result;
  };

  static Result Done(mmoe_status status) {
    Check(status);
    return {};
  }

  // What `generate` is in the other languages: the prompt becomes the context, then one token after the other.
  Generated Answer(const std::optional<Ids>& prompt, const Json& call) {
    const std::optional<size_t> cancel_after = Count(call, "cancel_after");
    const std::optional<size_t> abandon_after = Count(call, "abandon_after");
    Generated answer;
    Ids ids;
    std::string reason;
    mmoe_status status =
        prompt ? mmoe_session_prompt(session_, prompt->data(), prompt->size(), nullptr) : MMOE_OK;
    if (status == MMOE_OK) {
      SetLimits(call);
      SetGrammar(call);
      Check(mmoe_session_hide_tool_calls(session_, conversation_.may_call() ? 1 : 0));
    }
    while (status == MMOE_OK) {
      if (ids.size() == abandon_after)
        return {answer.text, ids, false, {{"ids", Text(ids)}, {"text", Text(answer.text)}}};
      if (ids.size() == cancel_after) Check(mmoe_session_cancel(session_));
      mmoe_step step;
      status = mmoe_session_next(session_, &step);
      if (status != MMOE_OK) break;
      answer.text.append(step.text, step.text_bytes);
      if (step.finish != MMOE_FINISH_NONE) {
        reason = FinishText(step.finish);
        break;
      }
      ids.push_back(step.id);
    }
    if (status == MMOE_CANCELLED) {
      reason = Text(std::string("cancelled"));
    } else {
      Check(status);
      answer.ended = true;
    }
    answer.ids = ids;
    answer.result = {{"ids", Text(ids)}, {"text", Text(answer.text)}, {"finish_reason", reason}};
    return answer;
  }

  mmoe_model model_ = 0;
  mmoe_session session_ = 0;
  Conversation conversation_;
};

// ---- Scenarios ----

// The files and their texts, which the values of the scenarios point into.
const std::vector<Json>& Scenarios() {
  static std::list<std::string> texts;
  static std::list<JsonDocument> documents;
  static const std::vector<Json> scenarios = [] {
    std::vector<Json> all;
    const char* folder = std::getenv("MMOE_TEST_SCENARIOS");
    if (folder == nullptr) return all;
    for (const auto& file : std::filesystem::directory_iterator(folder)) {
      if (file.path().extension() != ".json") continue;
      texts.push_back(FileText(file.path().filename().string()));
      documents.emplace_back(texts.back(), file.path().filename().string());
      for (const Json& scenario : Elements(documents.back().root())) all.push_back(scenario);
    }
    return all;
  }();
  return scenarios;
}

class Conformance : public testing::TestWithParam<Json> {};

TEST_P(Conformance, GivesWhatIsExpected) {
  Caller caller(GetParam());
  for (const Json& call : Elements(GetParam().Get("calls"))) {
    Result expected;
    if (const std::optional<Json> values = call.Find("expect")) {
      for (const Json& value : Elements(*values)) expected[value.Name()] = Text(value);
    }
    EXPECT_EQ(caller.Call(call), expected) << call.Get("call").String();
  }
}

std::string TestName(const testing::TestParamInfo<Json>& scenario) {
  std::string name = scenario.param.Get("name").String();
  std::replace_if(name.begin(), name.end(), [](unsigned char c) { return !std::isalnum(c); }, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Scenarios, Conformance, testing::ValuesIn(Scenarios()), TestName);

TEST(ConformanceFiles, AreFound) {
  ASSERT_NE(std::getenv("MMOE_TEST_ARTIFACT"), nullptr)
      << "set MMOE_TEST_ARTIFACT to the bundled checkpoint, converted";
  ASSERT_NE(std::getenv("MMOE_TEST_VARIANTS"), nullptr) << "set MMOE_TEST_VARIANTS, see the README there";
  EXPECT_GE(Scenarios().size(), 30u) << "set MMOE_TEST_SCENARIOS to tests/conformance";
}

}  // namespace
}  // namespace mmoe::conformance
