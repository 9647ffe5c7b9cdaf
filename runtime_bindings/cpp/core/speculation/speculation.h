#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/speculation/draft_length.h"
#include "core/speculation/draft_source.h"

namespace mmoe {

// Lossless speculative decoding (Leviathan et al., arXiv 2211.17192, with a draft that costs nothing): what follows a
// token is guessed and run in the same call, and the logits of a guess are taken when that very token is chosen.
// Whoever chooses sees the logits that plain decoding would show, bit for bit, since they do not depend on how tokens
// are cut into calls.
class Speculation {
 public:
  // `most`: drafted tokens of one call.
  Speculation(size_t context_tokens, size_t most) : source_(context_tokens), most_(most) {}

  void SetDocument(std::vector<int32_t> document) { source_.SetDocument(std::move(document)); }

  // The logits behind `id`, which was chosen; nullptr if it was not run.
  const float* Take(int32_t id);
  // What to run behind `id`, of which the context knows nothing: at most `room` tokens, none if that is not worth it.
  const std::vector<int32_t>& Guess(const std::vector<int32_t>& context, int32_t id, size_t room);
  // The call of the guess has come back with logits for each of its tokens: rows of `stride` floats, valid until
  // another call of the program is made.
  void NoteCall(const float* rows, size_t stride, double seconds);

  // The context is cut, or goes on without what was foreseen.
  void Forget(size_t position);
  void Settle();

  int64_t drafted_tokens() const { return drafted_tokens_; }
  int64_t accepted_tokens() const { return accepted_tokens_; }
  void ClearCounts() { drafted_tokens_ = accepted_tokens_ = 0; }

 private:
  DraftSource source_;
  DraftLength length_;
  size_t most_;

  Draft draft_;  // what was found, of which `run_` holds the beginning
  std::vector<int32_t> run_;
  bool open_ = false;  // the next token says whether the draft is right
  size_t taken_ = 0;
  const float* rows_ = nullptr;
  size_t stride_ = 0;
  double seconds_ = 0;
  int64_t drafted_tokens_ = 0;
  int64_t accepted_tokens_ = 0;
};

}  // namespace mmoe
