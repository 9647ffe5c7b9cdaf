// mmoe-run: generation from an artifact in a process without Python or torch: libmmoe behind a command line.
// The answer on stdout (text, or ids for --ids), figures on stderr. Exits with 0, 1 if the model or the run
// fails, 2 on wrong usage.

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/mmoe.h"
#include "core/text/visible.h"
#include "tools/options.h"

namespace mmoe {
namespace {

void Check(mmoe_status status) {
  if (status != MMOE_OK) throw std::runtime_error(mmoe_last_error());
}

// Calls that hand out as many ids as there are: the first call asks how many.
template <typename Call>
std::vector<int32_t> Ids(Call call) {
  size_t count = 0;
  const mmoe_status status = call(nullptr, 0, &count);
  if (status != MMOE_BUFFER_TOO_SMALL) Check(status);
  std::vector<int32_t> ids(count);
  Check(call(ids.data(), ids.size(), &count));
  return ids;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  try {
    if (file) return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  } catch (const std::ios_base::failure&) {  // a folder
  }
  throw std::runtime_error(path + ": cannot be read as a file");
}

// A list of messages, or an object with them, as what mmoe_chat_json takes. The assistant's turn is begun unless
// the object says otherwise: of two members with one name the last counts.
std::string Conversation(const std::string& json) {
  const size_t begin = json.find_first_not_of(" \t\r\n");
  const std::string beginning = R"({"add_generation_prompt": true, )";
  if (begin != std::string::npos && json[begin] == '[') return beginning + "\"messages\": " + json + "}";
  if (begin != std::string::npos && json[begin] == '{') return beginning + json.substr(begin + 1);
  return json;
}

std::vector<int32_t> ConversationIds(const Options& options, mmoe_model model) {
  const std::string conversation = Conversation(ReadFile(options.messages_file));
  const char* now = options.now.empty() ? nullptr : options.now.c_str();
  return Ids([&](int32_t* ids, size_t capacity, size_t* count) {
    return mmoe_chat_json(model, conversation.data(), conversation.size(), now, ids, capacity, count);
  });
}

std::vector<int32_t> PromptIds(const Options& options, mmoe_model model) {
  if (!options.ids.empty()) return options.ids;
  if (!options.messages_file.empty()) return ConversationIds(options, model);
  if (!options.chat.empty()) {
    const mmoe_message message = {"user", options.chat.c_str()};
    return Ids([&](int32_t* ids, size_t capacity, size_t* count) {
      return mmoe_chat(model, &message, 1, ids, capacity, count);
    });
  }
  return Ids([&](int32_t* ids, size_t capacity, size_t* count) {
    return mmoe_tokenize(model, options.prompt.data(), options.prompt.size(), 1, 0, ids, capacity, count);
  });
}

double Prefill(const std::vector<int32_t>& ids, int64_t chunk, mmoe_session session) {
  const size_t size = chunk > 0 ? static_cast<size_t>(chunk) : ids.size();
  const auto start = std::chrono::steady_clock::now();
  for (size_t begin = 0; begin < ids.size(); begin += size) {
    Check(mmoe_session_prefill(session, ids.data() + begin, std::min(size, ids.size() - begin), nullptr));
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void SetLimits(const Options& options, mmoe_session session) {
  std::vector<mmoe_text> stop;
  for (const std::string& text : options.stop) stop.push_back({text.data(), text.size()});
  mmoe_limits limits;
  mmoe_limits_init(&limits);
  limits.stop = stop.data();
  limits.stop_count = stop.size();
  limits.min_new_tokens = options.min_new_tokens;
  limits.max_new_tokens = options.max_new_tokens;
  Check(mmoe_session_set_limits(session, &limits));
}

void SetGrammar(const Options& options, mmoe_session session) {
  const std::string& schema = options.json_schema;
  const size_t begin = std::min(schema.find_first_not_of(" \t\r\n"), schema.size());
  const bool is_text = schema.compare(begin, 1, "{") == 0;
  int32_t kind = MMOE_GRAMMAR_NONE;
  std::string text;
  if (!schema.empty()) {
    kind = MMOE_GRAMMAR_JSON_SCHEMA;
    text = is_text ? schema : ReadFile(schema);
  } else if (!options.grammar_file.empty()) {
    kind = MMOE_GRAMMAR_GBNF;
    text = ReadFile(options.grammar_file);
  }
  Check(mmoe_session_set_grammar(session, kind, text.data(), text.size()));
}

void SetSpeculation(const Options& options, mmoe_session session) {
  mmoe_speculation speculation;
  mmoe_speculation_init(&speculation);
  speculation.max_draft_tokens = static_cast<int32_t>(options.draft_tokens);
  Check(mmoe_session_set_speculation(session, &speculation));
}

// Why the text ended, an mmoe_finish.
int32_t Generate(const Options& options, mmoe_session session) {
  const bool print_ids = !options.ids.empty();
  const bool to_terminal = isatty(STDOUT_FILENO) != 0;
  const char* separator = "";
  mmoe_step step;
  do {
    Check(mmoe_session_next(session, &step));
    if (!print_ids) {
      const std::string text(step.text, step.text_bytes);
      const std::string shown = to_terminal ? Visible(text, true) : text;
      std::fwrite(shown.data(), 1, shown.size(), stdout);
    } else if (step.finish == MMOE_FINISH_NONE) {
      std::printf("%s%d", std::exchange(separator, ","), step.id);
    }
  } while (std::fflush(stdout) == 0 && step.finish == MMOE_FINISH_NONE);
  std::putchar('\n');
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    throw std::runtime_error("standard output: cannot be written");
  }
  return step.finish;
}

double Rate(int64_t tokens, double seconds) {
  return seconds > 0 ? static_cast<double>(tokens) / seconds : 0.0;
}

void Report(size_t prompt_tokens, double prefill_seconds, int32_t finish, mmoe_session session) {
  mmoe_stats stats;
  mmoe_stats_init(&stats);
  Check(mmoe_session_stats(session, &stats));
  mmoe_memory memory;
  mmoe_memory_init(&memory);
  Check(mmoe_memory_get(&memory));
  const auto count = static_cast<int64_t>(prompt_tokens);
  std::fprintf(stderr, "load: %.3f s\nprefill: %lld tokens, %.3f s, %.1f tokens/s\n", stats.load_seconds,
               static_cast<long long>(count), prefill_seconds, Rate(count, prefill_seconds));
  std::fprintf(stderr, "decode: %lld tokens, %.3f s, %.1f tokens/s, %.2f %% of it outside the program\n",
               static_cast<long long>(stats.decode_tokens), stats.decode_seconds,
               Rate(stats.decode_tokens, stats.decode_seconds),
               stats.decode_seconds > 0 ? 100 * (1 - stats.program_seconds / stats.decode_seconds) : 0.0);
  if (stats.drafted_tokens > 0) {
    std::fprintf(stderr, "drafts: %lld tokens, %lld of them right\n",
                 static_cast<long long>(stats.drafted_tokens), static_cast<long long>(stats.accepted_tokens));
  }
  std::fprintf(stderr, "finish: %s\n", mmoe_finish_name(finish));
  std::fprintf(stderr, "memory: %.1f MB anonymous, %.1f MB of files\n",
               static_cast<double>(memory.peak_anonymous_bytes) / 1e6,
               static_cast<double>(memory.peak_file_bytes) / 1e6);
}

mmoe_sampling Sampling(const Options& options, mmoe_model model) {
  mmoe_sampling sampling;
  mmoe_sampling_init(&sampling);
  Check(mmoe_model_sampling(model, &sampling));
  for (const auto& change : options.sampling_changes) change(sampling);
  return sampling;
}

void Answer(const Options& options, const std::vector<int32_t>& ids, mmoe_model model) {
  const mmoe_sampling sampling = Sampling(options, model);
  mmoe_session session;
  Check(mmoe_session_open(model, &sampling, &session));
  SetSpeculation(options, session);
  double prefill_seconds = 0;
  if (options.restore_file.empty()) {
    prefill_seconds = Prefill(ids, options.chunk, session);
  } else {
    Check(mmoe_session_restore(session, options.restore_file.c_str()));
  }
  SetLimits(options, session);
  SetGrammar(options, session);
  const int32_t finish = Generate(options, session);
  if (!options.save_file.empty()) Check(mmoe_session_save(session, options.save_file.c_str()));
  Report(ids.size(), prefill_seconds, finish, session);
}

void Print(const std::vector<int32_t>& ids) {
  for (size_t i = 0; i < ids.size(); ++i) std::printf(i == 0 ? "%d" : ",%d", ids[i]);
  std::putchar('\n');
}

void Run(const Options& options) {
  mmoe_model_options model_options;
  mmoe_model_options_init(&model_options);
  model_options.threads = options.threads;
  model_options.verify_checksums = options.verify_checksums ? 1 : 0;
  mmoe_model model;
  Check(mmoe_model_open(options.artifact.c_str(), &model_options, &model));
  const std::vector<int32_t> ids =
      options.restore_file.empty() ? PromptIds(options, model) : std::vector<int32_t>();
  if (options.print_prompt_ids) {
    Print(ids);
  } else {
    Answer(options, ids, model);
  }
  Check(mmoe_model_close(model));
}

}  // namespace
}  // namespace mmoe

int main(int argc, char** argv) {
  try {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    if (std::find(arguments.begin(), arguments.end(), "--help") != arguments.end()) {
      std::fputs(mmoe::kUsage, stdout);
      return 0;
    }
    mmoe::Run(mmoe::ParseOptions(arguments));
    return 0;
  } catch (const mmoe::UsageError& error) {
    std::fprintf(stderr, "mmoe-run: %s\n%s", error.what(), mmoe::kUsage);
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "mmoe-run: %s\n", error.what());
    return 1;
  }
}
