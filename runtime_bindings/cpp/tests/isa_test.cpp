#include "kernels/isa/isa.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace mmoe {
namespace {

TEST(Isa, PortableIsAlwaysThere) {
  const char* error = nullptr;
  const KernelTable* table = FindKernels("portable", &error);
  ASSERT_NE(table, nullptr);
  EXPECT_EQ(error, nullptr);
  EXPECT_STREQ(table->name, "portable");
}

TEST(Isa, UnknownNamesAreRefusedWithTheKnownOnes) {
  const char* error = nullptr;
  EXPECT_EQ(FindKernels("sse9", &error), nullptr);
  ASSERT_NE(error, nullptr);
  EXPECT_NE(std::strstr(error, "portable"), nullptr);
}

TEST(Isa, SelectionNamesATableThatCanBeFound) {
  const char* error = nullptr;
  const KernelSet* selected = SelectKernels(&error);
  ASSERT_NE(selected, nullptr);
  EXPECT_EQ(FindKernels(selected->first().name, &error), &selected->first());
  EXPECT_GE(selected->first().token_tile, 1);
}

TEST(Isa, SupportedTablesHaveDistinctNamesThatCanBeForced) {
  const std::vector<const KernelTable*> tables = SupportedKernels();
  std::set<std::string> names;
  const char* error = nullptr;
  for (const KernelTable* table : tables) {
    names.insert(table->name);
    EXPECT_EQ(FindKernels(table->name, &error), table);
  }
  EXPECT_EQ(names.size(), tables.size());
  EXPECT_STREQ(tables.back()->name, "portable");
}

TEST(Isa, WorkersOfASetOfTwoHaveTheirTables) {
  const char* error = nullptr;
  const KernelTable& fastest = *SupportedKernels().front();
  const KernelTable& portable = *FindKernels("portable", &error);
  const std::optional<KernelSet> set = FindKernelSet("portable+" + std::string(fastest.name), &error);
  ASSERT_TRUE(set.has_value());
  EXPECT_EQ(&set->first(), &portable);
  EXPECT_EQ(&set->ForWorker(0), &portable);
  EXPECT_EQ(&set->ForWorker(1), &fastest);
  EXPECT_EQ(&set->ForWorker(3), &fastest);
  EXPECT_EQ(set->Among(1).kinds(), 1);
  EXPECT_EQ(FindKernelSet("portable+portable", &error)->kinds(), 1);
  EXPECT_EQ(error, nullptr);
  EXPECT_FALSE(FindKernelSet("portable+", &error).has_value());
  EXPECT_NE(error, nullptr);
}

TEST(Isa, OnlySme2IsForOneWorkerUnlessAskedForTwice) {
  const char* error = nullptr;
  for (const KernelTable* table : SupportedKernels()) {
    const std::string name = table->name;
    const std::optional<KernelSet> set = FindKernelSet(name, &error),
                                   twice = FindKernelSet(name + "+" + name, &error);
    EXPECT_EQ(&set->ForWorker(0), table);
    EXPECT_STREQ(set->ForWorker(1).name, name == "sme2" ? "neon_i8mm" : name.c_str());
    EXPECT_EQ(&twice->ForWorker(1), table);
  }
}

// Continuous integration runs the tests on emulated CPUs and says what each of them must choose.
TEST(Isa, TheFastestTableIsTheOneExpectedOfThisCpu) {
  const char* expected = std::getenv("MMOE_EXPECTED_ISA");
  if (expected == nullptr) return;
  const char* error = nullptr;
  EXPECT_STREQ(SelectKernels(&error)->first().name, expected);
}

}  // namespace
}  // namespace mmoe
