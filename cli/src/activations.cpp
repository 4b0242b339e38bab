#include "command.h"

#include "gradus/autograd.h"
#include "gradus/ops.h"
#include "gradus/ops/registry.h"
#include "gradus/report/svg.h"
#include "gradus/tensor/runtime.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace gradus::cli {
namespace {

constexpr const char* kUsage =
    "Tells of every activation its formula, its derivative, where it saturates and whether its "
    "results are centred.\n\n"
    "usage: gradus activations [options]";

constexpr const char* kExamples =
    "examples\n"
    "  gradus activations --time\n"
    "  gradus activations --out pictures\n";

struct Activation {
  std::string_view op;  // whose formula is shown
  std::string_view numbers;
  Tensor (*f)(const Tensor& x);
};

/// A maxout of three lines, for a picture.
Tensor maxout_of_lines(const Tensor& x) {
  return squeeze(maxout(stack({x * -0.8 - 1.2, x * 0.2, x - 0.6}, -1), 3), -1);
}

constexpr Activation kActivations[] = {
    {"sigmoid", "", [](const Tensor& x) { return sigmoid(x); }},
    {"tanh", "", [](const Tensor& x) { return tanh(x); }},
    {"relu", "", [](const Tensor& x) { return relu(x); }},
    {"leaky_relu", "α = 0.01", [](const Tensor& x) { return leaky_relu(x); }},
    {"prelu", "w = 0.25 at the start", [](const Tensor& x) { return prelu(x, full({1}, 0.25, x.dtype())); }},
    {"elu", "α = 1", [](const Tensor& x) { return elu(x); }},
    {"selu", "λ = 1.0507, α = 1.6733", [](const Tensor& x) { return selu(x); }},
    {"celu", "α = 2", [](const Tensor& x) { return celu(x, 2); }},
    {"softplus", "", [](const Tensor& x) { return softplus(x); }},
    {"gelu", "", [](const Tensor& x) { return gelu(x); }},
    {"gelu_tanh", "", [](const Tensor& x) { return gelu(x, Approximate::tanh); }},
    {"silu", "", [](const Tensor& x) { return silu(x); }},
    {"mish", "", [](const Tensor& x) { return mish(x); }},
    {"hardswish", "", [](const Tensor& x) { return hardswish(x); }},
    {"hardsigmoid", "", [](const Tensor& x) { return hardsigmoid(x); }},
    {"hardtanh", "-1 to 1", [](const Tensor& x) { return hardtanh(x); }},
    {"relu6", "", [](const Tensor& x) { return relu6(x); }},
    {"softsign", "", [](const Tensor& x) { return softsign(x); }},
    {"log_sigmoid", "", [](const Tensor& x) { return log_sigmoid(x); }},
    {"tanhshrink", "", [](const Tensor& x) { return tanhshrink(x); }},
    {"softshrink", "λ = 0.5", [](const Tensor& x) { return softshrink(x); }},
    {"hardshrink", "λ = 0.5", [](const Tensor& x) { return hardshrink(x); }},
    {"threshold", "t = 1, v = 0", [](const Tensor& x) { return threshold(x, 1, 0); }},
    {"maxout", "k = 3 lines", maxout_of_lines},
};

/// Values and derivatives at equally spaced points.
struct Curve {
  std::vector<double> x, y, slope;
};
Curve curve(const Activation& a, double reach, std::int64_t points) {
  const Tensor x = leaf(linspace(-reach, reach, points, float64)), y = a.f(x);
  return {x.to_vector(), y.to_vector(), grad(sum(y), x).to_vector()};
}

/// Rounded to that many digits after the point at most.
std::string spell(double x, int digits) {
  const double unit = std::pow(10, digits);
  return fmt::format("{:g}", std::round(x * unit) / unit + 0.0);
}

/// Where the slope is below 0.009: "x < -4.7, x > 4.7".
std::string saturation(const Curve& c) {
  std::string text;
  const std::size_t n = c.x.size();
  const auto flat = [&](std::size_t i) { return std::abs(c.slope[i]) < 0.009; };
  for (std::size_t i = 0; i < n; ++i) {
    if (!flat(i)) continue;
    const std::size_t begin = i;
    while (i + 1 < n && flat(i + 1)) ++i;
    if (begin + 24 > i) continue;  // a single point, such as the minimum of silu
    if (!text.empty()) text += ", ";
    const std::string low = spell(c.x[begin], 1), high = spell(c.x[i], 1);
    text += begin == 0 ? "x < " + high : i == n - 1 ? "x > " + low : low + " < x < " + high;
  }
  return text.empty() ? "nowhere" : text;
}

/// Between which values it lies, judged from near 0 and far out.
std::string range(const Activation& a, const Curve& near) {
  constexpr double kFar = 1e5;
  const Curve far = curve(a, kFar, 2);
  std::vector<double> y = near.y;
  y.insert(y.end(), far.y.begin(), far.y.end());
  const auto [least, most] = std::minmax_element(y.begin(), y.end());
  return fmt::format(
      "{} … {}", *least < -kFar / 1000 ? "-∞" : spell(*least, 2), *most > kFar / 1000 ? "∞" : spell(*most, 2));
}

/// The mean of results for x normal with mean 0 and variance 1.
double mean_result(const Curve& c) {
  double total = 0, weights = 0;
  for (std::size_t i = 0; i < c.x.size(); ++i) {
    const double w = std::exp(-c.x[i] * c.x[i] / 2);
    total += w * c.y[i], weights += w;
  }
  return total / weights;
}

/// The factor behind g.
std::string derivative(std::string_view gradient) {
  if (const std::size_t comma = gradient.find(", Σ"); comma != gradient.npos)
    gradient = gradient.substr(0, comma);  // without that of a weight
  if (gradient == "g" || gradient.starts_with("g / ") || gradient.starts_with("g for "))
    return fmt::format("1{}", gradient.substr(1));
  if (gradient.starts_with("g ")) gradient.remove_prefix(2);
  // Parentheses around all of it say nothing.
  int depth = 0;
  for (std::size_t i = 0; i < gradient.size() && gradient.front() == '('; ++i) {
    depth += (gradient[i] == '(') - (gradient[i] == ')');
    if (depth > 0) continue;
    if (i + 1 == gradient.size()) gradient = gradient.substr(1, i - 1);
    break;
  }
  return std::string(gradient);
}

void print_table() {
  fmt::print(
      "| activation | value | derivative | range | saturates where | centred (mean) |\n"
      "|---|---|---|---|---|---|\n");
  for (const Activation& a : kActivations) {
    const Formula& f = find_word("activations: ", "an op", a.op, all_ops()).formula;
    const Curve c = curve(a, 16, 16 * 160 * 2 + 1);
    const double mean = mean_result(c);
    fmt::print("| `{}`{} | {} | {} | {} | {} | {} |\n",
               a.op,
               a.numbers.empty() ? "" : fmt::format(", {}", a.numbers),
               table_cell(f.value),
               table_cell(derivative(f.gradient)),
               range(a, c),
               saturation(c),
               std::abs(mean) < 1e-6 ? "yes" : fmt::format("no ({:.2f})", mean));
  }
}

// ---- time ----------------------------------------------------------------------------------------

/// The shortest of many runs, in nanoseconds for each element.
template <class F>
double nanoseconds(F f, std::int64_t elements) {
  double best = std::numeric_limits<double>::infinity();
  for (int i = 0; i < 60; ++i) {
    const auto start = std::chrono::steady_clock::now();
    f();
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
    best = std::min(best, took.count() / static_cast<double>(elements));
  }
  return best;
}

void print_times() {
  constexpr std::int64_t n = 1 << 16;
  set_num_threads(1);
  Generator generator(1);
  const Tensor data = normal({n}, 0, 2, float32, generator), x = leaf(data), ones_like_y = ones({n});
  struct Time {
    double forward, both;
  };
  const auto measure = [&](const Activation& a) -> Time {
    return {nanoseconds([&] { return a.f(data); }, n), nanoseconds([&] { return grad(a.f(x), x, ones_like_y); }, n)};
  };
  for (int i = 0; i < 2; ++i) measure(kActivations[0]);  // warms up
  std::vector<Time> times;
  for (const Activation& a : kActivations) times.push_back(measure(a));
  constexpr std::size_t kRelu = 2;
  static_assert(kActivations[kRelu].op == "relu");
  fmt::print(
      "| activation | forward, ns | forward and backward, ns | forward, relu = 1 | both, relu = 1 "
      "|\n"
      "|---|---|---|---|---|\n");
  for (std::size_t i = 0; i < times.size(); ++i) {
    if (kActivations[i].f == maxout_of_lines) continue;
    fmt::print("| `{}` | {:.2f} | {:.2f} | {:.1f} | {:.1f} |\n",
               kActivations[i].op,
               times[i].forward,
               times[i].both,
               times[i].forward / times[kRelu].forward,
               times[i].both / times[kRelu].both);
  }
}

// ---- pictures ------------------------------------------------------------------------------------

constexpr double kReach = 5, kLow = -2, kHigh = 5;

/// Without what lies outside the picture, and broken where it jumps.
report::Series line_of(const char* name, const std::vector<double>& x, const std::vector<double>& y) {
  report::Series series{.name = name, .x = x, .y = y};
  for (std::size_t i = 0; i < y.size(); ++i)
    if (y[i] < kLow || y[i] > kHigh || (i > 0 && std::abs(y[i] - y[i - 1]) > 0.2))
      series.y[i] = std::numeric_limits<double>::quiet_NaN();
  return series;
}

/// Value and derivative from -5 to 5.
report::Panel picture(const Activation& a) {
  const Curve c = curve(a, kReach, 201);
  return {.title = std::string(a.op),
          .x_label = "x",
          .series = {line_of("value", c.x, c.y), line_of("derivative", c.x, c.slope)},
          .x_min = -kReach,
          .x_max = kReach,
          .y_min = kLow,
          .y_max = kHigh};
}

void write_pictures(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error)
    throw UsageError(
        fmt::format("--out: expected a folder that can be made, got '{}' ({})", folder.string(), error.message()));
  for (const Activation& a : kActivations) {
    const std::filesystem::path path = folder / fmt::format("{}.svg", a.op);
    report::write_svg(path.string(), {picture(a)});
  }
}

}  // namespace

int run_activations(const std::vector<std::string>& arguments) {
  po::options_description known("");
  known.add_options()("time", po::bool_switch(), "measures what each costs, on one thread")(
      "out", po::value<std::string>()->value_name("DIR"), "draws each as DIR/NAME.svg");
  const Options options("activations", known, arguments, kUsage, kExamples);
  if (options.help_shown()) return 0;
  if (options.has("out")) write_pictures(options.text("out"));
  if (options.has("time")) print_times();
  if (!options.has("out") && !options.has("time")) print_table();
  return 0;
}

}  // namespace gradus::cli
