#include "core/performance_cores.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <numeric>

namespace mmoe {
namespace {

// Files as Linux has them, below a folder of its own.
class PerformanceCoresTest : public testing::Test {
 protected:
  void SetUp() override {
    const testing::TestInfo* test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = testing::TempDir() + "cpu-" + test->name() + "-" + std::to_string(getpid());
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void Write(const std::string& file, const std::vector<std::string>& values) {
    for (size_t processor = 0; processor < values.size(); ++processor) {
      const std::filesystem::path path = folder_ + "/cpu" + std::to_string(processor) + "/" + file;
      std::filesystem::create_directories(path.parent_path());
      std::ofstream(path) << values[processor];
    }
  }
  void WriteCapacities(const std::vector<std::string>& values) { Write("cpu_capacity", values); }
  void WriteFrequencies(const std::vector<std::string>& values) { Write("cpufreq/cpuinfo_max_freq", values); }

  std::optional<uint32_t> Found(uint32_t processors) const {
    std::vector<uint32_t> allowed(processors);
    std::iota(allowed.begin(), allowed.end(), 0);
    return PerformanceCoresOfLinux(folder_, allowed);
  }

  std::string folder_;
};

TEST_F(PerformanceCoresTest, OneLargeThreeMiddleFourSmall) {
  WriteCapacities({"325\n", "325\n", "325\n", "325\n", "869\n", "869\n", "869\n", "1024\n"});
  EXPECT_EQ(Found(8), 4u);
}

TEST_F(PerformanceCoresTest, ACapacityOfAHalfIsEnough) {
  WriteCapacities({"1024", "512", "511"});
  EXPECT_EQ(Found(3), 2u);
}

TEST_F(PerformanceCoresTest, CapacitiesCountForMoreThanFrequencies) {
  WriteCapacities({"400", "400", "1024", "1024"});
  WriteFrequencies({"2000000", "2000000", "2200000", "2200000"});
  EXPECT_EQ(Found(4), 2u);
}

TEST_F(PerformanceCoresTest, FrequenciesWithoutCapacities) {
  WriteFrequencies({"1804800", "1804800", "1804800", "1804800", "2419200", "2419200", "2419200", "2841600"});
  EXPECT_EQ(Found(8), 4u);
}

TEST_F(PerformanceCoresTest, AlikeCoresLeaveTheChoiceToTheRuntime) {
  WriteCapacities({"1024", "1024", "1024", "1024"});
  EXPECT_EQ(Found(4), std::nullopt);
}

TEST_F(PerformanceCoresTest, CoresThatAreBoostedALittleMoreAreAlike) {
  WriteFrequencies({"5000000", "5000000", "5700000", "5700000"});
  EXPECT_EQ(Found(4), std::nullopt);
}

TEST_F(PerformanceCoresTest, OnlyWhatTheProcessMayUseCounts) {
  WriteCapacities({"325", "325", "869", "1024"});
  EXPECT_EQ(PerformanceCoresOfLinux(folder_, {0, 1}), std::nullopt);
  EXPECT_EQ(PerformanceCoresOfLinux(folder_, {1, 3}), 1u);
}

TEST_F(PerformanceCoresTest, WhatCannotBeReadTellsNothing) {
  EXPECT_EQ(Found(4), std::nullopt);
  EXPECT_EQ(Found(0), std::nullopt);
  WriteCapacities({"325", "1024"});
  EXPECT_EQ(Found(3), std::nullopt) << "one of the processors has no file";
  WriteCapacities({"325", "1024", "fast"});
  EXPECT_EQ(Found(3), std::nullopt);
  WriteCapacities({"325", "1024", "0"});
  EXPECT_EQ(Found(3), std::nullopt);
  WriteFrequencies({"1800000", "2800000", "2800000"});
  EXPECT_EQ(Found(3), 2u) << "then the frequencies do";
}

}  // namespace
}  // namespace mmoe
