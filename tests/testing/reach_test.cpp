// NaN and infinity in one element of an input reach the results that depend on it, and no others.

#include "suite.h"

#include <gradus/ops.h>
#include <gradus/ops/exact.h>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace gradus::op_suite {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

bool same_bits(double a, double b) { return (std::isnan(a) && std::isnan(b)) || std::memcmp(&a, &b, sizeof a) == 0; }

/// The results with another number in one place; nothing if the op refuses it.
using Results = std::optional<std::vector<double>>;
Results with_number(const Subject& subject, const Point& point, std::size_t input, std::int64_t place, double number) {
  List inputs = point.inputs;
  Tensor& x = inputs[input];
  std::vector<double> numbers = x.to_vector();
  numbers[static_cast<std::size_t>(place)] = number;
  x = cast(from_vector(numbers, x.shape()), x.dtype());
  try {
    return call(subject, inputs).to_vector();
  } catch (const Error&) {
    return {};
  }
}

/// The point with other numbers of the domains in all inputs but those that are compared or counted.
Point moved(const Subject& subject, const Point& point, int times) {
  Point other = point;
  for (std::size_t k = 0; k < other.inputs.size(); ++k) {
    const Sample& sample = subject.example.inputs[k];
    if (!is_floating(other.inputs[k].dtype())) continue;
    std::vector<double> numbers = other.inputs[k].to_vector();
    const double size = sample.domain.high - sample.domain.low;
    for (double& v : numbers) {
      const double part = (v - sample.domain.low) / size * (1 + 2.3 * times) + 0.17 * times;
      v = sample.domain.low + size * (0.05 + 0.9 * (part - std::floor(part)));
    }
    other.inputs[k] = cast(from_vector(numbers, other.inputs[k].shape()), other.inputs[k].dtype());
  }
  return other;
}

/// Which results another number in that place changes: at this point, and at some.
struct Dependent {
  std::vector<bool> here, anywhere;
};
std::vector<bool> changed(const Subject& subject, const Point& point, std::size_t input, std::int64_t place) {
  const std::vector<double> here = call(subject, point.inputs).to_vector();
  const Domain& domain = subject.example.inputs[input].domain;
  const double x = point.inputs[input].to_vector()[static_cast<std::size_t>(place)], size = domain.high - domain.low;
  std::vector<bool> found(here.size());
  for (const double other : {domain.low,
                             domain.high,
                             domain.low + 0.37 * size,
                             x + 0.01 * size,
                             x - 0.01 * size,
                             domain.low - 20 * size,
                             domain.high + 20 * size}) {
    const Results there = with_number(subject, point, input, place, other);
    if (!there || there->size() != here.size()) continue;
    for (std::size_t i = 0; i < here.size(); ++i) found[i] = found[i] || !same_bits(here[i], (*there)[i]);
  }
  return found;
}
Dependent dependent(const Subject& subject, const Point& point, std::size_t input, std::int64_t place) {
  Dependent found;
  found.here = found.anywhere = changed(subject, point, input, place);
  for (int times = 1; times < 3; ++times) {
    try {
      const std::vector<bool> there = changed(subject, moved(subject, point, times), input, place);
      for (std::size_t i = 0; i < std::min(there.size(), found.here.size()); ++i)
        found.anywhere[i] = found.anywhere[i] || there[i];
    } catch (const Error&) {
      continue;  // refused there
    }
  }
  return found;
}

/// What of a subject contradicts the rule, one sentence each; the kind says which part of it.
struct Broken {
  NanNote::Kind kind;
  std::string text;
};

/// The same with another number in one place.
void check(
    const Subject& subject, const Point& point, std::size_t input, std::int64_t place, std::vector<Broken>& all) {
  const std::vector<double> here = call(subject, point.inputs).to_vector();
  const Dependent depends = dependent(subject, point, input, place);
  // One that isn't finite may have all of them computed in another way.
  const double rounding = point.inputs[input].dtype() == float32 ? 0x1p-21 : 0x1p-50;
  for (const double number : {kNaN, kInfinity, -kInfinity}) {
    const Results there = with_number(subject, point, input, place, number);
    if (!there || there->size() != here.size()) continue;
    for (std::size_t i = 0; i < here.size(); ++i) {
      const double y = (*there)[i];
      const bool same = same_bits(here[i], y) || std::abs(y - here[i]) <= rounding * std::abs(here[i]);
      const auto say = [&](NanNote::Kind kind, const char* what) {
        all.push_back({kind,
                       fmt::format("result {} depends {} element {} of input {}, but is {} where that is {}",
                                   i,
                                   what,
                                   place,
                                   input,
                                   y,
                                   number)});
      };
      if (!depends.anywhere[i] && !same) say(NanNote::Kind::spreads, "not on");
      if (depends.here[i] && std::isnan(number) && !std::isnan(y)) say(NanNote::Kind::stops, "on");
    }
  }
}

/// In all of its elements, or some twelve of each input.
std::vector<Broken> broken(const Subject& subject, DType dtype) {
  std::vector<Broken> all;
  const Point point = draw(subject, dtype);
  for (std::size_t k = 0; k < point.inputs.size(); ++k) {
    const std::int64_t n = point.inputs[k].numel();
    if (!is_floating(point.inputs[k].dtype())) continue;
    for (std::int64_t place = 0; place < n; place += std::max<std::int64_t>(1, n / 12))
      check(subject, point, k, place, all);
  }
  return all;
}

const NanNote* note_of(std::string_view name) {
  for (const NanNote& note : nan_notes())
    if (note.name == name) return &note;
  return nullptr;
}

/// Every op, so that a new one is found; and what the notes say of an op is true of it.
TEST(Reach, IsThatOfTheElement) {
  for (const OpEntry& entry : all_ops()) {
    const NanNote* const note = note_of(entry.name);
    bool noted = false;
    for (const Subject& subject : subjects(entry))
      for (const DType dtype : {float32, float64})
        for (const Broken& b : broken(subject, dtype)) {
          const bool known = note != nullptr && note->kind == b.kind;
          noted = noted || known;
          EXPECT_TRUE(known) << subject.name << ", " << subject.example.label << ", " << to_string(dtype) << ": "
                             << b.text;
        }
    EXPECT_TRUE(noted || note == nullptr) << entry.name << " is noted, but does as others do";
  }
}

TEST(Reach, NotesAreOfOps) {
  std::set<std::string_view> ops, noted;
  for (const OpEntry& entry : all_ops()) ops.insert(entry.name);
  for (const NanNote& note : nan_notes()) {
    EXPECT_TRUE(ops.contains(note.name)) << note.name;
    EXPECT_TRUE(noted.insert(note.name).second) << note.name << " is noted twice";
  }
}

/// A wrong op of either kind is found.
TEST(Reach, WrongOpsAreFound) {
  const auto kinds = [](Subject subject) {
    std::set<NanNote::Kind> found;
    for (const Broken& b : broken(subject, float64)) found.insert(b.kind);
    return found;
  };
  const auto subject = [](Tensor (*f)(const Tensor&)) {
    Subject s{"wrong", nullptr, {"", {{.shape = {5}}}, {}}};
    s.example.call = [f](std::span<const Tensor> in) { return f(in[0]); };
    return s;
  };
  EXPECT_EQ(kinds(subject([](const Tensor& x) { return x * 2.0; })), std::set<NanNote::Kind>{});
  EXPECT_EQ(kinds(subject([](const Tensor& x) { return where(greater(x, 0), x, x * 0.0 + where(isnan(x), 0.0, x)); })),
            std::set<NanNote::Kind>{});
  EXPECT_EQ(kinds(subject([](const Tensor& x) { return where(greater(x, 0), x, 0.0); })),
            std::set<NanNote::Kind>{NanNote::Kind::stops});
  EXPECT_EQ(kinds(subject([](const Tensor& x) { return x + sum(x) * 0.0; })),
            std::set<NanNote::Kind>{NanNote::Kind::spreads});
}

}  // namespace
}  // namespace gradus::op_suite
