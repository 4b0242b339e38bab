#include "gradus/autograd/gradcheck.h"

#include "command.h"

#include "gradus/ops/registry.h"
#include "gradus/tensor/random.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

namespace gradus::cli {
namespace {

constexpr const char* kUsage =
    "Compares the first and second derivatives of every op with differences of its values, in "
    "float64.\n\n"
    "usage: gradus gradcheck [NAME]";

constexpr const char* kExamples =
    "NAME is a part of the names of the ops to check. The exit code is 1 if any derivative is "
    "wrong.\n\n"
    "examples\n"
    "  gradus gradcheck\n"
    "  gradus gradcheck softmax\n";

constexpr double kKinkDistance = 0.05;

/// A value of the domain with room around it: differences must not step over a kink or the border.
double draw(const Domain& domain, Generator& generator) {
  const double margin = std::min(kKinkDistance, (domain.high - domain.low) / 10);
  while (true) {
    const double low = domain.low + margin, high = domain.high - margin;
    const double x = low + (high - low) * generator.uniform();
    const auto near = [&](double kink) { return std::abs(x - kink) < margin; };
    if (std::none_of(domain.kinks.begin(), domain.kinks.end(), near)) return x;
  }
}

Tensor draw(const Sample& sample, Generator& generator) {
  const Domain& domain = sample.domain;
  const auto n = static_cast<std::size_t>(sample.shape.numel());
  if (sample.kind == Sample::Kind::flag) return bernoulli(sample.shape, 0.5, boolean, generator);
  if (sample.kind == Sample::Kind::index) {
    const auto low = static_cast<std::int64_t>(domain.low), high = static_cast<std::int64_t>(domain.high);
    std::vector<std::int64_t> values(n);
    for (std::int64_t& v : values) v = low + generator.below(high - low);
    return from_vector(values, sample.shape);
  }
  std::vector<double> values;
  const double gap = sample.kind == Sample::Kind::distinct
                         ? std::min(kKinkDistance, (domain.high - domain.low) / 4 / static_cast<double>(n + 1))
                         : 0;
  while (values.size() < n) {
    const double x = draw(domain, generator);
    const auto near = [&](double other) { return std::abs(x - other) < gap; };
    if (std::none_of(values.begin(), values.end(), near)) values.push_back(x);
  }
  return from_vector(values, sample.shape);
}

/// What the checks of one op came to.
struct Row {
  int checked = 0;
  double first = 0, second = 0;  // worst relative errors
  std::string failure;
};

/// NaN counts as worse than anything.
double worse(double a, double b) { return a > b || std::isnan(a) ? a : b; }

Row check(const OpEntry& entry) {
  Row row;
  std::uint64_t key = 0;
  for (const Example& example : entry.examples()) {
    Generator generator = Generator(1).split(key++);
    if (!example.differentiable || (entry.op != nullptr && !entry.op->info.differentiable)) continue;
    // Only real inputs take a gradient; the others are held.
    std::vector<Tensor> all, free;
    std::vector<std::size_t> places;
    for (const Sample& sample : example.inputs) {
      all.push_back(draw(sample, generator));
      if (!sample.takes_gradient()) continue;
      free.push_back(all.back());
      places.push_back(all.size() - 1);
    }
    if (free.empty()) continue;
    const auto f = [&](std::span<const Tensor> xs) {
      std::vector<Tensor> inputs = all;
      for (std::size_t i = 0; i < xs.size(); ++i) inputs[places[i]] = xs[i];
      return example.call(inputs);
    };
    ++row.checked;
    try {
      const Report first = gradcheck(f, free), second = gradgradcheck(f, free);
      row.first = worse(first.max_relative_error, row.first);
      row.second = worse(second.max_relative_error, row.second);
      for (const Report* report : {&first, &second})
        if (!report->ok && row.failure.empty()) row.failure = fmt::format("{}: {}", example.label, to_string(*report));
    } catch (const std::exception& error) {
      if (row.failure.empty()) row.failure = fmt::format("{}: {}", example.label, error.what());
    }
  }
  return row;
}

}  // namespace

int run_gradcheck(const std::vector<std::string>& arguments) {
  const Options options("gradcheck", po::options_description(""), arguments, kUsage, kExamples, 1);
  if (options.help_shown()) return 0;
  const std::string filter = options.arguments().empty() ? "" : options.arguments()[0];

  std::string failures;
  int ops = 0, wrong = 0;
  for (const OpEntry& entry : all_ops()) {
    if (std::string_view(entry.name).find(filter) == std::string_view::npos) continue;
    if (ops++ == 0) fmt::print("{:<24}{:>9}{:>14}{:>14}  result\n", "op", "examples", "first order", "second order");
    const Row row = check(entry);
    const char* const result = !row.failure.empty() ? "wrong" : row.checked == 0 ? "no derivative" : "ok";
    if (row.checked == 0)
      fmt::print("{:<24}{:>9}{:>14}{:>14}  {}\n", entry.name, "-", "-", "-", result);
    else
      fmt::print("{:<24}{:>9}{:>14.1e}{:>14.1e}  {}\n", entry.name, row.checked, row.first, row.second, result);
    std::fflush(stdout);
    if (row.failure.empty()) continue;
    ++wrong;
    failures += fmt::format("\n{}, {}\n", entry.name, row.failure);
  }
  if (ops == 0)
    throw UsageError(
        fmt::format("gradcheck: {}", gradus::detail::unknown_word("a part of the name of an op", filter, all_ops())));
  fmt::print("{} ops, {} wrong (largest relative errors of derivatives)\n{}", ops, wrong, failures);
  return wrong == 0 ? 0 : 1;
}

}  // namespace gradus::cli
