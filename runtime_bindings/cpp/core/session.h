#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/answer_text.h"
#include "core/expert_counts.h"
#include "core/grammar/matcher.h"
#include "core/mmoe.h"
#include "core/model.h"
#include "core/program.h"
#include "core/sampler.h"
#include "core/snapshot/session_state.h"
#include "core/speculation/speculation.h"

namespace mmoe {

// A context of one conversation; the semantics are those of mmoe.h. Every function may throw CoreError.
class Session {
 public:
  Session(std::shared_ptr<const Model> model, const mmoe_sampling& sampling);

  void SetSampling(const mmoe_sampling& sampling);
  void SetBias(std::vector<mmoe_logit_bias> bias);
  void SetLimits(const Limits& limits);
  void HideCalls(bool hide);
  // nullptr: any text.
  void SetGrammar(std::shared_ptr<const grammar::VocabularyGrammar> grammar);
  // Drafts of up to `most` tokens, none for 0; `document`: ids that drafts are taken from beside the context.
  void SetSpeculation(int32_t most, std::vector<int32_t> document);
  void Prefill(const int32_t* ids, size_t count, size_t* done);
  void Prompt(const int32_t* ids, size_t count, size_t* done);
  void Next(mmoe_step* step);
  void Flush(mmoe_step* step);
  void Commit();
  void Decode(int32_t id);
  void Logits(float* logits, size_t capacity);
  void Logprobs(mmoe_token_logprob* chosen, mmoe_token_logprob* top, size_t top_count);
  int64_t Position();
  void Truncate(int64_t position);
  void Reset();
  void Stats(mmoe_stats* stats);
  // Begins anew; false: no longer.
  void CountExperts(bool on);
  // See mmoe_session_expert_counts.
  void CopyExpertCounts(uint64_t* counts, size_t capacity, size_t* layers, size_t* experts);
  // In snapshot/session_snapshot.cpp.
  void Save(const std::string& path);
  void Restore(const std::string& path);

  const Model& model() const { return *model_; }
  void Cancel() { cancel_.store(true); }
  void ClearCancel() { cancel_.store(closed_.load()); }
  // Ends the running call and frees the context; every later call is refused with MMOE_CLOSED.
  void Close();

 private:
  // Holds the session for one call; refuses with MMOE_BUSY or MMOE_CLOSED.
  std::unique_lock<std::mutex> Enter();
  void CheckIds(const int32_t* ids, size_t count) const;
  void CheckRoom(size_t count) const;
  void CheckFurthestBack(int64_t position) const;
  void ThrowIfCancelled();
  void BeginText();
  void RunChunks(const int32_t* ids, size_t count, size_t* done);
  void RunDecode(int32_t id, size_t most_drafted = 0);
  // The grammar leaves one token, so nobody asks for the logits behind the pending one: it can be run with the next.
  bool PendingCanWait();
  // Runs what has waited, and `last` behind it.
  void RunWaiting(std::optional<int32_t> last = std::nullopt);
  void Run(const int32_t* ids, size_t count);
  void RunAndForesee(int32_t id, size_t most_drafted);
  void Append(const int32_t* ids, size_t count);
  size_t RoomForDrafts() const;
  void Forget(int64_t position);
  int32_t ChooseToken();
  // The logits of what may be chosen; those of all else are minus infinity.
  const float* AllowedLogits();
  SessionState State() const;

  int64_t position() const { return static_cast<int64_t>(ids_.size() + waiting_.size()); }

  const std::shared_ptr<const Model> model_;
  std::mutex running_;
  std::atomic<bool> cancel_{false};
  std::atomic<bool> closed_{false};

  mmoe_sampling sampling_;
  Sampler sampler_;
  std::unique_ptr<ProgramContext> context_;
  std::vector<int32_t> ids_;  // in the context
  int64_t written_ = 0;  // positions written since the last start at 0; rings have lost what is far behind
  std::vector<bool> seen_;
  std::vector<int32_t> counts_;               // of the tokens chosen since the text began
  const float* logits_ = nullptr;             // of the last token run; nullptr when there are none
  std::vector<float> restored_logits_;        // what logits_ points to until something is run
  std::vector<int32_t> waiting_;              // before pending_: of the context, but not run yet
  int32_t pending_ = -1;                      // chosen and handed out, not run yet
  std::unique_ptr<Speculation> speculation_;  // nullptr: plain decoding
  bool first_token_ = true;                   // the next one chosen ends the time to the first token
  AnswerText text_;
  std::unique_ptr<grammar::Matcher> grammar_;    // nullptr: any text
  std::vector<float> allowed_logits_;            // while not every token may be chosen
  std::unique_ptr<ExpertCounts> expert_counts_;  // nullptr: nobody asked
  mmoe_stats stats_{};
};

}  // namespace mmoe
