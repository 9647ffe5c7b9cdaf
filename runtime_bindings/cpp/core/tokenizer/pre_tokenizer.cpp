#include "core/tokenizer/pre_tokenizer.h"

namespace mmoe {

namespace {

using Behavior = PreTokenizer::Behavior;

struct Piece {
  size_t begin;
  size_t end;
  bool is_match;
};

// The matches of a pattern and what is between them, in order.
template <typename Found>
void CutAtMatches(const Regex& pattern, std::string_view text, const Found& found) {
  RegexMatches matches(pattern, text);
  for (size_t at = 0; at < text.size();) {
    const Regex::Match match = matches.Next();
    if (at < match.begin) found(Piece{at, match.begin, false});
    if (match.begin < match.end) found(Piece{match.begin, match.end, true});
    at = match.end;
  }
}

// Holds a piece back until it is clear that the next one does not belong to it.
template <typename Found>
class Joiner {
 public:
  Joiner(Behavior behavior, const Found& found) : behavior_(behavior), found_(found) {}

  void Add(Piece piece) {
    if (holds_ && Joins(piece.is_match)) {
      held_.end = piece.end;
    } else {
      Flush();
      held_ = piece;
      holds_ = true;
    }
    previous_ = piece.is_match;
  }

  void Flush() {
    if (holds_) found_(held_.begin, held_.end);
    holds_ = false;
  }

 private:
  bool Joins(bool is_match) const {
    switch (behavior_) {
      case Behavior::kContiguous:
        return is_match == previous_;
      case Behavior::kMergedWithPrevious:
        return is_match && !previous_;
      default:  // kMergedWithNext
        return !is_match && previous_;
    }
  }

  const Behavior behavior_;
  const Found& found_;
  bool holds_ = false;
  bool previous_ = false;
  Piece held_{};
};

template <typename Found>
void Cut(const PreTokenizer::Split& split, std::string_view text, const Found& found) {
  switch (split.behavior) {
    case Behavior::kIsolated:
      return CutAtMatches(*split.pattern, text, [&](const Piece& piece) { found(piece.begin, piece.end); });
    case Behavior::kRemoved:
      return CutAtMatches(*split.pattern, text, [&](const Piece& piece) {
        if (piece.is_match == split.invert) found(piece.begin, piece.end);
      });
    default:
      Joiner<Found> joiner(split.behavior, found);
      CutAtMatches(*split.pattern, text, [&](const Piece& piece) {
        joiner.Add({piece.begin, piece.end, piece.is_match != split.invert});
      });
      joiner.Flush();
  }
}

bool StartsWith(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

std::string WithMetaspace(const PreTokenizer::Metaspace& metaspace, std::string_view piece, bool at_start) {
  using Prepend = PreTokenizer::Metaspace::Prepend;
  std::string text;
  text.reserve(piece.size() + metaspace.replacement.size());
  const bool prepends =
      metaspace.prepend == Prepend::kAlways || (metaspace.prepend == Prepend::kFirst && at_start);
  const bool begins = piece[0] == ' ' || StartsWith(piece, metaspace.replacement);
  if (prepends && !begins) text = metaspace.replacement;
  for (const char byte : piece) {
    if (byte == ' ') {
      text += metaspace.replacement;
    } else {
      text += byte;
    }
  }
  return text;
}

}  // namespace

void PreTokenizer::RunFrom(size_t step, std::string_view piece, bool at_start, const Words& words) const {
  if (piece.empty()) return;
  if (step == steps_.size()) return words(piece);
  const Step& what = steps_[step];
  if (const auto* split = std::get_if<Split>(&what)) {
    Cut(*split, piece, [&](size_t begin, size_t end) {
      RunFrom(step + 1, piece.substr(begin, end - begin), at_start && begin == 0, words);
    });
  } else if (std::holds_alternative<PrefixSpace>(what)) {
    if (piece[0] == ' ') return RunFrom(step + 1, piece, at_start, words);
    RunFrom(step + 1, " " + std::string(piece), at_start, words);
  } else {
    RunFrom(step + 1, WithMetaspace(std::get<Metaspace>(what), piece, at_start), at_start, words);
  }
}

}  // namespace mmoe
