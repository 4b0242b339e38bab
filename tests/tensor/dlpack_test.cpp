#include <gradus/tensor.h>
#include <gradus/tensor/dlpack.h>
#include <gradus/tensor/span.h>

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace gradus {
namespace {

// What the standard says of the structs on 64-bit machines; other libraries are compiled for it.
static_assert(sizeof(dlpack::DLTensor) == 48 && offsetof(dlpack::DLTensor, dtype) == 20 &&
              offsetof(dlpack::DLTensor, byte_offset) == 40);
static_assert(sizeof(dlpack::ManagedTensor) == 64 && offsetof(dlpack::ManagedTensor, deleter) == 56);
static_assert(sizeof(dlpack::ManagedTensorVersioned) == 80 && offsetof(dlpack::ManagedTensorVersioned, tensor) == 32);

/// An array of another library, which counts how often it is deleted.
template <class Managed, class T>
struct Lender {
  std::vector<T> values;
  std::vector<std::int64_t> sizes, strides;
  int deleted = 0;
  Managed managed{};

  Lender(std::vector<T> v, std::vector<std::int64_t> n, std::uint8_t code, std::vector<std::int64_t> s = {})
      : values(std::move(v)), sizes(std::move(n)), strides(std::move(s)) {
    managed.tensor = {.data = values.data(),
                      .device = {1, 0},
                      .ndim = static_cast<std::int32_t>(sizes.size()),
                      .dtype = {code, static_cast<std::uint8_t>(8 * sizeof(T)), 1},
                      .shape = sizes.data(),
                      .strides = strides.empty() ? nullptr : strides.data(),
                      .byte_offset = 0};
    managed.context = this;
    managed.deleter = [](Managed* self) { ++static_cast<Lender*>(self->context)->deleted; };
    if constexpr (requires { managed.version; }) managed.version = {1, 1};
  }
};
using Old = dlpack::ManagedTensor;
using New = dlpack::ManagedTensorVersioned;

TEST(DLPack, IsTakenWithoutACopy) {
  Lender<Old, float> lender({1, 2, 3, 4, 5, 6}, {2, 3}, 2);
  {
    Tensor x = from_dlpack(&lender.managed);
    EXPECT_TRUE(equal(x, tensor({{1.0, 2.0, 3.0}, {4.0, 5.0, 6.0}})));
    EXPECT_TRUE(x.is_contiguous());
    const Tensor column = view_as(x, {2}, {3}, 1);
    x.mutable_data<float>()[1] = 20;
    EXPECT_EQ(lender.values[1], 20);
    lender.values[4] = 50;
    x.reset();
    EXPECT_EQ(lender.deleted, 0);  // a view is left
    EXPECT_EQ(column.to_vector(), (std::vector<double>{20, 50}));
  }
  EXPECT_EQ(lender.deleted, 1);
}

TEST(DLPack, TakesStridesOffsetsAndEveryType) {
  Lender<New, double> transposed({1, 2, 3, 4, 5, 6}, {3, 2}, 2, {1, 3});
  EXPECT_TRUE(equal(from_dlpack(&transposed.managed), tensor({{1.0, 4.0}, {2.0, 5.0}, {3.0, 6.0}}, float64)));
  Lender<Old, std::int64_t> backwards({1, 2, 3}, {3}, 0, {-1});
  backwards.managed.tensor.byte_offset = 16;
  EXPECT_TRUE(equal(from_dlpack(&backwards.managed), tensor({3, 2, 1})));
  Lender<New, char> flags({1, 0}, {2}, 6);
  EXPECT_TRUE(equal(from_dlpack(&flags.managed), tensor({true, false})));
  Lender<Old, float> nothing({}, {0, 4}, 2), one({7}, {}, 2);
  nothing.managed.tensor.data = nullptr;
  EXPECT_EQ(from_dlpack(&nothing.managed).shape(), (Shape{0, 4}));
  EXPECT_EQ(from_dlpack(&one.managed).item(), 7);
  for (const int deleted : {transposed.deleted, backwards.deleted, flags.deleted, nothing.deleted, one.deleted})
    EXPECT_EQ(deleted, 1);
}

TEST(DLPack, CopiesWhatIsNotToBeWrittenTo) {
  Lender<New, float> lender({1, 2}, {2}, 2);
  lender.managed.flags = 1;
  Tensor x = from_dlpack(&lender.managed);
  EXPECT_EQ(lender.deleted, 1);
  x.mutable_data<float>()[0] = 9;
  EXPECT_EQ(lender.values[0], 1);
}

TEST(DLPack, RefusesOthersAndLeavesThem) {
  Lender<New, float> lender({1, 2, 3, 4}, {2, 2}, 2);
  const New right = lender.managed;
  const auto refusal = [&](const std::function<void(New&)>& change) {
    lender.managed = right;
    change(lender.managed);
    try {
      from_dlpack(&lender.managed);
    } catch (const Error& error) {
      EXPECT_EQ(error.op(), "from_dlpack");
      EXPECT_EQ(error.site().line, __LINE__ - 3);
      return std::string(error.message());
    }
    return std::string();
  };
  EXPECT_EQ(refusal([](New& m) { m.tensor.device.type = 2; }), "expected memory of the CPU (device 1), got device 2");
  EXPECT_EQ(refusal([](New& m) { m.version.major = 2; }), "expected DLPack 1, got 2.1");
  EXPECT_EQ(refusal([](New& m) { m.tensor.dtype = {4, 16, 1}; }),
            "expected float32, float64, int64 or bool, got elements of code 4, 16 bits and 1 lanes");
  EXPECT_EQ(refusal([](New& m) { m.tensor.ndim = 9; }), "expected at most 8 axes, got 9");
  EXPECT_TRUE(refusal([](New& m) { m.tensor.byte_offset = 2; }).starts_with("expected elements aligned to 4 bytes"));
  lender.sizes = {2, -1};
  EXPECT_EQ(refusal([](New&) {}), "expected sizes >= 0 that can be counted, got [2, -1]");
  EXPECT_THROW(from_dlpack(static_cast<Old*>(nullptr)), ArgumentError);
  EXPECT_EQ(lender.deleted, 0);
}

TEST(DLPack, IsGivenWithoutACopy) {
  Tensor x = tensor({{1.0, 2.0, 3.0}, {4.0, 5.0, 6.0}}, float64);
  const Tensor columns = view_as(x, {3, 2}, {1, 3});
  New* const lent = to_dlpack_versioned(columns);
  EXPECT_EQ(lent->version.major, 1U);
  EXPECT_EQ(lent->tensor.ndim, 2);
  EXPECT_EQ(lent->tensor.shape[0], 3);
  EXPECT_EQ(lent->tensor.strides[1], 3);
  EXPECT_EQ(lent->tensor.dtype.bits, 64);
  x.mutable_data<double>()[3] = 40;
  EXPECT_EQ(static_cast<double*>(lent->tensor.data)[3], 40);
  lent->deleter(lent);

  // What nobody else has lives until the deleter is called, and no longer.
  Tensor alone = full({1000}, 5, float64);
  Old* const last = to_dlpack(alone);
  alone.reset();
  EXPECT_EQ(static_cast<double*>(last->tensor.data)[999], 5);
  const std::int64_t live = memory_stats().live;
  last->deleter(last);
  EXPECT_LE(memory_stats().live, live - 8000);

  // There and back: the array is the same, and lives as long as either side wants it.
  Tensor back = from_dlpack(to_dlpack(tensor({true, false, true})));
  EXPECT_TRUE(equal(back, tensor({true, false, true})));
}

TEST(Span, SeesTheElements) {
  Tensor x = tensor({{1.0, 2.0}, {3.0, 4.0}});
  const std::span<const float> values = as_span<float>(x);
  const std::uint32_t version = x.version();
  ASSERT_EQ(values.size(), 4U);
  as_mutable_span<float>(x)[2] = 30;
  EXPECT_EQ(values[2], 30);
  EXPECT_EQ(x.version(), version + 1);
  EXPECT_THROW(as_span<double>(x), DTypeError);
  EXPECT_THROW(as_span<float>(view_as(x, {2}, {2})), ShapeError);
  EXPECT_TRUE(equal(from_span(std::array{1.0, 2.0, 3.0, 4.0}, {2, 2}), tensor({{1.0, 2.0}, {3.0, 4.0}}, float64)));
  EXPECT_TRUE(equal(from_span(values), tensor({1.0, 2.0, 30.0, 4.0})));
  EXPECT_THROW(from_span(values, {3}), ShapeError);
}

}  // namespace
}  // namespace gradus
