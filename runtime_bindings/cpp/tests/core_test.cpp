// libmmoe under load, through its C ABI alone, for builds with sanitizers. MMOE_TEST_ARTIFACT names the artifact.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "core/mmoe.h"

namespace {

const std::vector<int32_t> kPrompt = {5, 6, 7, 8, 9, 10, 11, 12};

class Core : public testing::Test {
 protected:
  void SetUp() override {
    const char* folder = std::getenv("MMOE_TEST_ARTIFACT");
    ASSERT_NE(folder, nullptr) << "set MMOE_TEST_ARTIFACT to a converted model";
    ASSERT_EQ(mmoe_model_open(folder, nullptr, &model_), MMOE_OK) << mmoe_last_error();
  }
  void TearDown() override { EXPECT_EQ(mmoe_model_close(model_), MMOE_OK); }

  mmoe_session Open() const {
    mmoe_session session = 0;
    EXPECT_EQ(mmoe_session_open(model_, nullptr, &session), MMOE_OK) << mmoe_last_error();
    return session;
  }

  // Starts the context and decodes until a call is refused; how that one ended.
  static mmoe_status DecodeUntilRefused(mmoe_session session) {
    for (;;) {
      mmoe_status status = mmoe_session_prompt(session, kPrompt.data(), kPrompt.size(), nullptr);
      mmoe_step step = {};
      while (status == MMOE_OK && step.finish == MMOE_FINISH_NONE) status = mmoe_session_next(session, &step);
      if (status != MMOE_OK) return status;
    }
  }

  mmoe_model model_ = 0;
};

std::vector<int32_t> Tokens(mmoe_session session, int count) {
  std::vector<int32_t> ids;
  EXPECT_EQ(mmoe_session_prefill(session, kPrompt.data(), kPrompt.size(), nullptr), MMOE_OK);
  for (mmoe_step step; count > 0 && mmoe_session_next(session, &step) == MMOE_OK; --count)
    ids.push_back(step.id);
  return ids;
}

TEST_F(Core, AThousandSessionsGiveTheSameTokensAndLeaveNothing) {
  std::vector<int32_t> first;
  for (int round = 0; round < 1000; ++round) {
    const mmoe_session session = Open();
    const std::vector<int32_t> ids = Tokens(session, 3);
    if (round == 0) first = ids;
    ASSERT_EQ(ids, first);
    ASSERT_EQ(mmoe_session_close(session), MMOE_OK);
  }
}

TEST_F(Core, SessionsOnThreadsDoNotDisturbEachOther) {
  const mmoe_session session = Open();
  const std::vector<int32_t> alone = Tokens(session, 40);
  std::vector<std::vector<int32_t>> found(4);
  std::vector<std::thread> threads;
  for (auto& ids : found) threads.emplace_back([&] { ids = Tokens(Open(), 40); });
  for (auto& thread : threads) thread.join();
  for (const auto& ids : found) EXPECT_EQ(ids, alone);
}

TEST_F(Core, CloseAndCancelEndACallOnAnotherThread) {
  for (int round = 0; round < 40; ++round) {
    const mmoe_session session = Open();
    std::atomic<mmoe_status> ended{MMOE_OK};
    std::thread worker([&] { ended = DecodeUntilRefused(session); });
    std::this_thread::sleep_for(std::chrono::microseconds(300 * round));
    const bool close = round % 2 == 0;
    ASSERT_EQ(close ? mmoe_session_close(session) : mmoe_session_cancel(session), MMOE_OK);
    worker.join();
    EXPECT_TRUE(ended == MMOE_CANCELLED || (close && ended == MMOE_CLOSED)) << mmoe_status_name(ended);
    int64_t position = 0;
    EXPECT_EQ(mmoe_session_position(session, &position), close ? MMOE_CLOSED : MMOE_OK);
  }
}

TEST_F(Core, AnyCallsFromManyThreadsOnOneSessionAreDoneOrRefused) {
  const mmoe_session session = Open();
  std::atomic<int> unexpected{0};
  std::vector<std::thread> threads;
  for (int index = 0; index < 4; ++index) {
    threads.emplace_back([&, index] {
      for (int round = 0; round < 200; ++round) {
        mmoe_step step = {};
        int64_t position = 0;
        const mmoe_status statuses[] = {
            mmoe_session_prompt(session, kPrompt.data(), kPrompt.size(), nullptr),
            mmoe_session_next(session, &step), mmoe_session_position(session, &position),
            index == 0 ? mmoe_session_reset(session) : mmoe_session_commit(session)};
        for (const mmoe_status status : statuses) {
          // Another thread may have reset the context, so that there are no logits to choose from.
          const bool refused = status == MMOE_BUSY || status == MMOE_INVALID_ARGUMENT;
          if (status != MMOE_OK && !refused) ++unexpected;
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(unexpected, 0);
}

TEST_F(Core, ModelsAreOpenedAndClosedWhileOthersRun) {
  const mmoe_session session = Open();
  std::thread worker([&] { EXPECT_EQ(DecodeUntilRefused(session), MMOE_CANCELLED); });
  for (int round = 0; round < 10; ++round) {
    mmoe_model other = 0;
    mmoe_session inside = 0;
    ASSERT_EQ(mmoe_model_open(std::getenv("MMOE_TEST_ARTIFACT"), nullptr, &other), MMOE_OK)
        << mmoe_last_error();
    ASSERT_EQ(mmoe_session_open(other, nullptr, &inside), MMOE_OK);
    Tokens(inside, 2);
    ASSERT_EQ(mmoe_model_close(other), MMOE_OK);
    int64_t position = 0;
    EXPECT_EQ(mmoe_session_position(inside, &position), MMOE_CLOSED);
  }
  EXPECT_EQ(mmoe_session_cancel(session), MMOE_OK);
  worker.join();
}

}  // namespace
