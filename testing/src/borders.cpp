// Values and derivatives where arithmetic has borders: zeros of either sign, the ends and kinks of a domain,
// infinities, NaN, the largest, smallest and subnormal numbers.

#include "suite.h"

#include "gradus/autograd/functional.h"
#include "gradus/tensor/random.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

namespace gradus::op_suite {
namespace {

using Row = std::vector<double>;
using Float = std::numeric_limits<float>;
using Double = std::numeric_limits<double>;
constexpr double kInfinity = Double::infinity(), kNaN = Double::quiet_NaN();

/// A number (rounded to float32 there), and the one that lies as near to the ends of float64.
struct Border {
  double here, twin;
};

/// Of either sign, from 0 to infinity, and those of a domain. Far ones are such whose squares overflow; of
/// results that come together from many elements, such whose squares don't.
std::vector<Border> borders_of(const Domain& domain, bool elementwise) {
  std::vector<Border> all{{kNaN, kNaN}};
  const auto add = [&](double here, double twin) {
    const auto same = [=](const Border& b) {
      return b.here == here && std::signbit(b.here) == std::signbit(here);
    };
    if (!std::isnan(here) && std::none_of(all.begin(), all.end(), same))
      all.push_back({here, twin});
  };
  const int reach = elementwise ? 100 : 60;
  const double most = elementwise ? 1 : 0x1p-10;  // sums of a few don't overflow
  for (const double sign : {1., -1.}) {
    for (const double x : {0., 1., kInfinity}) add(sign * x, sign * x);
    add(std::ldexp(sign, reach), std::ldexp(sign, 9 * reach));
    add(std::ldexp(sign, -reach), std::ldexp(sign, -9 * reach));
    add(sign * most * static_cast<double>(Float::max()), sign * most * Double::max());
    add(sign * static_cast<double>(Float::min()), sign * Double::min());
    add(sign * static_cast<double>(Float::denorm_min()), sign * Double::denorm_min());
  }
  add(domain.low, domain.low);
  add(domain.high, domain.high);
  for (double kink : domain.kinks) add(kink, kink);
  return all;
}

/// True of numbers whose own size, or for second derivatives that of their squares, may overflow.
bool is_extreme(double x, int order) {
  const double reach = order < 2 ? 0x1p100 : 0x1p50;
  return x != 0 && std::isfinite(x) && (std::abs(x) > reach || std::abs(x) < 1 / reach);
}

/// A number within 1/1024 of x (or of ordinary size) on the same side of 0.
double beside(double x) {
  if (x == 0) return std::copysign(0x1p-10, x);
  return std::isinf(x) ? std::copysign(3, x) : x * (1 - 0x1p-10);
}
/// A finite number in place of an infinite one; its cube is finite too.
double huge(double x) { return std::isinf(x) ? std::copysign(0x1.4p300, x) : x; }
double large(double x) { return std::isinf(x) ? std::copysign(1234.567, x) : x; }
double larger(double x) { return std::isinf(x) ? std::copysign(87654.321, x) : x; }

// ---- what is compared ----------------------------------------------------------------------------

/// A value or derivative: what it is, in which way it was had, and its elements.
struct Line {
  std::string what;  // "gradient 0"
  int order;
  std::size_t input;  // which it is a derivative to
  const char* way;
  Row elements;
};
using Lines = std::vector<Line>;

struct Place {
  const Subject& subject;
  List inputs;
  std::vector<std::size_t> real;

  bool elementwise() const { return subject.example.elementwise; }
  /// What a sum of results or gradients is weighted with: of independent elements it is the sum itself.
  Tensor weights(const Tensor& like, std::uint64_t seed) const {
    return elementwise() ? ones_like(like) : draw_cotangent(like.shape(), like.dtype(), seed);
  }
};

void add_forward(const Place& at, std::size_t k, Lines& lines) {
  const Point one{at.inputs, {at.real[k]}};
  const List x = pick(at.inputs, one.real);
  const auto along = jvp(function_at(at.subject, one), x, {at.weights(x[0], 5)});
  const char* what = at.elementwise() ? "gradient" : "jvp";
  lines.push_back(
      {fmt::format("{} {}", what, k), 1, at.real[k], " by jvp", along.second[0].to_vector()});
}

/// All derivatives to second order; throws as the op does.
Lines derive(const Place& at) {
  const Recorded r = record(at.subject, at.inputs, at.real);
  Lines lines{{"value", 0, 0, "", r.y.to_vector()}};
  if (!has_derivative(at.subject) || !requires_grad(r.y)) return lines;
  const Tensor c = at.weights(r.y, 3);
  const List fused = grad(r.y, r.leaves, c, {.retain_graph = true});
  const RecordingGuard on(true);
  const List composed = grad(r.y, r.leaves, c, {.create_graph = true});
  const std::size_t n = fused.size();
  for (std::size_t k = 0; k < n; ++k) {
    const std::string what = fmt::format("gradient {}", k);
    lines.push_back({what, 1, at.real[k], "", fused[k].to_vector()});
    lines.push_back({what, 1, at.real[k], " recorded", composed[k].to_vector()});
    add_forward(at, k, lines);
  }
  for (std::size_t k = 0; k < n; ++k) {
    if (!requires_grad(composed[k])) continue;
    const List second =
        grad(composed[k], r.leaves, at.weights(composed[k], 7 + k), {.retain_graph = true});
    for (std::size_t j = 0; j < n; ++j)
      lines.push_back(
          {fmt::format("second derivative {} {}", k, j), 2, at.real[j], "", second[j].to_vector()});
  }
  return lines;
}

/// Nothing if the op refuses the inputs.
std::optional<Lines> try_derive(const Place& at) {
  try {
    return derive(at);
  } catch (const Error&) {
    return {};
  }
}

// ---- judging -------------------------------------------------------------------------------------

/// One place seen from a side that is looked at when it is needed; nothing if the op refuses the numbers.
class View {
 public:
  explicit View(std::function<std::optional<Lines>()> look) : look_(std::move(look)) {}
  const std::optional<Lines>& lines() {
    if (!looked_) seen_ = look_();
    looked_ = true;
    return seen_;
  }

 private:
  std::function<std::optional<Lines>()> look_;
  bool looked_ = false;
  std::optional<Lines> seen_;
};

/// All in float64.
struct Views {
  Lines here;
  View twin;                 // at the twins: what overflows in float32 does so there
  View beside;               // with every number moved a little
  View huge, large, larger;  // with finite numbers in place of infinite ones
};

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
  Judge(const Place& at, Views& views, Failures& failures)
      : at_(at), v_(views), failures_(failures) {
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
            close(g, w, slack(*want, i, narrow, size), narrow) ||
            (narrow && overflows(line, *want, i)))
          continue;
        say(line,
            i,
            fmt::format("expected {:.9g}, got {:.9g} in {}", w, g, narrow ? "float32" : "float64"));
        break;
      }
    }
  }

  /// Where values are finite, derivatives are numbers; at infinity they are the limit.
  void judge_limits() {
    for (const Line& line : v_.here)
      for (std::size_t i = 0; i < line.elements.size(); ++i) {
        const double got = line.elements[i];
        if (any_input(i, [](double x) { return std::isnan(x); }) ||
            !settled(line.order, i, false) || !concerns(line))
          continue;
        const std::optional<double> limit = limit_of(line, i);
        const bool asked =
            line.order == 1 || (line.order == 2 && (at_.subject.library || !at_infinity(i)));
        const bool undefined = asked && std::isnan(got) && !std::isnan(element(v_.beside, line, i));
        const bool off =
            limit && !(std::abs(got - *limit) <= 1e-6 * std::max(1., std::abs(*limit)));
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
    if (at_.subject.library && at_.elementwise() && line.order < 2 && !extreme && std::isfinite(w))
      return false;
    const double twin = element(v_.twin, line, i);
    if (!at_.elementwise() && extreme)
      return line.order == 2 || !std::isnan(got) || std::isnan(twin);
    return rough(got, static_cast<double>(Float::min())) == rough(twin, Double::min());
  }

  /// What a derivative tends to, the value being the limit of values; that of a value only if it is a function
  /// of one number.
  std::optional<double> limit_of(const Line& line, std::size_t i) const {
    if (line.order > 1 || !at_infinity(i)) return {};
    const double got = line.elements[i], a = element(v_.large, line, i),
                 b = element(v_.larger, line, i), c = element(v_.huge, line, i);
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
      if ((!at_.elementwise() || k == i) &&
          !near(value.elements[k], element(v_.huge, value, k), 1e-6))
        return {};
    return c;
  }

  void say(const Line& line, std::size_t i, const std::string& text) {
    std::string where;
    for (std::size_t k = 0; k < inputs_.size(); ++k) {
      const Row& x = inputs_[k];
      const std::size_t n = at_.elementwise() ? 1 : std::min<std::size_t>(x.size(), 6);
      for (std::size_t j = 0; j < n; ++j)
        where += fmt::format("{}{:.9g}",
                             j > 0   ? ", "
                             : k > 0 ? "; "
                                     : "",
                             x[at_.elementwise() ? i : j]);
    }
    fail(failures_, "{}{} at ({}): {}", line.what, line.way, where, text);
  }

  const Place& at_;
  Views& v_;
  Failures& failures_;
  std::vector<Row> inputs_;
};

// ---- the places ----------------------------------------------------------------------------------

using Numbers = std::vector<std::vector<Border>>;  // of each input

/// The place with `change` made to the numbers of floating inputs.
template <class F>
Place with(const Place& at, const Numbers& numbers, DType dtype, F change) {
  Place result = at;
  for (std::size_t k = 0; k < at.inputs.size(); ++k) {
    Tensor& x = result.inputs[k];
    if (!is_floating(x.dtype())) continue;
    Row values;
    for (const Border& b : numbers[k]) values.push_back(change(b));
    x = cast(from_vector(values, x.shape()), dtype);
  }
  return result;
}

void judge(const Place& at, const Numbers& numbers, Failures& failures) {
  const auto here = [](const Border& b) { return b.here; };
  std::optional<Lines> wide = try_derive(with(at, numbers, float64, here));
  if (!wide) return;
  const auto view = [&](double (*change)(double)) {
    return View([&, change] {
      return try_derive(
          with(at, numbers, float64, [=](const Border& b) { return change(b.here); }));
    });
  };
  const auto twin = [](const Border& b) { return b.twin; };
  Views views{std::move(*wide),
              View([&] { return try_derive(with(at, numbers, float64, twin)); }),
              view(beside),
              view(huge),
              view(large),
              view(larger)};
  const Place place = with(at, numbers, float64, here);
  Judge judge(place, views, failures);
  judge.compare(views.here, false);
  judge.judge_limits();
  if (const auto narrow = try_derive(with(at, numbers, float32, here)))
    judge.compare(*narrow, true);
}

bool takes_borders(const Sample& s) {
  return s.kind != Sample::Kind::index && s.kind != Sample::Kind::flag;
}

/// Those to be tried: of a user's op finite ones only within the domain that it is declared for.
std::vector<Border> borders_of(const Subject& subject, const Sample& sample) {
  std::vector<Border> all = borders_of(sample.domain, subject.example.elementwise);
  if (!subject.library)
    std::erase_if(all, [&](const Border& b) {
      return std::isfinite(b.here) &&
             !(b.here >= sample.domain.low && b.here <= sample.domain.high);
    });
  return all;
}

/// All combinations of borders at once, each for an element of its own; of very many 20000 drawn ones.
void check_elements(const Subject& subject, Failures& failures) {
  const std::vector<Sample>& samples = subject.example.inputs;
  constexpr std::int64_t most = 20000;
  std::int64_t n = 1;
  std::vector<std::vector<Border>> borders;
  for (const Sample& s : samples) {
    borders.push_back(takes_borders(s) ? borders_of(subject, s) : std::vector<Border>(2));
    n = std::min(most + 1, n * static_cast<std::int64_t>(borders.back().size()));
  }
  const bool all = n <= most;
  if (!all) n = most;
  const Point point = draw(subject, float64, std::vector<Shape>(samples.size(), Shape{n}));
  Generator random(9);
  Numbers numbers(samples.size());
  for (std::int64_t e = 0; e < n; ++e) {
    std::int64_t code = e;
    for (std::size_t k = 0; k < samples.size(); ++k) {
      const auto count = static_cast<std::int64_t>(borders[k].size());
      numbers[k].push_back(
          borders[k][static_cast<std::size_t>(all ? code % count : random.below(count))]);
      code /= count;
    }
  }
  judge({subject, point.inputs, point.real}, numbers, failures);
}

/// Each border for one element of an input, and for all of it.
void check_one_by_one(const Subject& subject, Failures& failures) {
  const std::vector<Sample>& samples = subject.example.inputs;
  const Point point = draw(subject);
  Numbers ordinary;
  for (const Tensor& x : point.inputs) {
    ordinary.emplace_back();
    for (double v : x.to_vector()) {
      const double rounded = static_cast<double>(static_cast<float>(v));
      ordinary.back().push_back({rounded, rounded});
    }
  }
  for (std::size_t k = 0; k < samples.size(); ++k) {
    if (!takes_borders(samples[k]) || ordinary[k].empty()) continue;
    for (const Border& b : borders_of(subject, samples[k])) {
      Numbers numbers = ordinary;
      numbers[k][numbers[k].size() / 2] = b;
      judge({subject, point.inputs, point.real}, numbers, failures);
      std::fill(numbers[k].begin(), numbers[k].end(), b);
      judge({subject, point.inputs, point.real}, numbers, failures);
      if (failures.size() > 8) return;
    }
  }
}

}  // namespace

void check_borders(const Subject& subject, Failures& failures) {
  subject.example.elementwise ? check_elements(subject, failures)
                              : check_one_by_one(subject, failures);
}

}  // namespace gradus::op_suite
