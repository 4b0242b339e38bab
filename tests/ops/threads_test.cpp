// Ops on operands that are worth several threads: the values are those of one.

#include "expect.h"

#include <gradus/ops.h>

#include <functional>
#include <limits>
#include <string>
#include <vector>

namespace gradus {
namespace {

struct Case {
  std::string name;
  std::function<Tensor()> run;
};

std::vector<Case> cases() {
  const Tensor x = normal({301, 513}), y = normal({301, 513}), row = normal({513}), column = normal({301, 1});
  const Tensor line = normal({200000}), cube = normal({70, 9, 300}), few = normal({3, 70000});
  const Tensor places = cast(uniform({301, 513}, 0, 513), int64), index = cast(uniform({90000}, -301, 301), int64);
  const Tensor rows = cast(uniform({301, 513}, 0, 301), int64);
  const Tensor images = normal({6, 5, 64, 64});
  return {
      {"a row added", [=] { return x + row; }},
      {"a column added", [=] { return column * x; }},
      {"a product of a row and a column", [=] { return column * row; }},
      {"few long rows", [=] { return few + ones({3, 1}); }},
      {"the middle axis", [=] { return cube - mean(cube, 1, true); }},
      {"every other element", [=] { return slice(line, 0, 0, 200000, 2) * 2.0; }},
      {"every third of two", [=] { return slice(line, 0, 1, 200000, 3) + slice(line, 0, 0, 199999, 3); }},
      {"every other column", [=] { return exp(slice(x, 1, 0, 513, 2)); }},
      {"columns compared", [=] { return slice(x, 1, 0, 512, 2) < slice(x, 1, 1, 513, 2); }},
      {"a choice by rows", [=] { return where(column > 0, x, row); }},
      {"a choice along one axis", [=] { return where(line > 0, line, -line); }},
      {"full", [] { return full({1000, 1000}, 3); }},
      {"parts side by side", [=] { return concat({x, column, slice(y, 1, 3, 200)}, 1); }},
      {"parts one after the other", [=] { return concat({few, ones({2, 70000})}, 0); }},
      {"rows with zeros around", [=] { return slice_put(y, {301, 600}, 1, 7, 520); }},
      {"rows with zeros between", [=] { return slice_put(y, {301, 1026}, 1, 0, kEnd, 2); }},
      {"elements by rows", [=] { return gather(x, 1, places); }},
      {"elements by columns", [=] { return gather(x, 0, rows); }},
      {"elements added by rows", [=] { return scatter_add(x, 1, places, y); }},
      {"rows from the front and the back", [=] { return index_select(column, 0, index); }},
      {"places of the largest", [=] { return argmax(x, 1); }},
      {"places of the least of columns", [=] { return argmin(cube, 1); }},
      {"running sums", [=] { return cumsum(x, 1); }},
      {"running sums of columns", [=] { return cumsum(cube, 1); }},
      {"statistics of channels", [=] { return batch_norm(images).y; }},
      {"means of windows", [=] { return avg_pool2d(images, {2, 2}); }},
  };
}

TEST(Threads, SeveralGiveTheValuesOfOne) {
  const int before = num_threads();
  for (const Case& each : cases()) {
    set_num_threads(1);
    const Tensor one = each.run();
    set_num_threads(3);
    const Tensor several = each.run();
    EXPECT_EQ(one.shape(), several.shape()) << each.name;
    EXPECT_EQ(one.to_vector(), several.to_vector()) << each.name;
  }
  set_num_threads(before);
}

TEST(Threads, AWrongIndexAmongManyIsNamed) {
  std::vector<std::int64_t> index(200000, 1);
  index[150000] = 7;
  const Tensor x = normal({5, 2});
  expect_error<IndexError>(
      "index_select", "expected indices in -5..4, got 7", [&] { index_select(x, 0, from_vector(index, {200000})); });
  index[150000] = std::numeric_limits<std::int64_t>::min();
  EXPECT_THROW(index_select(x, 0, from_vector(index, {200000})), IndexError);
  index[150000] = -5;
  EXPECT_EQ(index_select(x, 0, from_vector(index, {200000})).to_vector()[300000], x.to_vector()[0]);
}

}  // namespace
}  // namespace gradus
