#include "core/snapshot/session_state.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/error.h"
#include "core/sampling.h"
#include "core/snapshot/byte_stream.h"
#include "core/snapshot/crc32.h"
#include "core/text/utf8.h"

namespace mmoe {

namespace {

constexpr std::string_view kMagic = "MMOESNAP";
constexpr uint32_t kVersion = 2;
// The header: magic, version, CRC-32 of all that follows it, and the bytes of the whole file.
constexpr size_t kSumAt = kMagic.size() + sizeof(uint32_t);
constexpr size_t kCheckedFrom = kSumAt + sizeof(uint32_t);
static_assert(kSnapshotHeaderBytes == kCheckedFrom + sizeof(uint64_t));

void PutSampling(const mmoe_sampling& sampling, ByteWriter* to) {
  to->Put(sampling.temperature);
  to->Put(sampling.top_k);
  to->Put(sampling.top_p);
  to->Put(sampling.min_p);
  to->Put(sampling.repetition_penalty);
  to->Put(sampling.seed);
  to->Put(sampling.frequency_penalty);
  to->Put(sampling.presence_penalty);
}

mmoe_sampling GetSampling(ByteReader* from) {
  mmoe_sampling sampling = GreedySampling();
  sampling.temperature = from->Get<float>();
  sampling.top_k = from->Get<int32_t>();
  sampling.top_p = from->Get<float>();
  sampling.min_p = from->Get<float>();
  sampling.repetition_penalty = from->Get<float>();
  sampling.seed = from->Get<uint64_t>();
  sampling.frequency_penalty = from->Get<float>();
  sampling.presence_penalty = from->Get<float>();
  try {
    RequireSampling(sampling);
  } catch (const CoreError&) {
    from->Require(false, "its sampling is none");
  }
  return sampling;
}

void PutText(const AnswerText::State& text, ByteWriter* to) {
  to->Put<uint64_t>(text.limits.stop.size());
  for (const std::string& stop : text.limits.stop) to->PutString(stop);
  to->Put(text.limits.min_new_tokens);
  to->Put(text.limits.max_new_tokens);
  to->PutString(text.ready);
  to->PutString(text.held);
  to->Put(text.tokens);
  to->Put<int32_t>(text.finish);
  to->Put(text.last_id);
  to->PutString(text.stream.utf8);
  to->PutString(text.stream.bytes);
  to->Put<uint8_t>(text.stream.first ? 1 : 0);
  to->Put(text.stream.strip_left);
}

std::string GetUtf8(ByteReader* from) {
  std::string text(from->String());
  from->Require(FindInvalidUtf8(text) == text.size(), "a text is no UTF-8");
  return text;
}

AnswerText::State GetText(ByteReader* from) {
  AnswerText::State text;
  const auto stops = from->Get<uint64_t>();
  for (uint64_t index = 0; index < stops; ++index) {
    text.limits.stop.push_back(GetUtf8(from));
    from->Require(!text.limits.stop.back().empty(), "a stop string is empty");
  }
  text.limits.min_new_tokens = from->Get<int64_t>();
  text.limits.max_new_tokens = from->Get<int64_t>();
  text.ready = GetUtf8(from);
  text.held = GetUtf8(from);
  text.tokens = from->Get<int64_t>();
  const auto finish = from->Get<int32_t>();
  text.last_id = from->Get<int32_t>();
  text.stream.utf8 = from->String();
  text.stream.bytes = from->String();
  text.stream.first = from->Get<uint8_t>() != 0;
  text.stream.strip_left = from->Get<int64_t>();
  from->Require(text.limits.min_new_tokens >= 0 && text.limits.max_new_tokens >= -1 && text.tokens >= 0,
                "a limit is negative");
  from->Require(finish >= MMOE_FINISH_NONE && finish <= MMOE_FINISH_LENGTH, "the finish is none");
  from->Require(text.stream.utf8.size() <= 3 && text.stream.strip_left >= 0, "the text is in no such state");
  text.finish = static_cast<mmoe_finish>(finish);
  return text;
}

void PutGrammar(const std::optional<GrammarState>& grammar, ByteWriter* to) {
  to->Put<int32_t>(grammar ? grammar->kind : MMOE_GRAMMAR_NONE);
  if (!grammar) return;
  to->PutString(grammar->text);
  to->Put<uint8_t>(grammar->began_at_start ? 1 : 0);
  to->PutList(grammar->pushed);
}

std::optional<GrammarState> GetGrammar(ByteReader* from) {
  const auto kind = from->Get<int32_t>();
  if (kind == MMOE_GRAMMAR_NONE) return std::nullopt;
  GrammarState grammar;
  grammar.kind = kind;
  grammar.text = GetUtf8(from);
  grammar.began_at_start = from->Get<uint8_t>() != 0;
  grammar.pushed = from->List<int32_t>();
  return grammar;
}

void RequireIds(const ByteReader& from, const std::vector<int32_t>& ids, int64_t vocab_size) {
  const bool known =
      std::all_of(ids.begin(), ids.end(), [&](int32_t id) { return id >= 0 && id < vocab_size; });
  from.Require(known, "a token is outside the vocabulary");
}

SessionState GetState(const SnapshotOwner& owner, ByteReader* from) {
  SessionState state;
  state.ids = from->List<int32_t>();
  state.written = from->Get<int64_t>();
  state.pending = from->Get<int32_t>();
  state.first_token = from->Get<uint8_t>() != 0;
  state.sampling = GetSampling(from);
  state.random_state = from->Get<uint64_t>();
  const auto bias_ids = from->List<int32_t>();
  const auto bias_values = from->List<float>();
  state.chosen = from->List<int32_t>();
  state.logits = from->List<float>();
  state.text = GetText(from);
  state.grammar = GetGrammar(from);

  const auto position = static_cast<int64_t>(state.ids.size());
  from->Require(position <= owner.max_context_len && state.written >= position &&
                    state.written <= owner.max_context_len,
                "its context does not fit");
  from->Require(state.pending >= -1 && state.pending < owner.vocab_size, "a token is outside the vocabulary");
  RequireIds(*from, state.ids, owner.vocab_size);
  RequireIds(*from, state.chosen, owner.vocab_size);
  RequireIds(*from, bias_ids, owner.vocab_size);
  if (state.grammar) RequireIds(*from, state.grammar->pushed, owner.vocab_size);
  from->Require(bias_ids.size() == bias_values.size(), "its bias is none");
  for (size_t index = 0; index < bias_ids.size(); ++index) {
    const bool ascends = index == 0 || bias_ids[index - 1] < bias_ids[index];
    from->Require(ascends && !std::isnan(bias_values[index]) && bias_values[index] != INFINITY,
                  "its bias is none");
    state.bias.push_back({bias_ids[index], bias_values[index]});
  }
  from->Require(state.logits.empty() || static_cast<int64_t>(state.logits.size()) == owner.vocab_size,
                "its logits are of another vocabulary");
  return state;
}

}  // namespace

std::string BeginSnapshot(const SnapshotOwner& owner, const SessionState& state) {
  std::string file(kMagic);
  ByteWriter to(&file);
  to.Put(kVersion);
  file.resize(kSnapshotHeaderBytes);  // SealSnapshot fills the rest in
  to.PutString(owner.program_sha256);
  to.PutList(state.ids);
  to.Put(state.written);
  to.Put(state.pending);
  to.Put<uint8_t>(state.first_token ? 1 : 0);
  PutSampling(state.sampling, &to);
  to.Put(state.random_state);
  std::vector<int32_t> bias_ids;
  std::vector<float> bias_values;
  for (const mmoe_logit_bias& bias : state.bias) {
    bias_ids.push_back(bias.id);
    bias_values.push_back(bias.bias);
  }
  to.PutList(bias_ids);
  to.PutList(bias_values);
  to.PutList(state.chosen);
  to.PutList(state.logits);
  PutText(state.text, &to);
  PutGrammar(state.grammar, &to);
  return file;
}

void SealSnapshot(std::string* file) {
  const uint64_t bytes = file->size();
  std::memcpy(file->data() + kCheckedFrom, &bytes, sizeof(bytes));
  const uint32_t sum = Crc32(std::string_view(*file).substr(kCheckedFrom));
  std::memcpy(file->data() + kSumAt, &sum, sizeof(sum));
}

ReadSnapshot ParseSnapshot(std::string_view file, const SnapshotOwner& owner, const std::string& path) {
  if (file.size() < kSnapshotHeaderBytes || file.substr(0, kMagic.size()) != kMagic) {
    throw CoreError(MMOE_CORRUPT, path + ": is not a snapshot of a session, or cut");
  }
  ByteReader from(file.substr(kMagic.size()), path);
  const auto version = from.Get<uint32_t>();
  if (version != kVersion) {
    throw CoreError(MMOE_VERSION, path + ": is a snapshot of format " + std::to_string(version) +
                                      ", this library reads format " + std::to_string(kVersion) +
                                      "; save the session again");
  }
  const auto sum = from.Get<uint32_t>();
  const auto bytes = from.Get<uint64_t>();
  if (bytes != file.size()) {
    throw CoreError(MMOE_CORRUPT, path + ": has " + std::to_string(file.size()) + " bytes, not the " +
                                      std::to_string(bytes) + " that were saved; save the session again");
  }
  from.Require(Crc32(file.substr(kCheckedFrom)) == sum, "its checksum is another");
  const std::string_view program = from.String();
  if (program != owner.program_sha256) {
    throw CoreError(MMOE_VERSION, path + ": was saved with another program (SHA-256 " +
                                      std::string(program.substr(0, 12)) + "..., this model's is " +
                                      owner.program_sha256.substr(0, 12) +
                                      "...); open the artifact that it was saved with");
  }
  SessionState state = GetState(owner, &from);
  return {std::move(state), from.rest()};
}

}  // namespace mmoe
