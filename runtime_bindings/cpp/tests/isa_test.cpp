#include "kernels/isa/isa.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
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
  const KernelTable* selected = SelectKernels(&error);
  ASSERT_NE(selected, nullptr);
  EXPECT_EQ(FindKernels(selected->name, &error), selected);
  EXPECT_GE(selected->token_tile, 1);
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

// Continuous integration runs the tests on emulated CPUs and says what each of them must choose.
TEST(Isa, TheFastestTableIsTheOneExpectedOfThisCpu) {
  const char* expected = std::getenv("MMOE_EXPECTED_ISA");
  if (expected == nullptr) return;
  const char* error = nullptr;
  EXPECT_STREQ(SelectKernels(&error)->name, expected);
}

}  // namespace
}  // namespace mmoe
