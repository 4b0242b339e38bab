// Cases of every outcome, for scripts/cases.awk to count.
#include <gtest/gtest.h>

#include <cstdlib>

TEST(Sample, Passes) {}
TEST(Sample, Fails) { EXPECT_EQ(1, 2); }
TEST(Sample, Skips) { GTEST_SKIP() << "no data"; }
TEST(Sample, Dies) {
  if (std::getenv("DIE") != nullptr) std::_Exit(1);
}

class Numbered : public testing::TestWithParam<int> {};
TEST_P(Numbered, IsTwo) { EXPECT_EQ(GetParam(), 2); }
INSTANTIATE_TEST_SUITE_P(All, Numbered, testing::Values(1, 2));
