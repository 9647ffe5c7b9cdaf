// The part of Session that saves it and puts it back.

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "core/error.h"
#include "core/session.h"
#include "core/snapshot/session_state.h"
#include "core/snapshot/whole_file.h"

namespace mmoe {

namespace {

// More than all of a snapshot but its tensors: ids, bias, counts and logits of the largest vocabulary, and stop strings.
constexpr uint64_t kMostStateBytes = uint64_t{64} << 20;

SnapshotOwner OwnerOf(const Model& model) {
  const auto found = model.manifest().files.find("model.pte");
  if (found == model.manifest().files.end()) {
    throw CoreError(MMOE_UNSUPPORTED,
                    "the artifact's mmoe.json lists no digest of model.pte, which tells whose a snapshot is; "
                    "convert the checkpoint again");
  }
  const ProgramInfo& info = model.program()->info();
  return {found->second.sha256, info.vocab_size, info.max_context_len};
}

// Calls visit(bytes, count) for each run of memory that holds something of the context.
template <typename Visit>
void ForUsed(const ProgramContext& context, const std::vector<StateTensor>& tensors, int64_t position,
             int64_t written, Visit visit) {
  for (const StateTensor& tensor : tensors) {
    uint8_t* slab = context.StateMemory(tensor);
    const uint64_t used = tensor.UsedBlocks(position, written) * tensor.block_bytes;
    for (uint64_t index = 0; index < tensor.slabs; ++index, slab += tensor.blocks * tensor.block_bytes) {
      visit(slab, used);
    }
  }
}

uint64_t UsedBytes(const std::vector<StateTensor>& tensors, int64_t position, int64_t written) {
  uint64_t bytes = 0;
  for (const StateTensor& tensor : tensors) bytes += tensor.UsedBytes(position, written);
  return bytes;
}

const std::vector<StateTensor>& StateOf(const Program& program) {
  if (program.state().empty()) {
    throw CoreError(MMOE_UNSUPPORTED, program.file().path() +
                                          ": keeps its caches inside a backend, where they cannot be saved; "
                                          "convert with --backend xnnpack");
  }
  return program.state();
}

// The same grammar, where the text in it was. Whoever forged a file may have it describe none, or tokens that are not in it.
std::unique_ptr<grammar::Matcher> Restored(const GrammarState& state, const Model& model,
                                           const std::string& path) {
  try {
    auto matcher = std::make_unique<grammar::Matcher>(model.grammars().Get(state.kind, state.text),
                                                      state.began_at_start);
    if (std::all_of(state.pushed.begin(), state.pushed.end(),
                    [&](int32_t id) { return matcher->Push(id); })) {
      return matcher;
    }
  } catch (const CoreError& error) {
    if (error.status() == MMOE_OUT_OF_RESOURCES) throw;
  }
  throw CoreError(MMOE_CORRUPT,
                  path + ": is damaged (its text is not within its grammar); save the session again");
}

}  // namespace

SessionState Session::State() const {
  SessionState state;
  state.ids = ids_;
  state.written = written_;
  state.pending = pending_;
  state.first_token = first_token_;
  state.sampling = sampling_;
  state.random_state = sampler_.random_state();
  state.bias = sampler_.bias();
  for (size_t id = 0; id < counts_.size(); ++id) {
    state.chosen.insert(state.chosen.end(), static_cast<size_t>(counts_[id]), static_cast<int32_t>(id));
  }
  if (logits_ != nullptr) state.logits.assign(logits_, logits_ + seen_.size());
  state.text = text_.state();
  if (grammar_ != nullptr) {
    const auto& [kind, text] = grammar_->source();
    state.grammar = {kind, text, grammar_->began_at_start(), grammar_->pushed()};
  }
  return state;
}

void Session::Save(const std::string& path) {
  const auto lock = Enter();
  RunWaiting();
  const SnapshotOwner owner = OwnerOf(*model_);
  const std::vector<StateTensor>& tensors = StateOf(*model_->program());
  std::string file = BeginSnapshot(owner, State());
  file.reserve(file.size() + UsedBytes(tensors, position(), written_));
  ForUsed(*context_, tensors, position(), written_, [&](const uint8_t* bytes, uint64_t count) {
    file.append(reinterpret_cast<const char*>(bytes), count);
  });
  SealSnapshot(&file);
  ReplaceFile(path, file);
}

void Session::Restore(const std::string& path) {
  const auto lock = Enter();
  const SnapshotOwner owner = OwnerOf(*model_);
  const std::vector<StateTensor>& tensors = StateOf(*model_->program());
  const int64_t longest = owner.max_context_len;
  const std::string file = ReadWholeFile(path, kMostStateBytes + UsedBytes(tensors, longest, longest));
  ReadSnapshot snapshot = ParseSnapshot(file, owner, path);
  SessionState& state = snapshot.state;
  const auto position = static_cast<int64_t>(state.ids.size());
  if (snapshot.tensors.size() != UsedBytes(tensors, position, state.written)) {
    throw CoreError(MMOE_CORRUPT,
                    path + ": is damaged (its caches have another size); save the session again");
  }
  std::optional<AnswerText> text = AnswerText::Restored(model_->tokenizer(), state.text);
  if (!text) {
    throw CoreError(MMOE_CORRUPT,
                    path + ": is damaged (its text is in no such state); save the session again");
  }
  auto grammar = state.grammar ? Restored(*state.grammar, *model_, path) : nullptr;
  std::vector<bool> seen(seen_.size());
  for (const int32_t id : state.ids) seen[static_cast<size_t>(id)] = true;
  std::vector<int32_t> counts(counts_.size());
  for (const int32_t id : state.chosen) ++counts[static_cast<size_t>(id)];
  Sampler sampler(state.sampling);
  sampler.SetBias(std::move(state.bias));
  sampler.SetRandomState(state.random_state);

  // Nothing fails from here on.
  const char* from = snapshot.tensors.data();
  ForUsed(*context_, tensors, position, state.written, [&](uint8_t* bytes, uint64_t count) {
    std::memcpy(bytes, from, count);
    from += count;
  });
  if (speculation_ != nullptr) speculation_->Forget(0);
  BeginText();
  waiting_.clear();
  ids_ = std::move(state.ids);
  written_ = state.written;
  seen_ = std::move(seen);
  counts_ = std::move(counts);
  pending_ = state.pending;
  first_token_ = state.first_token;
  sampling_ = state.sampling;
  sampler_ = std::move(sampler);
  text_ = std::move(*text);
  grammar_ = std::move(grammar);
  restored_logits_ = std::move(state.logits);
  logits_ = restored_logits_.empty() ? nullptr : restored_logits_.data();
}

}  // namespace mmoe
