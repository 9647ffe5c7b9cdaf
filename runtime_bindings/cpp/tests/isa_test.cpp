#include "isa.h"

#include <gtest/gtest.h>

#include <cstring>

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

}  // namespace
}  // namespace mmoe
