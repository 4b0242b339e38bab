#include "gradus/tensor/from_chars.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string_view>

namespace gradus::detail {
namespace {

/// What is left of the text, or "?" where there is no number, "!" where it is out of range.
std::string_view parse(std::string_view text, double& value) {
  const char* end = text.data() + text.size();
  const auto [rest, error] = from_chars(text.data(), end, value);
  if (error == std::errc::result_out_of_range) return "!";
  if (error != std::errc()) return "?";
  return {rest, static_cast<std::size_t>(end - rest)};
}

TEST(FromChars, TakesWhatTheStandardTakes) {
  double x = 7;
  for (const char* text : {"", " 1", "+1", "-+1", "--1", "- 1", "e5", "x", ",5"}) {
    EXPECT_EQ(parse(text, x), "?") << text;
    EXPECT_EQ(x, 7) << text;
  }
  EXPECT_EQ(parse("-0x1p3", x), "x1p3");
  EXPECT_TRUE(x == 0 && std::signbit(x));
  EXPECT_EQ(parse("0.1,5", x), ",5");
  EXPECT_EQ(x, 0.1);
  EXPECT_EQ(parse("-1.5e3e", x), "e");
  EXPECT_EQ(x, -1500);
  EXPECT_EQ(parse("4.9e-324", x), "");
  EXPECT_EQ(x, 5e-324);
  EXPECT_EQ(parse("-inf", x), "");
  EXPECT_TRUE(std::isinf(x));
  EXPECT_EQ(parse("nan", x), "");
  EXPECT_TRUE(std::isnan(x));
  EXPECT_EQ(parse("1e999", x), "!");
  EXPECT_EQ(parse("1e-999", x), "!");
}

TEST(FromText, TakesTheWholeTextAndWhatFits) {
  EXPECT_EQ(from_text<double>("-1.5e3"), -1500);
  EXPECT_EQ(from_text<int>("12"), 12);
  EXPECT_EQ(from_text<std::int64_t>("-9223372036854775808"), std::numeric_limits<std::int64_t>::min());
  for (const char* text : {"", "1 ", " 1", "+1", "1x", "1e999"}) EXPECT_FALSE(from_text<double>(text)) << text;
  for (const char* text : {"", "1.0", "2147483648", "0x1"}) EXPECT_FALSE(from_text<int>(text)) << text;
}

}  // namespace
}  // namespace gradus::detail
