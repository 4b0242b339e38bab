#include <gradus/tensor.h>

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <sstream>

namespace gradus {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

std::string text(const Tensor& x) { return to_string(x); }
std::string text64(std::initializer_list<detail::Nested> values) { return to_string(tensor(values, float64)); }

// The strings are what NumPy's str() gives for the same arrays.

TEST(Print, AlignsColumns) {
  EXPECT_EQ(text(tensor({{1.0, 2.0}, {3.0, 4.5}})), "[[1.  2. ]\n [3.  4.5]]");
  EXPECT_EQ(text(tensor({1.0, 2.0})), "[1. 2.]");
  EXPECT_EQ(text(tensor({-1.5, 22.25})), "[-1.5  22.25]");
  EXPECT_EQ(text(tensor({-1.0, 1.0})), "[-1.  1.]");
  EXPECT_EQ(text(tensor({1, -20, 300})), "[  1 -20 300]");
  EXPECT_EQ(text(tensor({0.5})), "[0.5]");
  EXPECT_EQ(text(tensor({-0.0, 0.0})), "[-0.  0.]");
  EXPECT_EQ(text(zeros({2, 3})), "[[0. 0. 0.]\n [0. 0. 0.]]");
}

TEST(Print, Booleans) {
  EXPECT_EQ(text(tensor({true, false})), "[ True False]");
  EXPECT_EQ(text(tensor({{true}, {true}})), "[[ True]\n [ True]]");
  EXPECT_EQ(text(scalar(1, boolean)), "True");
}

TEST(Print, UsesTheFewestDigitsOfTheType) {
  EXPECT_EQ(text(tensor({0.1, 0.3})), "[0.1 0.3]");
  EXPECT_EQ(text64({0.1, 0.3}), "[0.1 0.3]");
  EXPECT_EQ(text(tensor({1.0 / 3})), "[0.33333334]");
  EXPECT_EQ(text64({1.0 / 3}), "[0.33333333]");
  EXPECT_EQ(text64({2.0 / 3, 1}), "[0.66666667 1.        ]");
  EXPECT_EQ(text(tensor({123456.78})), "[123456.78]");
  EXPECT_EQ(text(tensor({16777216.0})), "[16777216.]");
  EXPECT_EQ(text64({0.123456789123, 1.5}), "[0.12345679 1.5       ]");
  EXPECT_EQ(text64({0.999999999999}), "[1.]");
}

TEST(Print, ScientificWhereValuesLieFarApart) {
  EXPECT_EQ(text64({1e8}), "[1.e+08]");
  EXPECT_EQ(text64({99999999.0}), "[99999999.]");
  EXPECT_EQ(text64({1e-5}), "[1.e-05]");
  EXPECT_EQ(text64({0.0001}), "[0.0001]");
  EXPECT_EQ(text(tensor({0.0001})), "[0.0001]");
  EXPECT_EQ(text64({1.5e-5, 1}), "[1.5e-05 1.0e+00]");
  EXPECT_EQ(text64({0.001, 1.0}), "[0.001 1.   ]");
  EXPECT_EQ(text64({0.0009, 1.0}), "[9.e-04 1.e+00]");
  EXPECT_EQ(text64({1e10, -2.5, 0}), "[ 1.0e+10 -2.5e+00  0.0e+00]");
  EXPECT_EQ(text64({1e-100, 1}), "[1.e-100 1.e+000]");
  EXPECT_EQ(text64({1.0 / 3 * 1e10}), "[3.33333333e+09]");
  EXPECT_EQ(text64({9.99999999999e9}), "[1.e+10]");
}

TEST(Print, NotFinite) {
  EXPECT_EQ(text64({NAN, 1.5}), "[nan 1.5]");
  EXPECT_EQ(text64({NAN, 1}), "[nan  1.]");
  EXPECT_EQ(text64({kInf, -kInf, NAN}), "[ inf -inf  nan]");
  EXPECT_EQ(text64({kInf, 100.25}), "[   inf 100.25]");
  EXPECT_EQ(text64({NAN}), "[nan]");
}

TEST(Print, EmptyAndScalar) {
  EXPECT_EQ(text(zeros({0})), "[]");
  EXPECT_EQ(text(zeros({0, 3})), "[]");
  EXPECT_EQ(text(zeros({2, 0})), "[]");
  EXPECT_EQ(text(scalar(2)), "2.0");
  EXPECT_EQ(text(scalar(-2.5)), "-2.5");
  EXPECT_EQ(text(scalar(std::log(10.0))), "2.3025851");
  EXPECT_EQ(text(scalar(1.0 / 3, float64)), "0.3333333333333333");
  EXPECT_EQ(text(scalar(1e-5)), "1e-05");
  EXPECT_EQ(text(scalar(1.5e-7)), "1.5e-07");
  EXPECT_EQ(text(scalar(1e16, float64)), "1e+16");
  EXPECT_EQ(text(scalar(123456789, float64)), "123456789.0");
  EXPECT_EQ(text(scalar(0)), "0.0");
  EXPECT_EQ(text(scalar(NAN)), "nan");
  EXPECT_EQ(text(scalar(-kInf)), "-inf");
  EXPECT_EQ(text(scalar(7, int64)), "7");
  EXPECT_EQ(text(Tensor()), "(undefined)");
}

TEST(Print, HigherRanksLeaveBlankLines) {
  const Tensor x = view_as(arange(8), {2, 2, 2}, {4, 2, 1});
  EXPECT_EQ(text(x), "[[[0 1]\n  [2 3]]\n\n [[4 5]\n  [6 7]]]");
  const Tensor y = view_as(arange(4), {2, 1, 2, 1}, {2, 2, 1, 1});
  EXPECT_EQ(text(y), "[[[[0]\n   [1]]]\n\n\n [[[2]\n   [3]]]]");
  EXPECT_EQ(text(view_as(arange(4), {2, 2}, {1, 2})), "[[0 2]\n [1 3]]");
}

TEST(Print, WrapsLongRows) {
  EXPECT_EQ(text(arange(30)),
            "[ 0  1  2  3  4  5  6  7  8  9 10 11 12 13 14 15 16 17 18 19 20 21 22 23\n"
            " 24 25 26 27 28 29]");
  const Tensor x = view_as(arange(60), {2, 30}, {30, 1});
  EXPECT_EQ(text(x),
            "[[ 0  1  2  3  4  5  6  7  8  9 10 11 12 13 14 15 16 17 18 19 20 21 22 23\n"
            "  24 25 26 27 28 29]\n"
            " [30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53\n"
            "  54 55 56 57 58 59]]");
  EXPECT_EQ(to_string(arange(4), {.line_width = 1}), "[0\n 1\n 2\n 3]");
}

TEST(Print, ShortensLargeTensors) {
  EXPECT_EQ(text(arange(1001)), "[   0    1    2 ...  998  999 1000]");
  EXPECT_EQ(text(arange(1000)).find("..."), std::string::npos);
  const Tensor x = view_as(arange(2000), {1000, 2}, {2, 1});
  EXPECT_EQ(text(x), "[[   0    1]\n [   2    3]\n [   4    5]\n ...\n [1994 1995]\n [1996 1997]\n [1998 1999]]");
  const Tensor y = view_as(arange(4000), {2, 2000}, {2000, 1});
  EXPECT_EQ(text(y), "[[   0    1    2 ... 1997 1998 1999]\n [2000 2001 2002 ... 3997 3998 3999]]");
  // Only what is shown decides the format.
  Tensor z = zeros({2000});
  z.mutable_data<float>()[1000] = 1e30F;
  EXPECT_EQ(text(z), "[0. 0. 0. ... 0. 0. 0.]");
}

TEST(Print, Options) {
  EXPECT_EQ(to_string(tensor({1.23456, 2.0}), {.precision = 2}), "[1.23 2.  ]");
  EXPECT_EQ(to_string(tensor({1.5}), {.precision = 0}), "[2.]");
  EXPECT_EQ(to_string(tensor({1.5}), {.precision = -3}), "[2.]");
  EXPECT_EQ(to_string(arange(9), {.edge_items = 2, .threshold = 5}), "[0 1 ... 7 8]");
  EXPECT_EQ(to_string(arange(9), {.edge_items = 0, .threshold = 5}), "[...]");
  std::ostringstream out;
  out << tensor({1, 2});
  EXPECT_EQ(out.str(), "[1 2]");
}

}  // namespace
}  // namespace gradus
