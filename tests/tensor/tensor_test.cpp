#include <gradus/tensor.h>
#include <gradus/tensor/eigen.h>

#include <gtest/gtest.h>

#include <cmath>
#include <exception>
#include <limits>

namespace gradus {
namespace {

/// The error that `f` throws, which must be an E; checks its op and its first line.
template <class E, class F>
E thrown(F&& f, const std::string& op, const std::string& message) {
  try {
    f();
  } catch (const E& e) {
    EXPECT_EQ(e.op(), op);
    EXPECT_EQ(e.message(), message);
    return e;
  } catch (const std::exception& e) {
    ADD_FAILURE() << "another error: " << e.what();
    throw;
  }
  ADD_FAILURE() << "no error: " << op << ": " << message;
  throw std::logic_error("no error");
}

std::vector<std::int64_t> ints(const Tensor& x) { return x.to_vector<std::int64_t>(); }
std::vector<double> doubles(const Tensor& x) { return x.to_vector<double>(); }
using Ints = std::vector<std::int64_t>;
using Doubles = std::vector<double>;

TEST(Shape, HoldsUpToEightSizes) {
  Shape s{2, 3, 4};
  EXPECT_EQ(s.rank(), 3);
  EXPECT_EQ(s.numel(), 24);
  EXPECT_EQ(s.back(), 4);
  s.insert(1, 7);
  EXPECT_EQ(s, (Shape{2, 7, 3, 4}));
  s.erase(0);
  EXPECT_EQ(s, (Shape{7, 3, 4}));
  EXPECT_NE(s, (Shape{7, 3}));
  EXPECT_NE(s, (Shape{7, 3, 5}));
  EXPECT_EQ(Shape{}.numel(), 1);
  EXPECT_EQ((Shape{3, 0, 2}).numel(), 0);
  EXPECT_EQ(to_string(Shape{}), "[]");
  EXPECT_EQ(to_string(s), "[7, 3, 4]");
  EXPECT_THROW((Shape{1, 1, 1, 1, 1, 1, 1, 1, 1}), ShapeError);
  Shape full{1, 1, 1, 1, 1, 1, 1, 1};
  EXPECT_THROW(full.push_back(1), ShapeError);
  EXPECT_EQ(full.rank(), 8);
}

TEST(Shape, Broadcasts) {
  EXPECT_EQ(broadcast_shapes({2, 1, 4}, {3, 1}), (Shape{2, 3, 4}));
  EXPECT_EQ(broadcast_shapes({}, {5}), (Shape{5}));
  EXPECT_EQ(broadcast_shapes({1}, {0}), (Shape{0}));
  thrown<ShapeError>([] { broadcast_shapes({3, 2}, {3}, "add"); },
                     "add",
                     "expected shapes that broadcast together, got [3, 2] and [3]");
  EXPECT_THROW(broadcast_shapes({0}, {3}), ShapeError);
}

TEST(Shape, CountsAxesFromTheBack) {
  EXPECT_EQ(normalize_axis(-1, 3, "f"), 2);
  EXPECT_EQ(normalize_axis(0, 3, "f"), 0);
  thrown<IndexError>([] { normalize_axis(3, 3, "f"); }, "f", "expected an axis in -3..2, got 3");
  EXPECT_THROW(normalize_axis(-4, 3, "f"), IndexError);
  thrown<IndexError>([] { normalize_axis(0, 0, "f"); }, "f", "expected no axis for rank 0, got 0");
  EXPECT_EQ(contiguous_strides({2, 3, 4}), (Shape{12, 4, 1}));
}

TEST(DTypes, PromoteToTheOneThatHoldsBoth) {
  const DType order[] = {boolean, int64, float32, float64};
  for (int a = 0; a < 4; ++a)
    for (int b = 0; b < 4; ++b) EXPECT_EQ(promote(order[a], order[b]), order[std::max(a, b)]);
  EXPECT_EQ(std::string(to_string(boolean)), "bool");
  EXPECT_EQ(dispatch(int64, []<class T>() { return sizeof(T); }), 8U);
}

TEST(Construction, Factories) {
  EXPECT_EQ(doubles(zeros({2, 2})), Doubles(4, 0));
  EXPECT_EQ(zeros({2}).dtype(), float32);
  EXPECT_EQ(doubles(ones({3}, float64)), Doubles(3, 1));
  EXPECT_EQ(doubles(full({2}, 2.5)), Doubles(2, 2.5));
  EXPECT_EQ(ints(full({2}, 7, int64)), (Ints{7, 7}));
  EXPECT_EQ(ints(ones({2}, boolean)), (Ints{1, 1}));
  EXPECT_EQ(scalar(3).rank(), 0);
  EXPECT_EQ(scalar(3).item(), 3);
  EXPECT_EQ(empty({2, 0, 3}).numel(), 0);
  EXPECT_EQ(zeros_like(ones({2, 3}, float64)).dtype(), float64);
  EXPECT_EQ(full_like(ones({2, 3}), 4).shape(), (Shape{2, 3}));
  EXPECT_EQ(empty_like(zeros({4, 1}, int64)).dtype(), int64);

  EXPECT_EQ(ints(arange(4)), (Ints{0, 1, 2, 3}));
  EXPECT_EQ(arange(4).dtype(), int64);
  EXPECT_EQ(doubles(arange(1, 2, 0.25)), (Doubles{1, 1.25, 1.5, 1.75}));
  EXPECT_EQ(doubles(arange(5, 0, -2)), (Doubles{5, 3, 1}));
  EXPECT_EQ(arange(3, 1).numel(), 0);
  EXPECT_EQ(doubles(linspace(0, 1, 5)), (Doubles{0, 0.25, 0.5, 0.75, 1}));
  EXPECT_EQ(doubles(linspace(2, 9, 1)), (Doubles{2}));
  EXPECT_EQ(linspace(0, 0.3, 7, float64).to_vector().back(), 0.3);
  EXPECT_EQ(ints(eye(2)), (Ints{1, 0, 0, 1}));
  EXPECT_EQ(ints(eye(2, 3, int64)), (Ints{1, 0, 0, 0, 1, 0}));
  EXPECT_EQ(ints(eye(3, 1)), (Ints{1, 0, 0}));
  EXPECT_EQ(eye(0).shape(), (Shape{0, 0}));

  EXPECT_EQ(from_vector(std::vector<bool>{true, false}).dtype(), boolean);
  EXPECT_EQ(from_vector(std::vector<double>{1, 2, 3, 4}, {2, 2}).shape(), (Shape{2, 2}));
  EXPECT_EQ(from_vector(std::vector<float>{}).shape(), (Shape{0}));
}

TEST(Construction, NestedBraces) {
  const Tensor m = tensor({{1.0, 2.0}, {3.0, 4.5}});
  EXPECT_EQ(m.shape(), (Shape{2, 2}));
  EXPECT_EQ(m.dtype(), float32);
  EXPECT_EQ(doubles(m), (Doubles{1, 2, 3, 4.5}));
  EXPECT_EQ(tensor({1, 2, 3}).dtype(), int64);
  EXPECT_EQ(tensor({true, false}).dtype(), boolean);
  EXPECT_EQ(tensor({1, 2.5}).dtype(), float32);
  EXPECT_EQ(tensor({true, 2}).dtype(), int64);
  EXPECT_EQ(tensor({1, 2}, float64).dtype(), float64);
  EXPECT_EQ(doubles(tensor({0.1}, float64)), (Doubles{0.1}));

  EXPECT_EQ(tensor({7}).shape(), (Shape{1}));
  EXPECT_EQ(tensor({{7}}).shape(), (Shape{1, 1}));
  EXPECT_EQ(tensor({{{7}}}).shape(), (Shape{1, 1, 1}));
  EXPECT_EQ(tensor({{1, 2}}).shape(), (Shape{1, 2}));
  EXPECT_EQ(tensor({{1}, {2}}).shape(), (Shape{2, 1}));
  EXPECT_EQ(tensor({{{1, 2}, {3, 4}}, {{5, 6}, {7, 8}}}).shape(), (Shape{2, 2, 2}));
  EXPECT_EQ(tensor({}).shape(), (Shape{0}));
  EXPECT_EQ(tensor({}).dtype(), float32);

  // Integers beyond 2^53 arrive as they are.
  const std::int64_t large = (std::int64_t{1} << 53) + 1;
  EXPECT_EQ(ints(tensor({large, -large})), (Ints{large, -large}));
}

TEST(Construction, RaggedBraces) {
  thrown<ShapeError>([] { tensor({{1, 2}, {3}}); }, "tensor", "expected rows of one length, got 2 and 1");
  thrown<ShapeError>(
      [] { tensor({{1, 2}, 3}); }, "tensor", "expected rows of one length, got a number where a row belongs");
  thrown<ShapeError>(
      [] { tensor({1, {2, 3}}); }, "tensor", "expected rows of one length, got a row where a number belongs");
}

TEST(Construction, ErrorsNameOpAndLine) {
  const auto negative = [] { zeros({2, -1}); };
  const std::uint32_t line = __LINE__ - 1;
  const auto e = thrown<ShapeError>(negative, "zeros", "expected sizes >= 0, got [2, -1]");
  EXPECT_EQ(e.site().line, line);
  EXPECT_EQ(std::string(e.what()),
            "zeros: expected sizes >= 0, got [2, -1]\n  at tensor_test.cpp:" + std::to_string(line));

  thrown<ArgumentError>([] { full({2}, NAN, int64); }, "full", "expected a value that int64 can hold, got nan");
  thrown<ArgumentError>(
      [] { arange(0, 1, 0); }, "arange", "expected finite bounds and a step other than 0, got 0, 1, 0");
  EXPECT_THROW(arange(0, INFINITY), ArgumentError);
  EXPECT_THROW(arange(0, 1, 1e-300), ArgumentError);
  EXPECT_THROW(arange(1e30, 2e30, 1e30, int64), ArgumentError);
  thrown<ArgumentError>([] { linspace(0, 1, -2); }, "linspace", "expected values >= 0, got -2");
  thrown<ShapeError>([] { from_vector(std::vector<float>{1, 2, 3}, {2, 2}); },
                     "from_vector",
                     "expected 4 values for shape [2, 2], got 3");
  EXPECT_THROW(eye(-1), ShapeError);
}

TEST(Construction, ShapesThatMemoryCannotHold) {
  constexpr std::int64_t large = std::int64_t{1} << 40;
  thrown<ShapeError>([] { zeros({large, large}); },
                     "zeros",
                     "expected a shape that memory can hold, got [1099511627776, 1099511627776]");
  EXPECT_THROW(empty({std::numeric_limits<std::int64_t>::max()}), ShapeError);
  thrown<ShapeError>([] { empty({large, 1024}); },
                     "empty",
                     "expected a shape that memory can hold, got [1099511627776, 1024] (4503599627370496 bytes)");
  const Tensor x = zeros({1});
  EXPECT_THROW(view_as(x, {large, large}, {0, 0}), ShapeError);
}

TEST(Access, ReadsElements) {
  const Tensor x = tensor({{1, 2, 3}, {4, 5, 6}});
  EXPECT_EQ(x.size(0), 2);
  EXPECT_EQ(x.size(-1), 3);
  EXPECT_EQ(x.data<std::int64_t>()[4], 5);
  EXPECT_EQ(scalar(2.5).item<float>(), 2.5F);
  EXPECT_EQ(tensor({2.9}).item<std::int64_t>(), 2);
  EXPECT_TRUE(tensor({{3}}).item<bool>());
  EXPECT_EQ(x.to_vector<float>(), (std::vector<float>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(tensor({0, 5}).to_vector<bool>(), (std::vector<bool>{false, true}));

  const auto data = [&] { x.data<float>(); };
  const auto item = [&] { x.item(); };
  const auto size = [&] { x.size(2); };
  const std::uint32_t line = __LINE__ - 1;
  EXPECT_EQ(thrown<DTypeError>(data, "data", "expected float32, got int64").site().line, line - 2);
  EXPECT_EQ(thrown<ShapeError>(item, "item", "expected one element, got shape [2, 3]").site().line, line - 1);
  EXPECT_EQ(thrown<IndexError>(size, "size", "expected an axis in -2..1, got 2").site().line, line);
  EXPECT_THROW(empty({0}).item(), ShapeError);
}

TEST(Access, UndefinedTensors) {
  const Tensor none;
  EXPECT_FALSE(none.defined());
  thrown<ArgumentError>(
      [&] { none.shape(); }, "tensor", "expected a tensor, got an undefined one (default-constructed)");
  EXPECT_THROW(none.item(), ArgumentError);
  EXPECT_THROW(clone(none), ArgumentError);
  EXPECT_THROW(contiguous(none), ArgumentError);
  EXPECT_THROW(none.to_vector(), ArgumentError);
}

TEST(Handles, CopiesShareAndCount) {
  Tensor a = zeros({2});
  Tensor b = a;
  EXPECT_TRUE(a.is_same(b));
  b.mutable_data<float>()[0] = 5;
  EXPECT_EQ(a.data<float>()[0], 5);
  const std::uint32_t before = a.version();
  b.mutable_data<float>();
  EXPECT_EQ(a.version(), before + 1);
  Tensor c = std::move(a);
  EXPECT_FALSE(a.defined());  // NOLINT(bugprone-use-after-move)
  EXPECT_TRUE(c.is_same(b));
  c = *&c;
  EXPECT_TRUE(c.defined());
  b.reset();
  EXPECT_EQ(c.data<float>()[0], 5);
}

TEST(Views, ShareStorage) {
  Tensor x = tensor({{1.0, 2.0, 3.0}, {4.0, 5.0, 6.0}});
  const Tensor t = view_as(x, {3, 2}, {1, 3});
  EXPECT_FALSE(t.is_contiguous());
  EXPECT_EQ(doubles(t), (Doubles{1, 4, 2, 5, 3, 6}));
  const Tensor column = view_as(x, {2}, {3}, 1);
  EXPECT_EQ(doubles(column), (Doubles{2, 5}));
  const Tensor repeated = view_as(x, {2, 3}, {0, 1}, 3);
  EXPECT_EQ(doubles(repeated), (Doubles{4, 5, 6, 4, 5, 6}));
  const Tensor backward = view_as(x, {6}, {-1}, 5);
  EXPECT_EQ(doubles(backward), (Doubles{6, 5, 4, 3, 2, 1}));
  x.mutable_data<float>()[1] = 20;
  EXPECT_EQ(doubles(column), (Doubles{20, 5}));
  EXPECT_EQ(column.version(), x.version());

  EXPECT_TRUE(view_as(x, {1, 6}, {100, 1}).is_contiguous());  // a stride that is never taken
  EXPECT_TRUE(view_as(x, {0, 3}, {7, 7}).is_contiguous());
  EXPECT_TRUE(contiguous(x).is_same(x));
  EXPECT_FALSE(contiguous(t).is_same(t));
  EXPECT_TRUE(contiguous(t).is_contiguous());
  EXPECT_TRUE(equal(contiguous(t), t));
}

TEST(Views, OfHigherRankCopyInOrder) {
  const Tensor x = cast(arange(24), float32);
  const Tensor cube = view_as(x, {2, 3, 4}, {12, 4, 1});
  const Tensor turned = view_as(cube, {4, 2, 3}, {1, 12, 4});
  const auto values = doubles(turned);
  std::size_t at = 0;
  for (int k = 0; k < 4; ++k)
    for (int i = 0; i < 2; ++i)
      for (int j = 0; j < 3; ++j) EXPECT_EQ(values[at++], 12 * i + 4 * j + k);
}

TEST(Copies, CloneAndCast) {
  Tensor x = tensor({1.5, -2.5, 0.0});
  Tensor y = clone(x);
  y.mutable_data<float>()[0] = 9;
  EXPECT_EQ(x.data<float>()[0], 1.5F);
  EXPECT_EQ(ints(cast(x, int64)), (Ints{1, -2, 0}));
  EXPECT_EQ(cast(x, boolean).to_vector<bool>(), (std::vector<bool>{true, true, false}));
  EXPECT_EQ(doubles(cast(tensor({true, false}), float64)), (Doubles{1, 0}));
  const Tensor t = view_as(tensor({{1, 2}, {3, 4}}), {2, 2}, {1, 2});
  EXPECT_EQ(doubles(cast(t, float32)), (Doubles{1, 3, 2, 4}));
}

TEST(Copies, IntoATensor) {
  Tensor x = zeros({2, 2});
  const std::uint32_t before = x.version();
  copy_into(x, tensor({{1, 2}, {3, 4}}));
  EXPECT_EQ(doubles(x), (Doubles{1, 2, 3, 4}));
  EXPECT_GT(x.version(), before);
  copy_into(x, view_as(x, {2, 2}, {1, 2}));  // its own transpose
  EXPECT_EQ(doubles(x), (Doubles{1, 3, 2, 4}));
  Tensor column = view_as(x, {2}, {2}, 1);
  copy_into(column, tensor({7.0, 8.0}));
  EXPECT_EQ(doubles(x), (Doubles{1, 7, 2, 8}));
  thrown<ShapeError>([&] { copy_into(x, zeros({4})); }, "copy_into", "expected [2, 2], got [4]");
}

TEST(Copies, LongViewsInParts) {
  const std::int64_t n = 300;
  const Tensor x = arange(n * n, float64);
  for (const Shape& strides : {Shape{0, 0}, Shape{0, 1}, Shape{1, 0}, Shape{1, n}, Shape{2, 1}}) {
    const std::vector<float> y = cast(view_as(x, {n, n}, strides), float32).to_vector<float>();
    for (std::int64_t i = 0; i < n * n; ++i)
      ASSERT_EQ(y[static_cast<std::size_t>(i)], static_cast<float>(i / n * strides[0] + i % n * strides[1]));
  }
}

TEST(Comparison, EqualAndClose) {
  EXPECT_TRUE(equal(tensor({1, 2}), tensor({1, 2})));
  EXPECT_FALSE(equal(tensor({1, 2}), tensor({1, 3})));
  EXPECT_FALSE(equal(tensor({1, 2}), tensor({1.0, 2.0})));
  EXPECT_FALSE(equal(tensor({1, 2}), tensor({{1, 2}})));
  const Tensor n = tensor({NAN});
  EXPECT_FALSE(equal(n, n));
  EXPECT_TRUE(equal(n, clone(n), true));
  EXPECT_TRUE(all_close(tensor({1.0}), tensor({1.000001})));
  EXPECT_FALSE(all_close(tensor({1.0}), tensor({1.001})));
  EXPECT_FALSE(all_close(n, n));
  EXPECT_TRUE(all_close(tensor({double{INFINITY}}), tensor({double{INFINITY}})));
  EXPECT_FALSE(all_close(tensor({double{INFINITY}}), tensor({1.0})));
}

TEST(Eigen, MapsWithoutCopy) {
  Tensor x = tensor({{1.0, 2.0, 3.0}, {4.0, 5.0, 6.0}});
  const auto m = as_eigen<float>(x);
  EXPECT_EQ(m.rows(), 2);
  EXPECT_EQ(m(1, 2), 6);
  const auto t = as_eigen<float>(view_as(x, {3, 2}, {1, 3}));
  EXPECT_EQ(t(2, 1), 6);
  EXPECT_EQ((m * t)(1, 1), 77);
  as_mutable_eigen<float>(x)(0, 1) = 20;
  EXPECT_EQ(doubles(x), (Doubles{1, 20, 3, 4, 5, 6}));
  const Tensor every_second = view_as(x, {3}, {2});
  EXPECT_EQ(as_eigen<float>(every_second).sum(), 9);

  EXPECT_THROW(as_eigen<double>(x), DTypeError);
  thrown<ShapeError>([] { as_eigen<float>(zeros({1, 1, 1})); }, "as_eigen", "expected rank 1 or 2, got [1, 1, 1]");
  EXPECT_THROW(as_eigen<float>(view_as(x, {6}, {-1}, 5)), ShapeError);
}

TEST(Eigen, CopiesExpressions) {
  Eigen::MatrixXd m(2, 3);  // column-major
  m << 1, 2, 3, 4, 5, 6;
  const Tensor x = from_eigen(m);
  EXPECT_EQ(x.shape(), (Shape{2, 3}));
  EXPECT_EQ(x.dtype(), float64);
  EXPECT_EQ(doubles(x), (Doubles{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(doubles(from_eigen(m.transpose() * 2)), (Doubles{2, 8, 4, 10, 6, 12}));
  EXPECT_EQ(from_eigen(Eigen::VectorXf::Ones(4)).shape(), (Shape{4}));
  EXPECT_EQ(from_eigen(Eigen::MatrixXf::Zero(0, 3)).shape(), (Shape{0, 3}));
}

TEST(Errors, FormOfTheText) {
  const CallSite site{"folder/model.cpp", 38};
  EXPECT_STREQ(ShapeError("linear", "expected a, got b", "net.fc", site).what(),
               "linear: expected a, got b\n  in net.fc at model.cpp:38");
  EXPECT_STREQ(IoError("read", "expected a", "", {}).what(), "read: expected a");
  EXPECT_STREQ(Error("read", "expected a", "net", {}).what(), "read: expected a\n  in net");
  EXPECT_EQ(to_string(site), "model.cpp:38");
  EXPECT_EQ(to_string(CallSite{}), "");
}

/// Sizes below, at and beyond those of the tiles in which transposed elements are copied.
TEST(Copies, OfEveryOrderOfTheAxes) {
  const int orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
  for (const Shape& shape : {Shape{3, 9, 17}, Shape{1, 8, 16}, Shape{2, 0, 4}, Shape{2, 33, 3}}) {
    const Tensor x = view_as(arange(shape.numel(), float32), shape, empty(shape, float32).strides());
    for (const auto& order : orders) {
      Shape sizes, strides;
      for (const int d : order) {
        sizes.push_back(shape[d]);
        strides.push_back(x.strides()[d]);
      }
      const Tensor y = cast(view_as(x, sizes, strides), int64);
      const std::int64_t* value = y.data<std::int64_t>();
      for (std::int64_t i = 0; i < sizes[0]; ++i)
        for (std::int64_t j = 0; j < sizes[1]; ++j)
          for (std::int64_t k = 0; k < sizes[2]; ++k)
            ASSERT_EQ(*value++, i * strides[0] + j * strides[1] + k * strides[2]) << to_string(sizes);
      const Tensor z = full(shape, -1);
      Tensor view = view_as(z, sizes, strides);
      copy_into(view, y);
      EXPECT_TRUE(equal(z, x)) << to_string(sizes);
    }
  }
}

}  // namespace
}  // namespace gradus
