// The library, models and their texts.

#include <cstdio>
#include <cstdlib>

#include "value.h"

namespace mmoe::js {
namespace {

// What a call writes into an array of a size that only it knows: `write` is given it, its capacity and the count.
template <typename Array, typename Write>
Array Filled(size_t guess, Write write) {
  Array found(guess, {});
  size_t count = 0;
  mmoe_status status = write(found.data(), found.size(), &count);
  if (status == MMOE_BUFFER_TOO_SMALL) {
    found.resize(count);
    status = write(found.data(), found.size(), &count);
  }
  Succeeded(status);
  found.resize(count);
  return found;
}

constexpr size_t kSomeIds = 512, kSomeBytes = 2048, kBytesOfAToken = 64;

int32_t OnProgress(void* context, int32_t stage, uint64_t done, uint64_t total) {
  const Notify& notify = *static_cast<const Notify*>(context);
  if (notify) {
    notify(Record{{"stage", Value::Of(stage)}, {"done", Value::Of(done)}, {"total", Value::Of(total)}});
  }
  return 0;
}

Value Version(const Arguments&, const Notify&) { return std::string(mmoe_version()); }

Value AbiVersion(const Arguments&, const Notify&) { return Value::Of(mmoe_abi_version()); }

Value Memory(const Arguments&, const Notify&) {
  mmoe_memory memory;
  mmoe_memory_init(&memory);
  Succeeded(mmoe_memory_get(&memory));
  return Record{{"anonymousBytes", Value::Of(memory.anonymous_bytes)},
                {"fileBytes", Value::Of(memory.file_bytes)},
                {"peakAnonymousBytes", Value::Of(memory.peak_anonymous_bytes)},
                {"peakFileBytes", Value::Of(memory.peak_file_bytes)},
                {"peakBytes", Value::Of(memory.peak_bytes)}};
}

// folder, threads, whether to verify checksums
Value Open(const Arguments& arguments, const Notify& notify) {
  mmoe_model_options options;
  mmoe_model_options_init(&options);
  options.threads = static_cast<uint32_t>(arguments.Int32(1));
  options.verify_checksums = arguments.Bool(2) ? 1 : 0;
  options.on_progress = OnProgress;
  options.progress_context = const_cast<Notify*>(&notify);
  mmoe_model model = 0;
  Succeeded(mmoe_model_open(arguments.Text(0).c_str(), &options, &model));
  return Value::Of(model);
}

Value Close(const Arguments& arguments, const Notify&) {
  // Closing what is closed is harmless in JavaScript.
  const mmoe_status status = mmoe_model_close(arguments.Handle(0));
  if (status != MMOE_CLOSED) Succeeded(status);
  return {};
}

Value OrNull(int32_t value, bool there) { return there ? Value::Of(value) : Value(); }

Value Info(const Arguments& arguments, const Notify&) {
  mmoe_model_info info;
  mmoe_model_info_init(&info);
  Succeeded(mmoe_model_get_info(arguments.Handle(0), &info));
  return Record{{"vocabSize", Value::Of(info.vocab_size)},
                {"maxSeqLen", Value::Of(info.max_seq_len)},
                {"maxContextLen", Value::Of(info.max_context_len)},
                {"layers", Value::Of(info.layers)},
                {"bosId", OrNull(info.bos_id, info.bos_id >= 0)},
                {"threads", Value::Of(info.threads)},
                {"hasChat", info.has_chat != 0},
                {"loadSeconds", info.load_seconds},
                {"programBytes", Value::Of(info.program_bytes)},
                {"slidingWindow", OrNull(info.sliding_window, info.sliding_window > 0)},
                {"windowRows", OrNull(info.window_rows, info.window_rows > 0)},
                {"maxDraftTokens", Value::Of(info.max_draft_tokens)}};
}

// The number of fewest digits that is the same float32: 0.8 and not 0.800000011920929.
double AsDecimal(float value) {
  char digits[32];
  for (int precision = 6; precision <= 9; ++precision) {
    std::snprintf(digits, sizeof(digits), "%.*g", precision, static_cast<double>(value));
    if (std::strtof(digits, nullptr) == value) break;
  }
  return std::strtod(digits, nullptr);
}

Value Sampling(const Arguments& arguments, const Notify&) {
  mmoe_sampling sampling;
  mmoe_sampling_init(&sampling);
  Succeeded(mmoe_model_sampling(arguments.Handle(0), &sampling));
  return Record{{"temperature", AsDecimal(sampling.temperature)},
                {"topK", Value::Of(sampling.top_k)},
                {"topP", AsDecimal(sampling.top_p)},
                {"minP", AsDecimal(sampling.min_p)},
                {"repetitionPenalty", AsDecimal(sampling.repetition_penalty)},
                {"frequencyPenalty", AsDecimal(sampling.frequency_penalty)},
                {"presencePenalty", AsDecimal(sampling.presence_penalty)},
                {"seed", Value::Of(sampling.seed)}};
}

Value WarmUp(const Arguments& arguments, const Notify& notify) {
  Succeeded(mmoe_model_warm_up(arguments.Handle(0), OnProgress, const_cast<Notify*>(&notify)));
  return {};
}

// model, tokens or null for a full context
Value SessionMemory(const Arguments& arguments, const Notify&) {
  mmoe_session_memory memory;
  mmoe_session_memory_init(&memory);
  const int64_t tokens = arguments.IsNull(1) ? -1 : arguments.Int64(1);
  Succeeded(mmoe_model_session_memory(arguments.Handle(0), tokens, &memory));
  return Record{{"plannedBytes", Value::Of(memory.planned_bytes)},
                {"cacheBytes", Value::Of(memory.cache_bytes)},
                {"speculationBytes", Value::Of(memory.speculation_bytes)}};
}

// model, text, addBos, parseSpecial
Value Tokenize(const Arguments& arguments, const Notify&) {
  const std::string& text = arguments.Text(1);
  const bool add_bos = arguments.Bool(2), parse_special = arguments.Bool(3);
  return Filled<Ids>(kSomeIds, [&](int32_t* ids, size_t capacity, size_t* count) {
    return mmoe_tokenize(arguments.Handle(0), text.data(), text.size(), add_bos, parse_special, ids, capacity,
                         count);
  });
}

// model, ids, skipSpecial
Value Detokenize(const Arguments& arguments, const Notify&) {
  const Ids& ids = arguments.Tokens(1);
  const bool skip_special = arguments.Bool(2);
  return Filled<std::string>(kSomeBytes, [&](char* text, size_t capacity, size_t* count) {
    return mmoe_detokenize(arguments.Handle(0), ids.data(), ids.size(), skip_special, text, capacity, count);
  });
}

// model, id, first
Value TokenBytes(const Arguments& arguments, const Notify&) {
  const int32_t id = arguments.Int32(1);
  const bool first = arguments.Bool(2);
  return Filled<Bytes>(kBytesOfAToken, [&](uint8_t* bytes, size_t capacity, size_t* count) {
    return mmoe_token_bytes(arguments.Handle(0), id, first, reinterpret_cast<char*>(bytes), capacity, count);
  });
}

// model, conversation (JSON), now or null
Value ChatJson(const Arguments& arguments, const Notify&) {
  const std::string& conversation = arguments.Text(1);
  const char* now = arguments.IsNull(2) ? nullptr : arguments.Text(2).c_str();
  return Filled<Ids>(kSomeIds, [&](int32_t* ids, size_t capacity, size_t* count) {
    return mmoe_chat_json(arguments.Handle(0), conversation.data(), conversation.size(), now, ids, capacity,
                          count);
  });
}

// model, conversation (JSON), most ids, now or null
Value ChatFit(const Arguments& arguments, const Notify&) {
  const std::string& conversation = arguments.Text(1);
  const int64_t most = arguments.Int64(2);
  if (most < 0) throw Failure{MMOE_INVALID_ARGUMENT, "mostIds must not be negative"};
  const char* now = arguments.IsNull(3) ? nullptr : arguments.Text(3).c_str();
  size_t left_out = 0;
  Ids found = Filled<Ids>(kSomeIds, [&](int32_t* ids, size_t capacity, size_t* count) {
    return mmoe_chat_fit(arguments.Handle(0), conversation.data(), conversation.size(), now,
                         static_cast<size_t>(most), ids, capacity, count, &left_out);
  });
  return Record{{"ids", std::move(found)}, {"leftOut", Value::Of(static_cast<uint64_t>(left_out))}};
}

// model, text of an answer; gives JSON
Value ToolCalls(const Arguments& arguments, const Notify&) {
  const std::string& text = arguments.Text(1);
  return Filled<std::string>(kSomeBytes, [&](char* message, size_t capacity, size_t* count) {
    return mmoe_tool_calls(arguments.Handle(0), text.data(), text.size(), message, capacity, count);
  });
}

// model, kind (an mmoe_grammar_kind), text
Value CheckGrammar(const Arguments& arguments, const Notify&) {
  const std::string& text = arguments.Text(2);
  Succeeded(mmoe_model_check_grammar(arguments.Handle(0), arguments.Int32(1), text.data(), text.size()));
  return {};
}

}  // namespace

std::vector<Call> ModelCalls() {
  return {{"version", false, Version},
          {"abiVersion", false, AbiVersion},
          {"memory", false, Memory},
          {"modelOpen", true, Open},
          {"modelClose", true, Close},
          {"modelInfo", false, Info},
          {"modelSampling", false, Sampling},
          {"modelWarmUp", true, WarmUp},
          {"modelSessionMemory", false, SessionMemory},
          {"modelTokenize", false, Tokenize},
          {"modelDetokenize", false, Detokenize},
          {"modelTokenBytes", false, TokenBytes},
          {"modelChatJson", false, ChatJson},
          {"modelChatFit", false, ChatFit},
          {"modelToolCalls", false, ToolCalls},
          {"modelCheckGrammar", true, CheckGrammar}};
}

}  // namespace mmoe::js
