#include "tools/options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <map>

namespace mmoe {

const char* const kUsage =
    "usage: mmoe-run ARTIFACT (--prompt TEXT | --chat TEXT | --messages FILE | --ids 1,2,3 | --restore FILE) "
    "[options]\n"
    "  ARTIFACT              a folder that mmoe-export convert wrote\n"
    "  --prompt TEXT         continues a text; prints text\n"
    "  --chat TEXT           answers a message; prints text\n"
    "  --messages FILE       answers a conversation; prints text. FILE is JSON: a list of messages, or an "
    "object\n"
    "                        of what Hugging Face's apply_chat_template takes: messages, tools, ...\n"
    "  --now TIME            what the chat template takes for the local time: 2026-07-04T12:30:00\n"
    "  --ids IDS             continues token ids, comma separated; prints token ids\n"
    "  --restore FILE        goes on where a session was saved, with its sampling; prints text\n"
    "  --save FILE           saves the session behind the answer\n"
    "  --print-prompt-ids    prints the prompt's token ids and runs nothing\n"
    "  --max-new-tokens N    stop after N tokens (default 64); an end-of-text token or a full context stops "
    "earlier\n"
    "  --min-new-tokens N    do not stop before there are N tokens\n"
    "  --stop TEXT           stop before this text; may be given several times\n"
    "  --json-schema SCHEMA  answer with JSON that satisfies a schema: a file, or the schema itself, which "
    "begins with {\n"
    "  --grammar FILE        answer within a grammar, in llama.cpp's GBNF\n"
    "  --draft-tokens N      guess up to N tokens from what was said before and run them with the next one; "
    "the text\n"
    "                        stays the same (needs convert --speculation on; -1: all that the program "
    "judges)\n"
    "  --temperature T       0 takes the most probable token\n"
    "  --top-k N, --top-p P, --min-p P, --repetition-penalty R, --frequency-penalty R, --presence-penalty "
    "R,\n"
    "  --seed N\n"
    "                        how to choose among the others; see mmoe.h. What is not given is the "
    "artifact's\n"
    "  --threads N           threads (default: the runtime's choice)\n"
    "  --verify-checksums    compare every file with its digest in mmoe.json before use\n"
    "  --chunk N             prompt tokens per call (default and most: the program's max_seq_len)\n";

namespace {

template <typename Integer>
Integer ParseInteger(const std::string& text, const std::string& name, Integer least, Integer most) {
  Integer value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (stop != end || error != std::errc() || value < least || value > most) {
    throw UsageError(name + ": '" + text + "' is not an integer from " + std::to_string(least) + " to " +
                     std::to_string(most));
  }
  return value;
}

float ParseNumber(const std::string& text, const std::string& name) {
  char* end = nullptr;
  const float value = std::strtof(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !std::isfinite(value)) {
    throw UsageError(name + ": '" + text + "' is not a number");
  }
  return value;
}

// The sampler's own range of a value, which it tells when it is opened.
void RequireInRange(const std::function<void(mmoe_sampling&)>& change, const std::string& name) {
  mmoe_sampling sampling;
  mmoe_sampling_init(&sampling);
  change(sampling);
  mmoe_sampler sampler = 0;
  if (mmoe_sampler_open(&sampling, &sampler) != MMOE_OK) throw UsageError(name + ": " + mmoe_last_error());
  mmoe_sampler_close(sampler);
}

std::vector<int32_t> ParseIds(const std::string& text) {
  std::vector<int32_t> ids;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    const std::string id = text.substr(begin, end - begin);
    ids.push_back(ParseInteger<int32_t>(id, "--ids", 0, INT32_MAX));
    begin = end + 1;
  }
  return ids;
}

}  // namespace

Options ParseOptions(const std::vector<std::string>& arguments) {
  Options options;
  int prompts = 0;
  std::string name;
  const auto integer = [&](const std::string& value, int64_t least, int64_t most) {
    return ParseInteger<int64_t>(value, name, least, most);
  };
  // Values are parsed at once, so that a wrong one is told before anything is opened.
  const auto sample = [&](auto mmoe_sampling::* field, auto value) {
    options.sampling_changes.emplace_back(
        [field, value](mmoe_sampling& sampling) { sampling.*field = value; });
    RequireInRange(options.sampling_changes.back(), name);
  };
  using Value = const std::string&;
  const std::map<std::string, std::function<void(Value)>> setters = {
      {"--ids", [&](Value value) { ++prompts, options.ids = ParseIds(value); }},
      {"--prompt", [&](Value value) { ++prompts, options.prompt = value; }},
      {"--chat", [&](Value value) { ++prompts, options.chat = value; }},
      {"--messages", [&](Value value) { ++prompts, options.messages_file = value; }},
      {"--restore", [&](Value value) { ++prompts, options.restore_file = value; }},
      {"--save", [&](Value value) { options.save_file = value; }},
      {"--now", [&](Value value) { options.now = value; }},
      {"--max-new-tokens", [&](Value value) { options.max_new_tokens = integer(value, 0, INT32_MAX); }},
      {"--min-new-tokens", [&](Value value) { options.min_new_tokens = integer(value, 0, INT32_MAX); }},
      {"--draft-tokens", [&](Value value) { options.draft_tokens = integer(value, -1, INT32_MAX); }},
      {"--stop",
       [&](Value value) {
         if (value.empty()) throw UsageError("--stop needs a text that is not empty");
         options.stop.push_back(value);
       }},
      {"--json-schema", [&](Value value) { options.json_schema = value; }},
      {"--grammar", [&](Value value) { options.grammar_file = value; }},
      {"--threads",
       [&](Value value) { options.threads = static_cast<uint32_t>(integer(value, 1, MMOE_MAX_THREADS)); }},
      {"--chunk", [&](Value value) { options.chunk = integer(value, 1, INT32_MAX); }},
      {"--temperature", [&](Value value) { sample(&mmoe_sampling::temperature, ParseNumber(value, name)); }},
      {"--top-k",
       [&](Value value) {
         sample(&mmoe_sampling::top_k, static_cast<int32_t>(integer(value, 0, INT32_MAX)));
       }},
      {"--top-p", [&](Value value) { sample(&mmoe_sampling::top_p, ParseNumber(value, name)); }},
      {"--min-p", [&](Value value) { sample(&mmoe_sampling::min_p, ParseNumber(value, name)); }},
      {"--repetition-penalty",
       [&](Value value) { sample(&mmoe_sampling::repetition_penalty, ParseNumber(value, name)); }},
      {"--frequency-penalty",
       [&](Value value) { sample(&mmoe_sampling::frequency_penalty, ParseNumber(value, name)); }},
      {"--presence-penalty",
       [&](Value value) { sample(&mmoe_sampling::presence_penalty, ParseNumber(value, name)); }},
      {"--seed",
       [&](Value value) {
         sample(&mmoe_sampling::seed, ParseInteger<uint64_t>(value, name, 0, UINT64_MAX));
       }},
  };
  for (size_t i = 0; i < arguments.size(); ++i) {
    name = arguments[i];
    if (name.rfind("--", 0) != 0) {
      if (!options.artifact.empty()) throw UsageError("more than one artifact: '" + name + "'");
      options.artifact = name;
      continue;
    }
    if (name == "--verify-checksums" || name == "--print-prompt-ids") {
      (name == "--verify-checksums" ? options.verify_checksums : options.print_prompt_ids) = true;
      continue;
    }
    const auto setter = setters.find(name);
    if (setter == setters.end()) throw UsageError("unknown option " + name);
    if (i + 1 == arguments.size()) throw UsageError(name + " needs a value");
    setter->second(arguments[++i]);
  }
  if (options.artifact.empty()) throw UsageError("no artifact given");
  if (!options.now.empty() && options.messages_file.empty()) {
    throw UsageError("--now goes with --messages");
  }
  if (!options.json_schema.empty() && !options.grammar_file.empty()) {
    throw UsageError("give --json-schema or --grammar, not both");
  }
  if (prompts != 1) throw UsageError("give one of --prompt, --chat, --messages, --ids and --restore");
  if (!options.restore_file.empty() && (!options.sampling_changes.empty() || options.print_prompt_ids)) {
    throw UsageError("--restore brings its own sampling and has no prompt to print");
  }
  return options;
}

}  // namespace mmoe
