#include "border_judge.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gradus::op_suite {
namespace {

using Row = std::vector<double>;
using Float = std::numeric_limits<float>;
using Double = std::numeric_limits<double>;
constexpr double kInfinity = Double::infinity(), kNaN = Double::quiet_NaN();

/// True of numbers whose own size, or for second derivatives that of their squares, may overflow.
bool is_extreme(double x, int order) {
  const double reach = order < 2 ? 0x1p100 : 0x1p50;
  return x != 0 && std::isfinite(x) && (std::abs(x) > reach || std::abs(x) < 1 / reach);
}

const Line* find(const Lines& lines, const std::string& what) {
  for (const Line& l : lines)
    if (l.what == what) return &l;
  return nullptr;
}

/// What a number is where only overflow and underflow count.
int rough(double x, double least) {
  if (std::isnan(x)) return 3;
  if (std::isinf(x)) return x > 0 ? 2 : -2;
  return std::abs(x) <= 0x1p30 * least ? 0 : 1;
}

class Judge {
 public:
  Judge(const Place& at, Views& views, Failures& failures) : at_(at), v_(views), failures_(failures) {
    for (const Tensor& x : at.inputs) inputs_.push_back(x.to_vector());
  }

  /// Each line of `got` is as that of float64.
  void compare(const Lines& got, bool narrow) {
    for (const Line& line : got) {
      const Line* want = find(v_.here, line.what);
      if (want == nullptr || want->elements.size() != line.elements.size()) continue;
      const double size = at_.elementwise() ? 0 : largest(line.order) * largest_input();
      for (std::size_t i = 0; i < line.elements.size(); ++i) {
        const double w = want->elements[i], g = line.elements[i];
        if (!settled(line.order, i, narrow) || (std::isnan(w) && leaves_out(i)) ||
            close(g, w, slack(*want, i, narrow, size), narrow) || (narrow && overflows(line, *want, i)))
          continue;
        say(line, i, fmt::format("expected {:.9g}, got {:.9g} in {}", w, g, narrow ? "float32" : "float64"));
        break;
      }
    }
  }

  /// Where values are finite, derivatives are numbers; at infinity they are the limit.
  void compare_limits() {
    for (const Line& line : v_.here)
      for (std::size_t i = 0; i < line.elements.size(); ++i) {
        const double got = line.elements[i];
        if (any_input(i, [](double x) { return std::isnan(x); }) || !settled(line.order, i, false) || !concerns(line))
          continue;
        const std::optional<double> limit = limit_of(line, i);
        const bool asked = line.order == 1 || (line.order == 2 && (at_.subject.library || !at_infinity(i)));
        const bool undefined = asked && std::isnan(got) && !std::isnan(element(v_.beside, line, i));
        const bool off = limit && !(std::abs(got - *limit) <= 1e-6 * std::max(1., std::abs(*limit)));
        if (!undefined && !off) continue;
        say(line,
            i,
            off ? fmt::format("expected the limit {:.9g}, got {:.9g}", *limit, got)
                : "expected a number where all before it is finite, got nan");
        break;
      }
  }

 private:
  /// The largest finite element up to some order.
  double largest(int order) const {
    double size = 0;
    for (const Line& l : v_.here)
      for (double v : l.elements)
        if (l.order <= order && std::isfinite(v)) size = std::max(size, std::abs(v));
    return size;
  }

  /// At least 1.
  double largest_input() const {
    double size = 1;
    for (const Row& x : inputs_)
      for (double v : x)
        if (std::isfinite(v)) size = std::max(size, std::abs(v));
    return size;
  }

  /// An element of the same line in another view; NaN if there is none.
  static double element(View& view, const Line& line, std::size_t i) {
    const std::optional<Lines>& lines = view.lines();
    const Line* same = lines ? find(*lines, line.what) : nullptr;
    return same != nullptr && i < same->elements.size() ? same->elements[i] : kNaN;
  }

  /// Some input that element i depends on.
  template <class F>
  bool any_input(std::size_t i, F f) const {
    return std::any_of(inputs_.begin(), inputs_.end(), [&](const Row& x) {
      return at_.elementwise() ? f(x[i]) : std::any_of(x.begin(), x.end(), f);
    });
  }

  /// A result of many elements may leave out a product with a zero of a border, or take it: 0 times NaN or infinity.
  bool leaves_out(std::size_t i) const {
    return !at_.elementwise() && any_input(i, [](double x) { return !std::isfinite(x); });
  }

  /// A result of many elements has sums of products with an infinite input as other inputs' derivatives.
  bool concerns(const Line& line) const {
    if (at_.elementwise() || !at_infinity(0) || line.order == 0) return true;
    const Row& x = inputs_[line.input];
    return std::any_of(x.begin(), x.end(), [](double v) { return std::isinf(v); });
  }

  bool at_infinity(std::size_t i) const {
    return any_input(i, [](double x) { return std::isinf(x); });
  }

  /// All that element i is a derivative of is finite (and no more than float32 holds).
  bool settled(int order, std::size_t i, bool narrow) const {
    const auto is_finite = [=](double v) {
      return std::abs(v) <= (narrow ? static_cast<double>(Float::max()) : Double::max());
    };
    return std::all_of(v_.here.begin(), v_.here.end(), [&](const Line& l) {
      if (l.order >= order) return true;
      return at_.elementwise() ? is_finite(l.elements[i])
                               : std::all_of(l.elements.begin(), l.elements.end(), is_finite);
    });
  }

  static bool close(double got, double want, double slack, bool narrow) {
    if (std::isnan(want) || std::isnan(got)) return std::isnan(want) && std::isnan(got);
    if (got == want || std::abs(got - want) <= slack) return true;
    const double most = narrow ? 0.9999 * static_cast<double>(Float::max()) : kInfinity;
    return std::abs(want) >= most && std::abs(got) >= most && (got > 0) == (want > 0);
  }

  /// How far off rounding may be: of the result, of the inputs (times the derivative), of tiny results; `size`
  /// is that of all terms that come together.
  double slack(const Line& want, std::size_t i, bool narrow, double size) const {
    const double unit = narrow ? 0x1p-23 : 0x1p-52;
    double all = std::max(std::abs(want.elements[i]), size);
    for (const Line& l : v_.here)
      if (at_.elementwise() && l.order == want.order + 1 && std::isfinite(l.elements[i]))
        all += std::abs(l.elements[i]);
    return 100 * unit * all + 0x1p6 * (narrow ? static_cast<double>(Float::min()) : Double::min());
  }

  /// True where float64 ends in the same way near its own ends. An elementwise function of the library has to
  /// reach further: squares of its inputs must not overflow on the way to a first derivative. Sums overflow in
  /// one order and not in another, but are no NaN without need (differences of second derivatives may be).
  bool overflows(const Line& line, const Line& want, std::size_t i) const {
    const double got = line.elements[i], w = want.elements[i];
    const bool extreme = any_input(i, [&](double x) { return is_extreme(x, line.order); });
    if (at_.subject.library && at_.elementwise() && line.order < 2 && !extreme && std::isfinite(w)) return false;
    const double twin = element(v_.twin, line, i);
    if (!at_.elementwise() && extreme) return line.order == 2 || !std::isnan(got) || std::isnan(twin);
    return rough(got, static_cast<double>(Float::min())) == rough(twin, Double::min());
  }

  /// What a derivative tends to, the value being the limit of values; that of a value only if it is a function
  /// of one number.
  std::optional<double> limit_of(const Line& line, std::size_t i) const {
    if (line.order > 1 || !at_infinity(i)) return {};
    const double got = line.elements[i], a = element(v_.large, line, i), b = element(v_.larger, line, i),
                 c = element(v_.huge, line, i);
    const auto near = [](double x, double y, double part) {
      return std::abs(x - y) <= part * std::max(1., std::abs(y));
    };
    if (!std::isfinite(c) || std::isinf(got) || !near(a, c, 1e-2) || !near(b, c, 1e-2)) return {};
    if (line.order == 0) {
      const bool of_one = at_.elementwise() && inputs_.size() == 1;
      return at_.subject.library && of_one && std::isnan(got) ? std::optional(c) : std::nullopt;
    }
    const Line& value = v_.here[0];
    for (std::size_t k = 0; k < value.elements.size(); ++k)
      if ((!at_.elementwise() || k == i) && !near(value.elements[k], element(v_.huge, value, k), 1e-6)) return {};
    return c;
  }

  void say(const Line& line, std::size_t i, const std::string& text) {
    std::string where;
    for (std::size_t k = 0; k < inputs_.size(); ++k) {
      const Row& x = inputs_[k];
      const std::size_t n = at_.elementwise() ? 1 : std::min<std::size_t>(x.size(), 6);
      for (std::size_t j = 0; j < n; ++j)
        where += fmt::format("{}{:.9g}", j > 0 ? ", " : k > 0 ? "; " : "", x[at_.elementwise() ? i : j]);
    }
    fail(failures_, "{}{} at ({}): {}", line.what, line.way, where, text);
  }

  const Place& at_;
  Views& v_;
  Failures& failures_;
  std::vector<Row> inputs_;
};

}  // namespace

void compare(const Place& at, Views& views, const Lines& got, bool narrow, Failures& failures) {
  Judge(at, views, failures).compare(got, narrow);
}

void compare_limits(const Place& at, Views& views, Failures& failures) { Judge(at, views, failures).compare_limits(); }

}  // namespace gradus::op_suite
