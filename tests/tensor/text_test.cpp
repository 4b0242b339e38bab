#include "gradus/tensor/text.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gradus::detail {
namespace {

using Words = std::vector<std::string_view>;

TEST(Text, PhrasesStandBetweenCommasAndWordsBetweenBlanks) {
  const std::vector<Phrase> parts = phrases("conv  32 5,relu ,, fc 10");
  ASSERT_EQ(parts.size(), 4U);
  EXPECT_EQ(parts[0].words, (Words{"conv", "32", "5"}));
  EXPECT_EQ(parts[1].words, (Words{"relu"}));
  EXPECT_EQ(parts[2].words, Words{});
  EXPECT_EQ(parts[3].words, (Words{"fc", "10"}));
  EXPECT_EQ(spell(parts[0]), "conv 32 5");
  EXPECT_EQ(spell(parts[2]), "");
  EXPECT_EQ(parts[0].at, 0U);
  EXPECT_EQ(parts[1].at, 11U);
  EXPECT_EQ(parts[2].at, 17U);
  EXPECT_EQ(parts[3].at, 19U);
}

TEST(Text, ColumnsCountCharactersAndNotBytes) {
  EXPECT_EQ(columns(""), 0U);
  EXPECT_EQ(columns("loss"), 4U);
  EXPECT_EQ(columns("784 → 10"), 8U);
  EXPECT_EQ(columns("±½"), 2U);
}

TEST(Text, CommasStandBeforeEachThreeDigits) {
  EXPECT_EQ(with_commas(0), "0");
  EXPECT_EQ(with_commas(999), "999");
  EXPECT_EQ(with_commas(1000), "1,000");
  EXPECT_EQ(with_commas(-1234567), "-1,234,567");
  EXPECT_EQ(with_commas(-100), "-100");
  EXPECT_EQ(with_commas(std::numeric_limits<std::int64_t>::min()), "-9,223,372,036,854,775,808");
}

TEST(Text, UnknownWordsNameTheNearest) {
  const std::array<std::string_view, 3> layers = {"relu", "tanh", "sigmoid"};
  EXPECT_EQ(unknown_word("a layer", "rleu", std::span<const std::string_view>(layers)),
            "expected a layer, got 'rleu' (did you mean 'relu'?)");
  const std::string none = unknown_word("a layer", "convolution", std::span<const std::string_view>(layers));
  for (const std::string_view name : layers) EXPECT_NE(none.find(name), std::string::npos) << none;
}

}  // namespace
}  // namespace gradus::detail
