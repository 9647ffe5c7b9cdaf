#include "core/speculation/draft_source.h"

#include <gtest/gtest.h>

namespace mmoe {
namespace {

using Ids = std::vector<int32_t>;

constexpr size_t kContext = 64;

// What a source that has seen every token of `text` as it came foretells behind its last one.
Draft After(const Ids& text, const Ids& document = {}, size_t most = 3) {
  DraftSource source(kContext);
  source.SetDocument(document);
  Draft draft;
  for (size_t size = 0; size < text.size(); ++size) {
    const auto end = text.begin() + static_cast<std::ptrdiff_t>(size);
    draft = source.Find({text.begin(), end}, *end, most);
  }
  return draft;
}

const Ids kDocument = {10, 11, 12, 13, 14, 15, 16, 17, 18, 19};

TEST(DraftSourceTest, ThreeTokensAreFoundAgain) {
  const Draft draft = After({1, 2, 3, 4, 5, 6, 9, 1, 2, 3});
  EXPECT_EQ(draft.ids, (Ids{4, 5, 6}));
  EXPECT_EQ(draft.matched, 3u);
  EXPECT_EQ(After({1, 2, 3, 4, 9, 2, 3}).ids, Ids());
  EXPECT_EQ(After({10, 11, 12}, kDocument).ids, (Ids{13, 14, 15}));
}

TEST(DraftSourceTest, ATextThatRepeatsItselfGoesOnIntoItsDraft) {
  EXPECT_EQ(After({1, 2, 1, 2, 1}, {}, 5).ids, (Ids{2, 1, 2, 1, 2}));
}

TEST(DraftSourceTest, ASourceGoesOnBehindATokenThatIsReplaced) {
  const Draft draft = After({10, 11, 12, 13, 7}, kDocument);
  EXPECT_EQ(draft.ids, (Ids{15, 16, 17}));
  EXPECT_EQ(draft.matched, 0u);
  EXPECT_EQ(After({10, 11, 12, 13, 7, 15}, kDocument).matched, 1u);
  EXPECT_EQ(After({1, 2, 3, 4, 5, 6, 9, 1, 2, 3, 7}).ids, (Ids{5, 6, 9}));
}

TEST(DraftSourceTest, ASourceGoesOnBehindTokensThatAreLeftOutOrPutIn) {
  EXPECT_EQ(After({10, 11, 12, 15}, kDocument).ids, (Ids{16, 17, 18}));
  EXPECT_EQ(After({10, 11, 12, 7, 8, 13}, kDocument).ids, (Ids{14, 15, 16}));
}

TEST(DraftSourceTest, ASourceIsLostWhereNothingOfItComesAgain) {
  Ids long_document(40), text = {0, 1, 2};
  for (size_t index = 0; index < long_document.size(); ++index) {
    long_document[index] = static_cast<int32_t>(index);
  }
  while (text.size() < 3 + 16) text.push_back(100 + static_cast<int32_t>(text.size()));
  EXPECT_EQ(After(text, long_document).ids, (Ids{19, 20, 21}));
  text.push_back(200);
  EXPECT_EQ(After(text, long_document).ids, Ids());
}

TEST(DraftSourceTest, ACutContextFollowsNothing) {
  DraftSource source(kContext);
  source.SetDocument(kDocument);
  EXPECT_FALSE(source.Find({10, 11}, 12, 3).ids.empty());
  source.Forget(1);
  EXPECT_TRUE(source.Find({10, 11}, 7, 3).ids.empty());
}

TEST(DraftSourceTest, ADraftEndsWithItsDocument) {
  EXPECT_EQ(After({16, 17, 18}, kDocument).ids, (Ids{19}));
  EXPECT_EQ(After({17, 18, 19}, kDocument).ids, Ids());
  EXPECT_EQ(After({17, 18, 19, 1, 2, 3}, kDocument).ids, Ids());
}

}  // namespace
}  // namespace mmoe
