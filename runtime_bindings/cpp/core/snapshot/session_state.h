#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/answer_text.h"
#include "core/mmoe.h"

namespace mmoe {

// A grammar and where a text within it is.
struct GrammarState {
  int32_t kind;  // of mmoe_grammar_kind, never MMOE_GRAMMAR_NONE
  std::string text;
  bool began_at_start;
  std::vector<int32_t> pushed;
};

// All of a session that decides how it goes on, but for what the tensors of its program hold.
struct SessionState {
  std::vector<int32_t> ids;
  int64_t written = 0;
  int32_t pending = -1;
  bool first_token = true;
  mmoe_sampling sampling{};
  uint64_t random_state = 0;
  std::vector<mmoe_logit_bias> bias;
  std::vector<int32_t> chosen;  // since the text began, each as often as it was
  std::vector<float> logits;    // of the last token run; empty when there are none
  AnswerText::State text;
  std::optional<GrammarState> grammar;
};

// A snapshot file: a checked header, a SessionState, and the used bytes of the state tensors, one after the other.
// Numbers are little-endian, as every machine is that this library runs on.

// What a snapshot belongs to.
struct SnapshotOwner {
  std::string program_sha256;  // as the manifest has it
  int64_t vocab_size;
  int64_t max_context_len;
};

// Of what a file begins with, which SealSnapshot completes.
constexpr size_t kSnapshotHeaderBytes = 24;

// Everything before the tensors; SealSnapshot completes it when these are behind it.
std::string BeginSnapshot(const SnapshotOwner& owner, const SessionState& state);
void SealSnapshot(std::string* file);

struct ReadSnapshot {
  SessionState state;
  std::string_view tensors;  // in the bytes that were read
};

// Throws CoreError naming `path`: MMOE_CORRUPT for what is cut, altered or no snapshot, MMOE_VERSION for a snapshot of
// another format or of another program. Whatever the bytes are, what it returns can be put into a session of `owner`:
// ids of the vocabulary, a context that fits, sampling and text that are possible. Its grammar is not compiled yet.
ReadSnapshot ParseSnapshot(std::string_view file, const SnapshotOwner& owner, const std::string& path);

}  // namespace mmoe
