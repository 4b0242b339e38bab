#include <gradus/data/readers.h>

#include <gtest/gtest.h>

#include <cstdint>

namespace gradus {
namespace {

TEST(Column, PositionsAreNotCutToInt) {
  const std::int64_t wide = (std::int64_t{1} << 32) + 1;
  EXPECT_EQ(*data::Column(wide).position(), wide);
  EXPECT_EQ(*data::Column(-1).position(), -1);
  EXPECT_EQ(data::Column("label").position(), nullptr);
}

}  // namespace
}  // namespace gradus
