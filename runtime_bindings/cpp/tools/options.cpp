#include "options.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>

namespace mmoe {

const char* const kUsage =
    "usage: mmoe-run MODEL.pte --ids 1,2,3 [--max-new-tokens N] [--threads N] [--chunk N]\n"
    "  --ids IDS             the prompt's token ids, comma separated\n"
    "  --max-new-tokens N    stop after N tokens (default 64); an end-of-text token or a full context stops "
    "earlier\n"
    "  --threads N           threads (default: the runtime's choice)\n"
    "  --chunk N             prompt tokens per call (default and most: the program's max_seq_len)\n";

namespace {

int64_t ParseInteger(const std::string& text, const std::string& name, int64_t least) {
  char* end = nullptr;
  errno = 0;
  const long long value = std::strtoll(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0' || errno != 0 || value < least) {
    throw UsageError(name + ": '" + text + "' is not an integer of at least " + std::to_string(least));
  }
  return value;
}

std::vector<int64_t> ParseIds(const std::string& text) {
  std::vector<int64_t> ids;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    ids.push_back(ParseInteger(text.substr(begin, end - begin), "--ids", 0));
    begin = end + 1;
  }
  return ids;
}

}  // namespace

Options ParseOptions(const std::vector<std::string>& arguments) {
  Options options;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& name = arguments[i];
    if (name.rfind("--", 0) != 0) {
      if (!options.model.empty()) throw UsageError("more than one model: '" + name + "'");
      options.model = name;
      continue;
    }
    if (i + 1 == arguments.size()) throw UsageError(name + " needs a value");
    const std::string& value = arguments[++i];
    if (name == "--ids") {
      options.ids = ParseIds(value);
    } else if (name == "--max-new-tokens") {
      options.max_new_tokens = ParseInteger(value, name, 0);
    } else if (name == "--threads") {
      options.threads = std::min<int64_t>(ParseInteger(value, name, 1), 1024);
    } else if (name == "--chunk") {
      options.chunk = ParseInteger(value, name, 1);
    } else {
      throw UsageError("unknown option " + name);
    }
  }
  if (options.model.empty()) throw UsageError("no model given");
  if (options.ids.empty()) throw UsageError("no prompt given: --ids");
  return options;
}

}  // namespace mmoe
