// Scans of bodies that are not the same at each step, or are not pure: results are those of the loop, or there is an
// error.

#include "errors.h"
#include "scan.h"

#include "gradus/autograd/checkpoint.h"
#include "gradus/autograd/scan.h"
#include "gradus/ops/gradient.h"
#include "gradus/ops/lambda.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/norm.h"
#include "gradus/ops/random.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/scan.h"

#include <gtest/gtest.h>

#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace gradus {
namespace {

using namespace tests;

struct Changing : testing::Test {
  using Step = std::function<Scanned(int n, const Tensor& c, const Tensor& x)>;
  Tensor h = leaf(draw({2, 3})), w = leaf(draw({3, 3})), v = leaf(draw({3, 3})), xs = leaf(draw({9, 2, 3}));
  List by = {h, w, v, xs};

  Tensor next(const Tensor& c, const Tensor& x) const { return tanh(matmul(c, w) + x); }
  /// A step that is told its number, by an x.
  Body numbered(const Step& f) const {
    return [f](Span c, Span x) { return f(static_cast<int>(x[1].item()), c[0], x[0]); };
  }
  void expect_same(const Step& f) {
    expect_like_loop([&] { return numbered(f); }, {h}, {xs, arange(0, 9, 1, float64)}, by);
  }
  /// The same for bodies that may not be called twice.
  void expect_same_once(const std::function<Body()>& make) {
    const List expected = with_gradients(loop(make(), {h}, {xs}), by);
    expect_close(with_gradients(scan(make(), List{h}, List{xs}), by), expected);
  }
};

TEST_F(Changing, AnotherBranchIsTaken) {
  expect_same([&](int, const Tensor& c, const Tensor& x) -> Scanned {
    const Tensor y = next(c, x);
    const Tensor z = sum(x).item() > 0 ? sin(matmul(y, v)) : y * 2.0;
    return {{z + next(z, x)}, {y}};
  });
  expect_same([&](int, const Tensor& c, const Tensor& x) -> Scanned {
    Tensor y = next(c, x);
    if (y.data<double>()[0] > 0) y = y * matmul(y, v);
    return {{y}, {}};
  });
}

TEST_F(Changing, ANumberOrATensorIsAnother) {
  expect_same([&](int n, const Tensor& c, const Tensor& x) -> Scanned { return {{next(c, x) * (n + 0.5)}, {c}}; });
  expect_same([&](int n, const Tensor& c, const Tensor& x) -> Scanned {
    const Tensor inverse = 1.0 / (c * 0.0 * (n == 4 ? -0.0 : 0.0) + 2.0);
    return {{next(c, x) * inverse}, {x * (n == 4 ? -0.0 : 0.0)}};
  });
  expect_same([&](int n, const Tensor& c, const Tensor& x) -> Scanned {
    return {{tanh(matmul(c, n % 3 == 2 ? v : w) + x)}, {}};
  });
  expect_same([&](int n, const Tensor& c, const Tensor& x) -> Scanned {
    return {{next(c, x) + full({2, 3}, n, float64)}, {}};
  });
}

TEST_F(Changing, ResultsAreOthers) {
  expect_same([&](int n, const Tensor& c, const Tensor& x) -> Scanned {
    const Tensor y = next(c, x), z = next(y, x);
    return {{n == 5 ? y : z}, {n == 6 ? z : y}};
  });
  expect_same([&](int n, const Tensor& c, const Tensor& x) -> Scanned {
    const Tensor y = next(c, x);
    return {{n == 5 ? detach(y) : y}, {slice(y, 1, n % 2, n % 2 + 2)}};
  });
  expect_same([&](int n, const Tensor& c, const Tensor& x) -> Scanned {
    const Tensor y = next(c, x);
    return {{n == 2 ? clone(detach(y)) : y}, {n == 7 ? x : c}};
  });
}

TEST_F(Changing, WhatIsRecordedIsAnother) {
  expect_same(
      [&](int n, const Tensor& c, const Tensor& x) -> Scanned { return {{next(n == 3 ? detach(c) : c, x)}, {}}; });
  expect_same([&](int n, const Tensor& c, const Tensor& x) -> Scanned {
    const RecordingGuard some(n != 4);
    return {{next(c, x)}, {}};
  });
  expect_same([&](int, const Tensor& c, const Tensor& x) -> Scanned {
    return {{next(c, x) + no_grad([&] { return matmul(c, v); })}, {}};
  });
  expect_same([&](int n, const Tensor& c, const Tensor& x) -> Scanned {
    return {{no_grad([&] { return n < 5; }) ? next(detach(c), x) * 0.5 : next(c, x)}, {}};
  });
  const Tensor plain = draw({2, 3});  // nothing requires a gradient before step 3
  const Body late = numbered([&](int n, const Tensor& c, const Tensor& x) -> Scanned {
    return {{tanh(n < 3 ? c + x : matmul(c, w) + x)}, {}};
  });
  const List none = {detach(xs), arange(0, 9, 1, float64)};
  expect_close(with_gradients(scan(late, List{plain}, none), {w}), with_gradients(loop(late, {plain}, none), {w}));
}

TEST_F(Changing, ABodyCountsItsCalls) {
  for (const int at : {0, 1, 2, 5, 8})
    expect_same_once([&, at] {
      return [&, at, n = 0](Span c, Span x) mutable -> Scanned {
        return {{n++ == at ? matmul(c[0], v) * x[0] : next(c[0], x[0])}, {}};
      };
    });
}

TEST_F(Changing, ABodyKeepsTensorsOfItsSteps) {
  const auto gradients = [&](bool scanned, int kind) {
    List kept;
    Tensor total = scalar(0, float64);
    int n = 0;
    const auto body = [&](Span c, Span x) -> Scanned {
      const Tensor y = next(c[0], x[0]);
      if (kind == 0) kept.push_back(y);
      if (kind == 1 && ++n > 4) kept.push_back(slice(y, 0, 0, 1));
      if (kind == 2) total = total + sum(y * y);
      if (kind == 3) kept.push_back(detach(y));
      if (kind == 4) kept.push_back(x[0] * c[0]);
      return {{y}, {}};
    };
    const List start{h}, all{xs};
    const Scanned last = scanned ? scan(body, start, all) : loop(body, start, all);
    for (std::size_t k = 0; k < kept.size(); ++k) total = total + sum(sin(kept[k])) * (1.0 + double(k));
    return grad(total + sum(last.carry[0]), by);
  };
  for (int kind = 0; kind < 5; ++kind) {
    SCOPED_TRACE(kind);
    expect_close(gradients(true, kind), gradients(false, kind));
  }
}

TEST_F(Changing, RandomNumbersAreThoseOfTheLoop) {
  expect_same([&](int, const Tensor& c, const Tensor& x) -> Scanned {
    return {{next(dropout(c, 0.5), x) + normal({2, 3}, 0, 0.1, float64)}, {}};
  });
}

TEST_F(Changing, BodiesOfOtherOpsAreLoops) {
  const auto cube = elementwise("cube", [](auto a) { return a * a * a; });
  expect_same([&](int, const Tensor& c, const Tensor& x) -> Scanned {
    return {{cube(next(c, x)) + cumsum(x, 1)}, {softmax(c, -1)}};
  });
  expect_same([&](int, const Tensor& c, const Tensor& x) -> Scanned {
    return {{checkpoint([this, x](const Tensor& a) { return next(a, x); }, c)}, {}};
  });
  expect_same([&](int, const Tensor& c, const Tensor& x) -> Scanned {
    const auto [last, all] = scan(
        [&](const Tensor& a, const Tensor& b) {
          const Tensor y = tanh(a * b + matmul(c, v));
          return std::pair(y, y * b);
        },
        c,
        stack({x, sin(x), c}, 0));
    return {{next(last, x)}, {sum(all, 0)}};
  });
  expect_same([&](int, const Tensor& c, const Tensor& x) -> Scanned {
    const auto energy = [&](const Tensor& a) { return sum(sin(matmul(a, w)) * x); };
    return {{c - 0.1 * grad(energy)(c)}, {stop_gradient(c) * c}};
  });
}

TEST_F(Changing, HooksOnGradientsRun) {
  const auto run = [&](bool scanned, int from) {
    int n = 0;
    const auto body = [&](Span c, Span x) -> Scanned {
      const Tensor y = next(c[0], x[0]);
      if (n++ >= from && requires_grad(y)) on_gradient(y, [&](const Tensor& g) { return g * 0.5; });
      return {{y}, {}};
    };
    const List start{h}, all{xs};
    return grad(sum((scanned ? scan(body, start, all) : loop(body, start, all)).carry[0]), by);
  };
  expect_close(run(true, 0), run(false, 0));
  EXPECT_NE(tests::message_of<GradientError>([&] { run(true, 4); }).find("hooks on gradients"), std::string::npos);
}

TEST_F(Changing, AWeightChangesInPlace) {
  const auto body = [&](int at) {
    return [&, at, n = 0](Span c, Span x) mutable -> Scanned {
      if (n++ == at) w.mutable_data<double>()[0] += 1;
      return {{next(c[0], x[0])}, {}};
    };
  };
  const Tensor before = clone(w);
  for (const int at : {1, 4}) {
    const Scanned expected = no_grad([&] { return loop(body(at), {h}, {xs}); });
    copy_into(w, before);
    expect_close(no_grad([&] { return scan(body(at), List{h}, List{xs}); }).carry, expected.carry);
    copy_into(w, before);
    const Tensor y = sum(scan(body(at), List{h}, List{xs}).carry[0]);
    EXPECT_NE(tests::message_of<GradientError>([&] { backward(y); }).find("changed in place"), std::string::npos);
    copy_into(w, before);
  }
}

TEST_F(Changing, ATensorOfAStepChangesInPlace) {
  int line = 0;
  const auto run = [&] {
    const auto body = [n = 0, this](Span c, Span x) mutable -> Scanned {
      Tensor y = next(c[0], x[0]);
      if (n++ == 4) y.mutable_data<double>()[0] = 7;
      return {{y * y}, {}};
    };
    line = __LINE__ + 1;
    scan(body, List{h}, List{xs});
  };
  const std::string text = tests::message_of<GradientError>(run);
  EXPECT_EQ(text.find("scan: expected a body that leaves tensors of its step as they are"), 0U) << text;
  EXPECT_NE(text.find("scan_bodies_test.cpp:" + std::to_string(line)), std::string::npos) << text;
}

TEST_F(Changing, ABodyThrows) {
  const auto body = [n = 0, this](Span c, Span x) mutable -> Scanned {
    if (n++ == 4) throw std::runtime_error("no");
    return {{next(c[0], x[0])}, {}};
  };
  EXPECT_THROW(scan(body, List{h}, List{xs}), std::runtime_error);
  EXPECT_TRUE(is_recording());
  expect_same_once([&] { return [&](Span c, Span x) -> Scanned { return {{next(c[0], x[0])}, {}}; }; });
}

}  // namespace
}  // namespace gradus
