#include "core/session.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/error.h"
#include "core/logprobs.h"
#include "core/stopwatch.h"

namespace mmoe {

namespace {

// A step's text. It belongs to the calling thread, because another one may close the session while it is read.
thread_local std::string readable;

mmoe_step Step(const AnswerText& text, std::string shown) {
  readable = std::move(shown);
  return {text.last_id(), text.finish(), readable.data(), readable.size()};
}

}  // namespace

Session::Session(std::shared_ptr<const Model> model, const mmoe_sampling& sampling)
    : model_(std::move(model)), sampling_(sampling), sampler_(sampling), text_(model_->tokenizer()) {
  const Stopwatch watch;
  context_ = std::make_unique<ProgramContext>(model_->program());
  seen_.resize(static_cast<size_t>(model_->program()->info().vocab_size));
  counts_.resize(seen_.size());
  stats_.load_seconds = model_->load_seconds() + watch.Seconds();
}

std::unique_lock<std::mutex> Session::Enter() {
  std::unique_lock<std::mutex> lock(running_, std::try_to_lock);
  if (closed_.load()) throw CoreError(MMOE_CLOSED, "the session is closed");
  if (!lock.owns_lock()) throw CoreError(MMOE_BUSY, "another thread is inside this session");
  return lock;
}

void Session::Close() {
  closed_.store(true);
  cancel_.store(true);
  const std::lock_guard<std::mutex> wait(running_);
  logits_ = nullptr;
  context_.reset();
}

void Session::CheckIds(const int32_t* ids, size_t count) const {
  if (count == 0) throw CoreError(MMOE_INVALID_ARGUMENT, "there are no tokens to run: the prompt is empty");
  for (size_t index = 0; index < count; ++index) {
    if (ids[index] < 0 || static_cast<size_t>(ids[index]) >= seen_.size()) {
      throw CoreError(MMOE_INVALID_ARGUMENT, "token " + std::to_string(ids[index]) + " at index " +
                                                 std::to_string(index) + " is outside the vocabulary of " +
                                                 std::to_string(seen_.size()));
    }
  }
}

void Session::CheckRoom(size_t count) const {
  const int64_t context = model_->program()->info().max_context_len;
  const int64_t room = context - position() - (pending_ >= 0 ? 1 : 0);
  if (static_cast<int64_t>(count) > room) {
    throw CoreError(MMOE_CONTEXT_FULL, "the context of " + std::to_string(context) + " tokens has room for " +
                                           std::to_string(std::max<int64_t>(room, 0)) + " more, not for " +
                                           std::to_string(count) +
                                           "; shorten the prompt or truncate the context");
  }
}

// A windowed layer keeps window_rows rows: the ones that its window needs at `position` must still be there.
void Session::CheckFurthestBack(int64_t position) const {
  const ProgramInfo& info = model_->program()->info();
  if (info.sliding_window == 0 || position == 0) return;
  const int64_t lost = written_ - info.window_rows;
  if (std::max<int64_t>(0, position - info.sliding_window + 1) < lost) {
    throw CoreError(MMOE_INVALID_ARGUMENT,
                    "position " + std::to_string(position) +
                        " is too far back for the layers with a window; the furthest is " +
                        std::to_string(lost + info.sliding_window - 1) + ", or 0");
  }
}

void Session::ThrowIfCancelled() {
  if (cancel_.exchange(false)) throw CoreError(MMOE_CANCELLED, "the call was cancelled");
}

void Session::SetSampling(const mmoe_sampling& sampling) {
  const auto lock = Enter();
  sampler_.Restart(sampling);
  sampling_ = sampling;
}

void Session::SetBias(std::vector<mmoe_logit_bias> bias) {
  const auto lock = Enter();
  for (const mmoe_logit_bias& each : bias) CheckIds(&each.id, 1);
  sampler_.SetBias(std::move(bias));
}

void Session::SetLimits(const Limits& limits) {
  const auto lock = Enter();
  text_.SetLimits(limits);
}

void Session::HideCalls(bool hide) {
  const auto lock = Enter();
  text_.HideCalls(hide);
}

void Session::SetGrammar(std::shared_ptr<const grammar::VocabularyGrammar> grammar) {
  const auto lock = Enter();
  grammar_ =
      grammar == nullptr ? nullptr : std::make_unique<grammar::Matcher>(std::move(grammar), text_.at_start());
}

void Session::SetSpeculation(int32_t most, std::vector<int32_t> document) {
  const auto lock = Enter();
  const ProgramInfo& info = model_->program()->info();
  if (most != 0 && info.max_draft_tokens == 0) {
    throw CoreError(MMOE_UNSUPPORTED, "the program has no method for drafts; convert with --speculation on");
  }
  if (most > info.max_draft_tokens) {
    throw CoreError(MMOE_INVALID_ARGUMENT, "the program judges up to " +
                                               std::to_string(info.max_draft_tokens) +
                                               " drafted tokens at once, not " + std::to_string(most));
  }
  if (most < 0) most = static_cast<int32_t>(info.max_draft_tokens);
  if (!document.empty()) CheckIds(document.data(), document.size());
  RunWaiting();
  speculation_.reset();
  if (most == 0) return;
  const auto context = static_cast<size_t>(info.max_context_len);
  auto speculation = std::make_unique<Speculation>(context, static_cast<size_t>(most));
  speculation->SetDocument(std::move(document));
  context_->LoadAllLogits();
  speculation_ = std::move(speculation);
}

void Session::BeginText() {
  text_.Begin();
  grammar_.reset();
  counts_.assign(counts_.size(), 0);
  first_token_ = true;
  stats_.ttft_seconds = stats_.prefill_seconds = stats_.decode_seconds = stats_.program_seconds = 0;
  stats_.prefill_tokens = stats_.decode_tokens = 0;
  if (speculation_ != nullptr) speculation_->ClearCounts();
}

void Session::Append(const int32_t* ids, size_t count) {
  for (size_t index = 0; index < count; ++index) seen_[static_cast<size_t>(ids[index])] = true;
  ids_.insert(ids_.end(), ids, ids + count);
}

void Session::Run(const int32_t* ids, size_t count) {
  if (speculation_ != nullptr) speculation_->Settle();
  const CountingScope counting(expert_counts_.get());
  logits_ = nullptr;
  logits_ = context_->Forward(ids, count, position());
  written_ = std::max(position() == 0 ? 0 : written_, position() + static_cast<int64_t>(count));
  Append(ids, count);
}

bool Session::PendingCanWait() {
  const ProgramInfo& info = model_->program()->info();
  return info.cuts_alike && speculation_ == nullptr && grammar_ != nullptr && !grammar_->MayEnd() &&
         static_cast<int64_t>(waiting_.size()) + 1 < info.max_seq_len && grammar_->Allowed().Only() >= 0;
}

void Session::RunWaiting(std::optional<int32_t> last) {
  std::vector<int32_t> call = std::exchange(waiting_, {});
  const size_t waited = call.size();
  if (last) call.push_back(*last);
  if (call.empty()) return;
  try {
    Run(call.data(), call.size());
  } catch (...) {
    call.resize(waited);
    waiting_ = std::move(call);
    throw;
  }
}

// Runs the token and what is guessed to follow it, whose rows of the caches the next call overwrites if it was wrong.
void Session::RunAndForesee(int32_t id, size_t most_drafted) {
  const Stopwatch watch;
  const std::vector<int32_t>& guess = speculation_->Guess(ids_, id, most_drafted);
  if (guess.empty()) {
    Run(&id, 1);
    speculation_->NoteCall(nullptr, 0, watch.Seconds());
    return;
  }
  std::vector<int32_t> call = {id};
  call.insert(call.end(), guess.begin(), guess.end());
  const CountingScope counting(expert_counts_.get());
  logits_ = nullptr;
  logits_ = context_->AllLogits(call.data(), call.size(), position());
  written_ = std::max(position() == 0 ? 0 : written_, position() + static_cast<int64_t>(call.size()));
  Append(&id, 1);
  speculation_->NoteCall(logits_, seen_.size(), watch.Seconds());
}

// Behind the token that is to be run: no further than the context, and the text, can go.
size_t Session::RoomForDrafts() const {
  const int64_t context = model_->program()->info().max_context_len - position() - 1;
  return static_cast<size_t>(std::max<int64_t>(0, std::min(context, text_.TokensLeft())));
}

// The time is the statistics' even if the call ends early.
void Session::RunChunks(const int32_t* ids, size_t count, size_t* done) {
  const auto chunk = static_cast<size_t>(model_->program()->info().max_seq_len);
  const Stopwatch watch;
  const auto settle = [&] { stats_.ttft_seconds = stats_.prefill_seconds = watch.Seconds(); };
  try {
    for (size_t begin = 0; begin < count; begin += chunk) {
      ThrowIfCancelled();
      const size_t size = std::min(chunk, count - begin);
      Run(ids + begin, size);
      stats_.prefill_tokens += static_cast<int64_t>(size);
      if (done != nullptr) *done += size;
    }
  } catch (...) {
    settle();
    throw;
  }
  settle();
}

void Session::Prefill(const int32_t* ids, size_t count, size_t* done) {
  const auto lock = Enter();
  CheckIds(ids, count);
  CheckRoom(count);
  if (done != nullptr) *done = 0;
  if (pending_ >= 0) RunDecode(pending_);  // the end of the text before
  RunWaiting();
  BeginText();
  RunChunks(ids, count, done);
}

void Session::Prompt(const int32_t* ids, size_t count, size_t* done) {
  const auto lock = Enter();
  CheckIds(ids, count);
  const auto limit = std::min(ids_.size(), count - 1);
  auto kept = static_cast<size_t>(std::mismatch(ids, ids + limit, ids_.begin()).first - ids);
  const int64_t context = model_->program()->info().max_context_len;
  if (static_cast<int64_t>(count) > context) {
    throw CoreError(MMOE_CONTEXT_FULL, "the prompt has " + std::to_string(count) + " tokens, the context " +
                                           std::to_string(context) + "; shorten the prompt");
  }
  try {
    CheckFurthestBack(static_cast<int64_t>(kept));
  } catch (const CoreError&) {
    kept = 0;
  }
  Forget(static_cast<int64_t>(kept));
  if (done != nullptr) *done = kept;
  BeginText();
  RunChunks(ids + kept, count - kept, done);
}

void Session::RunDecode(int32_t id, size_t most_drafted) {
  ThrowIfCancelled();
  const Stopwatch watch;
  if (speculation_ == nullptr) {
    RunWaiting(id);
  } else if (const float* foreseen = speculation_->Take(id)) {
    logits_ = foreseen;
    Append(&id, 1);
  } else {
    RunAndForesee(id, most_drafted);
  }
  pending_ = -1;
  stats_.program_seconds += watch.Seconds();
  ++stats_.decode_tokens;
}

void Session::Decode(int32_t id) {
  const auto lock = Enter();
  const Stopwatch watch;
  CheckIds(&id, 1);
  CheckRoom(1);
  if (pending_ >= 0) RunDecode(pending_);
  RunDecode(id);
  first_token_ = false;
  stats_.decode_seconds += watch.Seconds();
}

void Session::Commit() {
  const auto lock = Enter();
  const Stopwatch watch;
  if (pending_ < 0) return;
  CheckRoom(0);
  RunDecode(pending_);
  stats_.decode_seconds += watch.Seconds();
}

const float* Session::AllowedLogits() {
  constexpr float kNever = -std::numeric_limits<float>::infinity();
  const bool may_end = text_.MayEnd() && (grammar_ == nullptr || grammar_->MayEnd());
  if (grammar_ == nullptr && may_end) return logits_;
  if (grammar_ == nullptr) {
    allowed_logits_.assign(logits_, logits_ + seen_.size());
  } else {
    allowed_logits_.assign(seen_.size(), kNever);
    grammar_->Allowed().ForEach([&](int32_t id) { allowed_logits_[static_cast<size_t>(id)] = logits_[id]; });
  }
  for (const int32_t id : model_->manifest().stop_ids) {
    if (static_cast<size_t>(id) >= seen_.size()) continue;  // a manifest may say so
    allowed_logits_[static_cast<size_t>(id)] = may_end ? logits_[id] : kNever;
  }
  return allowed_logits_.data();
}

int32_t Session::ChooseToken() {
  int32_t id = grammar_ == nullptr || grammar_->MayEnd() ? -1 : grammar_->Allowed().Only();
  if (id < 0) id = sampler_.Sample(AllowedLogits(), static_cast<int32_t>(seen_.size()), seen_, counts_);
  if (grammar_ != nullptr) grammar_->Push(id);
  ++counts_[static_cast<size_t>(id)];
  return id;
}

void Session::Next(mmoe_step* step) {
  const auto lock = Enter();
  const Stopwatch watch;
  if (text_.finish() != MMOE_FINISH_NONE) {
    *step = Step(text_, {});
    return;
  }
  if (grammar_ != nullptr && grammar_->Allowed().empty()) {
    if (!grammar_->MayEnd()) {
      throw CoreError(MMOE_UNSUPPORTED, "no token of the vocabulary goes on with the grammar here");
    }
    *step = Step(text_, text_.End(MMOE_FINISH_STOP_TOKEN, -1));
    return;
  }
  if (text_.HasAllTokens()) {
    *step = Step(text_, text_.End(MMOE_FINISH_LENGTH, -1));
    return;
  }
  if (pending_ >= 0 && position() == model_->program()->info().max_context_len) {
    *step = Step(text_, text_.End(MMOE_FINISH_CONTEXT_FULL, -1));
    return;
  }
  if (pending_ < 0) {
    ThrowIfCancelled();
    RunWaiting();
  } else if (PendingCanWait()) {
    ThrowIfCancelled();
    waiting_.push_back(std::exchange(pending_, -1));
    ++stats_.decode_tokens;
  } else {
    RunDecode(pending_, RoomForDrafts());
  }
  if (logits_ == nullptr)
    throw CoreError(MMOE_INVALID_ARGUMENT, "there are no logits: prefill something first");
  pending_ = ChooseToken();
  *step = Step(text_,
               model_->IsStop(pending_) ? text_.End(MMOE_FINISH_STOP_TOKEN, pending_) : text_.Push(pending_));
  (first_token_ ? stats_.ttft_seconds : stats_.decode_seconds) += watch.Seconds();
  first_token_ = false;
}

void Session::Flush(mmoe_step* step) {
  const auto lock = Enter();
  *step = Step(text_, text_.Flush());
}

void Session::Logits(float* logits, size_t capacity) {
  const auto lock = Enter();
  RunWaiting();
  if (logits_ == nullptr) throw CoreError(MMOE_INVALID_ARGUMENT, "there are no logits: run something first");
  if (capacity < seen_.size()) {
    throw CoreError(MMOE_BUFFER_TOO_SMALL, "the logits are " + std::to_string(seen_.size()) + " floats");
  }
  std::copy_n(logits_, seen_.size(), logits);
}

void Session::Logprobs(mmoe_token_logprob* chosen, mmoe_token_logprob* top, size_t top_count) {
  const auto lock = Enter();
  RunWaiting();
  if (logits_ == nullptr || pending_ < 0) {
    throw CoreError(MMOE_INVALID_ARGUMENT, "no token was chosen since something was run");
  }
  if (top_count > seen_.size()) {
    throw CoreError(MMOE_INVALID_ARGUMENT, "the vocabulary has " + std::to_string(seen_.size()) + " tokens");
  }
  LogProbabilities(logits_, seen_.size(), pending_, chosen, top, top_count);
}

int64_t Session::Position() {
  const auto lock = Enter();
  return position();
}

void Session::Forget(int64_t position) {
  if (speculation_ != nullptr) speculation_->Forget(static_cast<size_t>(position));
  waiting_.clear();
  ids_.resize(static_cast<size_t>(position));
  seen_.assign(seen_.size(), false);
  for (const int32_t id : ids_) seen_[static_cast<size_t>(id)] = true;
  logits_ = nullptr;
  pending_ = -1;
}

void Session::Truncate(int64_t position) {
  const auto lock = Enter();
  if (position < 0 || position > this->position()) {
    throw CoreError(MMOE_INVALID_ARGUMENT, "position " + std::to_string(position) +
                                               " is outside the context, which holds " +
                                               std::to_string(this->position()) + " tokens");
  }
  RunWaiting();
  CheckFurthestBack(position);
  Forget(position);
  text_.Begin();
  grammar_.reset();
  counts_.assign(counts_.size(), 0);
}

void Session::Reset() {
  const auto lock = Enter();
  Forget(0);
  BeginText();
  sampler_.Restart(sampling_);
  cancel_.store(false);
}

void Session::CountExperts(bool on) {
  const auto lock = Enter();
  expert_counts_ = on ? std::make_unique<ExpertCounts>() : nullptr;
}

void Session::CopyExpertCounts(uint64_t* counts, size_t capacity, size_t* layers, size_t* experts) {
  const auto lock = Enter();
  *layers = expert_counts_ == nullptr ? 0 : expert_counts_->layers();
  *experts = expert_counts_ == nullptr ? 0 : expert_counts_->experts();
  const size_t needed = *layers * *experts;
  if (capacity < needed) {
    throw CoreError(MMOE_BUFFER_TOO_SMALL, "the counts are " + std::to_string(needed) + " numbers");
  }
  if (needed > 0) expert_counts_->CopyTo(counts);
}

void Session::Stats(mmoe_stats* stats) {
  const auto lock = Enter();
  const uint32_t size = stats->struct_size;
  *stats = stats_;
  if (speculation_ != nullptr) {
    stats->drafted_tokens = speculation_->drafted_tokens();
    stats->accepted_tokens = speculation_->accepted_tokens();
  }
  stats->struct_size = size;
}

}  // namespace mmoe
