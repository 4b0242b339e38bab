#include "gradus/kernels/recurrence.h"

#include "numbers.h"

#include <cmath>
#include <string>
#include <utility>
#include <vector>

namespace gradus::kernels {
namespace {

template <class T>
using Values = std::vector<T>;

template <class T>
Values<T> some(std::int64_t n, std::uint64_t seed) {
  return as<T>(draw(n, seed));
}

/// Row `row` of x [steps, batch, width].
template <class T>
Values<T> row_of(const Values<T>& x, const Steps& at, std::int64_t row, std::int64_t width) {
  Values<T> y;
  for (std::int64_t t = 0; t < static_cast<std::int64_t>(x.size()) / (at.batch * width); ++t) {
    const auto from = x.begin() + (t * at.batch + row) * width;
    y.insert(y.end(), from, from + width);
  }
  return y;
}

template <class T>
void expect_close(const Values<T>& got, const Values<T>& want, const std::string& what) {
  ASSERT_EQ(got.size(), want.size());
  const double tolerance = sizeof(T) == 4 ? 2e-5 : 1e-13;
  for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], want[i], tolerance) << what << " " << i;
}

/// What goes into an LSTM or a GRU and back, for all rows of a batch or one of them.
template <class T>
struct Inputs {
  Steps at;
  std::int64_t gates;
  Values<T> x, weight, h0, c0, bias, dh, dc;

  Inputs(const Steps& size, std::int64_t count)
      : at(size),
        gates(count),
        x(some<T>(all() * gates, 1)),
        weight(some<T>(gates * at.hidden * at.hidden, 2)),
        h0(some<T>(at.batch * at.hidden, 3)),
        c0(some<T>(at.batch * at.hidden, 4)),
        bias(some<T>(gates * at.hidden, 5)),
        dh(some<T>(all(), 6)),
        dc(some<T>(all(), 7)) {
    for (T& w : weight) w /= static_cast<T>(std::sqrt(static_cast<double>(at.hidden)));
  }
  std::int64_t all() const { return at.steps * at.batch * at.hidden; }

  Inputs row(std::int64_t i) const {
    Inputs one = *this;
    one.at.batch = 1;
    one.x = row_of(x, at, i, gates * at.hidden);
    for (const auto part : {&Inputs::h0, &Inputs::c0, &Inputs::dh, &Inputs::dc})
      one.*part = row_of(this->*part, at, i, at.hidden);
    return one;
  }
};

/// All that comes out, each beside its width in numbers of hidden units.
template <class T>
struct Outputs {
  std::vector<std::pair<Values<T>, std::int64_t>> parts;
};

template <class T>
Outputs<T> of_lstm(const Inputs<T>& in) {
  const auto n = static_cast<std::size_t>(in.all()), rows = in.h0.size();
  Values<T> h(n), c(n), gates(4 * n), dgates(4 * n), dh0(rows), dc0(rows);
  lstm<T>(in.at, {in.x.data(), in.weight.data(), in.h0.data(), in.c0.data(), h.data(), c.data(), gates.data()});
  lstm_gradient<T>(in.at,
                   {in.weight.data(),
                    in.c0.data(),
                    c.data(),
                    gates.data(),
                    in.dh.data(),
                    in.dc.data(),
                    dgates.data(),
                    dh0.data(),
                    dc0.data()});
  return {{{h, 1}, {c, 1}, {gates, 4}, {dgates, 4}, {dh0, 1}, {dc0, 1}}};
}

template <class T>
Outputs<T> of_gru(const Inputs<T>& in) {
  const auto n = static_cast<std::size_t>(in.all());
  Values<T> h(n), gates(3 * n), q(n), dinputs(3 * n), dproducts(3 * n), dh0(in.h0.size());
  gru<T>(in.at, {in.x.data(), in.weight.data(), in.bias.data(), in.h0.data(), h.data(), gates.data(), q.data()});
  gru_gradient<T>(in.at,
                  {in.weight.data(),
                   in.h0.data(),
                   h.data(),
                   gates.data(),
                   q.data(),
                   in.dh.data(),
                   dinputs.data(),
                   dproducts.data(),
                   dh0.data()});
  return {{{h, 1}, {gates, 3}, {q, 1}, {dinputs, 3}, {dproducts, 3}, {dh0, 1}}};
}

template <class T, class F>
void rows_go_alone(std::int64_t gates, F f) {
  for (const std::int64_t batch : {2, 3, 7, 15, 33, 70})
    for (const std::int64_t hidden : {1, 20, 37}) {
      const Inputs<T> in(Steps{3, batch, hidden, batch % 2 == 0}, gates);
      const Outputs<T> whole = f(in);
      for (std::int64_t i = 0; i < batch; ++i) {
        const Outputs<T> alone = f(in.row(i));
        for (std::size_t part = 0; part < whole.parts.size(); ++part) {
          const auto& [values, width] = whole.parts[part];
          expect_close(row_of(values, in.at, i, width * hidden),
                       alone.parts[part].first,
                       "batch " + std::to_string(batch) + ", hidden " + std::to_string(hidden) + ", row " +
                           std::to_string(i) + ", result " + std::to_string(part));
        }
      }
    }
}

TEST(Recurrence, RowsOfABatchDoNotMeet) {
  rows_go_alone<float>(4, of_lstm<float>);
  rows_go_alone<double>(4, of_lstm<double>);
  rows_go_alone<float>(3, of_gru<float>);
  rows_go_alone<double>(3, of_gru<double>);
}

/// One row by the formulas, unit by unit.
TEST(Recurrence, LstmIsItsFormula) {
  const Inputs<double> in(Steps{4, 1, 37}, 4);
  const Values<double> got = of_lstm(in).parts[0].first;
  Values<double> h = in.h0, c = in.c0;
  const auto sigmoid = [](double v) { return 1 / (1 + std::exp(-v)); };
  for (std::size_t t = 0; t < 4; ++t) {
    Values<double> gates(148), next(37);
    for (std::size_t g = 0; g < 148; ++g) {
      gates[g] = in.x[t * 148 + g];
      for (std::size_t j = 0; j < 37; ++j) gates[g] += in.weight[g * 37 + j] * h[j];
    }
    for (std::size_t j = 0; j < 37; ++j) {
      c[j] = sigmoid(gates[37 + j]) * c[j] + sigmoid(gates[j]) * std::tanh(gates[74 + j]);
      next[j] = sigmoid(gates[111 + j]) * std::tanh(c[j]);
      ASSERT_NEAR(got[t * 37 + j], next[j], 1e-13) << t << " " << j;
    }
    h = next;
  }
}

}  // namespace
}  // namespace gradus::kernels
