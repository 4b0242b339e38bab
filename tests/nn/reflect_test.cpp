#include "gradus/nn/reflect.h"

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace gradus::nn {
namespace {

template <class T>
std::string names(T& object) {
  std::string all;
  visit_fields(object, [&](std::string_view name, auto&) { all.append(name) += ' '; });
  return all;
}
template <class T>
inline constexpr std::size_t count = detail::field_count<T>;

template <class Self>
struct Base {};
struct Mixin {};

struct Options {
  bool bias = true;
};
/// Neither default constructible nor clear about how many values it takes.
struct Layer {
  Layer(int, int, Options = {}) {}
  Layer(int, Options) {}
};
struct Handle {
  Handle() = default;
  Handle(std::unique_ptr<int> p) : value(std::move(p)) {}
  std::unique_ptr<int> value;
};

struct Empty {};
struct EmptyWithBase : Base<EmptyWithBase> {};
struct One {
  int only;
};
struct Net : Base<Net>, Mixin {
  Layer fc1{784, 256}, fc2{256, 10};
  Handle alpha = std::make_unique<int>(3);
  double rate = 0.5;
};

TEST(Reflect, NamesFieldsInOrder) {
  Net net;
  EXPECT_EQ(names(net), "fc1 fc2 alpha rate ");
  const Net& constant = net;
  EXPECT_EQ(names(constant), "fc1 fc2 alpha rate ");
}

TEST(Reflect, GivesTheFieldsThemselves) {
  Net net;
  const void* addresses[] = {&net.fc1, &net.fc2, &net.alpha, &net.rate};
  std::size_t i = 0;
  visit_fields(net, [&](std::string_view, auto& field) { EXPECT_EQ(&field, addresses[i++]); });
  EXPECT_EQ(i, 4);
}

TEST(Reflect, EmptyAndSingle) {
  EXPECT_EQ(count<Empty>, 0);
  EXPECT_EQ(count<EmptyWithBase>, 0);
  EXPECT_EQ(count<One>, 1);
  Empty empty;
  EXPECT_EQ(names(empty), "");
  One one{};
  EXPECT_EQ(names(one), "only ");
}

TEST(Reflect, KeepsItsBaseEmpty) { EXPECT_EQ(sizeof(Net), sizeof(Layer) * 2 + 6 + 2 * sizeof(double)); }

// clang-format off
struct ThirtyTwo : Base<ThirtyTwo> {
  int a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z, aa, bb, cc, dd, ee, ff;
};
struct SixtyFour {
  int a0, a1, a2, a3, a4, a5, a6, a7, b0, b1, b2, b3, b4, b5, b6, b7, c0, c1, c2, c3, c4, c5, c6, c7, d0, d1, d2, d3, d4, d5, d6, d7,
      e0, e1, e2, e3, e4, e5, e6, e7, f0, f1, f2, f3, f4, f5, f6, f7, g0, g1, g2, g3, g4, g5, g6, g7, h0, h1, h2, h3, h4, h5, h6, h7;
};
struct TooMany {
  int a0, a1, a2, a3, a4, a5, a6, a7, b0, b1, b2, b3, b4, b5, b6, b7, c0, c1, c2, c3, c4, c5, c6, c7, d0, d1, d2, d3, d4, d5, d6, d7,
      e0, e1, e2, e3, e4, e5, e6, e7, f0, f1, f2, f3, f4, f5, f6, f7, g0, g1, g2, g3, g4, g5, g6, g7, h0, h1, h2, h3, h4, h5, h6, h7,
      i0, i1;
};
// clang-format on

TEST(Reflect, ManyFields) {
  ThirtyTwo many{};
  EXPECT_EQ(names(many), "a b c d e f g h i j k l m n o p q r s t u v w x y z aa bb cc dd ee ff ");
  SixtyFour more{};
  const std::string all = names(more);
  EXPECT_EQ(all.size(), 64 * 3);
  EXPECT_TRUE(all.ends_with("g7 h0 h1 h2 h3 h4 h5 h6 h7 "));
  EXPECT_FALSE(Reflectable<TooMany>);
}

struct Standard : Base<Standard> {
  std::string text;
  std::function<int(int)> function;
  std::optional<Layer> perhaps;
  std::unique_ptr<Layer> owned;
  std::vector<std::unique_ptr<Layer>> several;
  std::array<Layer, 2> pair_of = {Layer{1, 2}, Layer{3, 4}};
  std::pair<Layer, int> pair = {{1, 2}, 3};
  std::tuple<Layer> tuple = {Layer{1, 2}};
  std::map<std::string, Layer> map;
  bool training = true;
  const int constant = 3;
  void (*pointer)() = nullptr;
};

TEST(Reflect, FieldsOfStandardTypes) {
  Standard s;
  EXPECT_EQ(names(s), "text function perhaps owned several pair_of pair tuple map training constant pointer ");
}

struct Arrays {
  int numbers[3] = {1, 2, 3};
  Layer heads[2] = {{1, 2}, {3, 4}};
  Layer last{1, 2};
  double matrix[2][3];
  char one[1];
  Layer final_heads[2] = {{1, 2}, {3, 4}};
};
struct NoDefaults : Base<NoDefaults> {
  Layer heads[3];
  Layer last;
};

TEST(Reflect, CArraysAreOneField) {
  Arrays arrays{};
  EXPECT_EQ(names(arrays), "numbers heads last matrix one final_heads ");
  NoDefaults other{{}, {{1, 2}, {3, 4}, {5, 6}}, {7, 8}};
  EXPECT_EQ(names(other), "heads last ");
}

struct Inner {
  int a, b;
};
struct Outer {
  Inner first, second;
  int third;
};
TEST(Reflect, NestedAggregatesAreOneField) {
  Outer outer{};
  EXPECT_EQ(names(outer), "first second third ");
}

template <class T, int N>
struct Generic : Base<Generic<T, N>> {
  T values[N];
  T x_, yy;
};
TEST(Reflect, TemplatesAndLocalTypes) {
  Generic<float, 3> generic{};
  EXPECT_EQ(names(generic), "values x_ yy ");
  struct Local {
    int here;
    Layer too{1, 2};
  } local{};
  EXPECT_EQ(names(local), "here too ");
}

class Private {
 public:
  explicit Private(int x) : x_(x) {}
  auto fields() { return nn::fields("x", x_, "y", y_); }

 private:
  int x_;
  double y_ = 2;
};
TEST(Reflect, ClassesSayTheirFields) {
  Private p(7);
  EXPECT_EQ(names(p), "x y ");
  visit_fields(p, [](std::string_view name, auto& field) { EXPECT_EQ(field, name == "x" ? 7 : 2); });
  const Private constant(8);
  EXPECT_EQ(names(constant), "x y ");
}

struct Extended : Net {
  int more;
};
struct Plain : Base<Plain> {
  int x;
};
struct ExtendedOnce : Plain {
  int y;
};
struct Reference {
  int& other;
};
struct Constructor {
  Constructor(int) {}
  int x;
};
union Either {
  int a;
  float b;
};
TEST(Reflect, KnowsWhatItCannotTakeApart) {
  EXPECT_TRUE(Reflectable<Net>);
  EXPECT_TRUE(Reflectable<Private>);
  EXPECT_FALSE(Reflectable<Extended>);
  EXPECT_FALSE(Reflectable<ExtendedOnce>);
  EXPECT_FALSE(Reflectable<Reference>);
  EXPECT_FALSE(Reflectable<Constructor>);
  EXPECT_FALSE(Reflectable<Either>);
  EXPECT_FALSE(Reflectable<std::string>);
  EXPECT_FALSE(Reflectable<int>);
}

TEST(Reflect, TypeNames) {
  EXPECT_EQ(type_name<Net>, "Net");
  EXPECT_EQ(type_name<const Net>, "Net");
  EXPECT_EQ(type_name<Options>, "Options");
  EXPECT_EQ((type_name<Generic<int, 4>>), "Generic<int, 4>");
  struct Local {};
  EXPECT_EQ(type_name<Local>, "Local");
}

}  // namespace
}  // namespace gradus::nn
