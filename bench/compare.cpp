// Medians over the rounds of gradus_bench and gradus_bench_libtorch, as a table and as a JSON file, and beside ratios
// that are expected of processors of this kind.

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

using nlohmann::json;

constexpr std::string_view kUsage =
    "usage: gradus_bench_compare --threads N --out FILE --gradus FILE... [--libtorch FILE...]\n"
    "                            [--check FILE | --expect FILE] [--kind NAME]\n"
    "Each FILE behind --gradus and --libtorch is what one round of a program wrote with --benchmark_out. --check\n"
    "compares with the ratios that FILE expects of processors of the kind NAME; --expect puts these there.\n";

// Below this libtorch runs on an unoptimised BLAS; optimised ones are several times faster even
// without AVX.
constexpr double kSlowMatmulGflops = 8;

// Where less than this share of an expected ratio is left, a workload has become slower.
constexpr double kLeastShare = 0.8;

struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Arguments {
  int threads = 0;
  std::string out;
  std::vector<std::string> gradus;
  std::vector<std::string> libtorch;
  std::string check, expect, kind;
};

Arguments parse(const std::vector<std::string>& words) {
  Arguments args;
  std::string option;
  for (const std::string& word : words) {
    if (word.starts_with("--")) {
      option = word;
    } else if (option == "--threads") {
      args.threads = std::atoi(word.c_str());
    } else if (option == "--out") {
      args.out = word;
    } else if (option == "--gradus") {
      args.gradus.push_back(word);
    } else if (option == "--libtorch") {
      args.libtorch.push_back(word);
    } else if (option == "--check") {
      args.check = word;
    } else if (option == "--expect") {
      args.expect = word;
    } else if (option == "--kind") {
      args.kind = word;
    } else {
      throw UsageError(fmt::format("unknown argument: {} {}", option, word));
    }
  }
  if (args.threads < 1) throw UsageError("--threads must be a positive number");
  if (args.out.empty() || args.gradus.empty()) throw UsageError("--out and --gradus are required");
  if ((!args.check.empty() || !args.expect.empty()) && (args.libtorch.empty() || args.kind.empty()))
    throw UsageError("--check and --expect need ratios: --libtorch, and --kind");
  return args;
}

// Times per iteration in microseconds, one per round, by workload; `order` is that of first
// appearance.
struct Samples {
  std::map<std::string, std::vector<double>> times;
  std::vector<std::string> order;
  std::optional<double> matmul_gflops;
};

double microseconds(double time, const std::string& unit) {
  if (unit == "ns") return time * 1e-3;
  if (unit == "us") return time;
  if (unit == "ms") return time * 1e3;
  if (unit == "s") return time * 1e6;
  throw std::runtime_error(fmt::format("unknown time unit \"{}\"", unit));
}

void read_round(const std::string& path, Samples& samples) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot be opened");
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (text.empty()) return;  // What Google Benchmark leaves when no workload matches the filter.
  const json round = json::parse(text);

  const json context = round.value("context", json::object());
  if (const auto speed = context.find("libtorch_matmul_gflops"); speed != context.end()) {
    const double gflops = std::stod(speed->get<std::string>());
    samples.matmul_gflops = std::max(gflops, samples.matmul_gflops.value_or(gflops));
  }
  for (const json& entry : round.at("benchmarks")) {
    const std::string name = entry.at("name");
    if (entry.value("run_type", "iteration") != "iteration") continue;
    if (entry.value("error_occurred", false)) {
      throw std::runtime_error(fmt::format("{} failed: {}", name, entry.value("error_message", "no message")));
    }
    auto& times = samples.times[name];
    if (times.empty()) samples.order.push_back(name);
    times.push_back(microseconds(entry.at("real_time"), entry.at("time_unit")));
  }
}

Samples read_rounds(const std::vector<std::string>& paths) {
  Samples samples;
  for (const std::string& path : paths) {
    try {
      read_round(path, samples);
    } catch (const std::exception& error) {
      throw std::runtime_error(fmt::format("{}: {}", path, error.what()));
    }
  }
  return samples;
}

std::optional<double> median(const Samples& samples, const std::string& name) {
  const auto found = samples.times.find(name);
  if (found == samples.times.end()) return std::nullopt;
  std::vector<double> times = found->second;
  std::sort(times.begin(), times.end());
  const std::size_t middle = times.size() / 2;
  return times.size() % 2 == 1 ? times[middle] : (times[middle - 1] + times[middle]) / 2;
}

struct Row {
  std::string name;
  std::optional<double> gradus;
  std::optional<double> libtorch;

  // How many times as fast as libtorch Gradus is.
  std::optional<double> ratio() const {
    if (!gradus || !libtorch) return std::nullopt;
    return *libtorch / *gradus;
  }
};

std::vector<Row> rows_of(const Samples& gradus, const Samples& libtorch) {
  std::vector<std::string> names = gradus.order;
  for (const std::string& name : libtorch.order) {
    if (!gradus.times.contains(name)) names.push_back(name);
  }
  std::vector<Row> rows;
  rows.reserve(names.size());
  for (const std::string& name : names) {
    rows.push_back({name, median(gradus, name), median(libtorch, name)});
  }
  return rows;
}

json rounded(std::optional<double> value) {
  if (!value) return nullptr;
  return std::stod(fmt::format("{:.6g}", *value));
}

// A reader sees the old file or the new one, never half of one.
void write_file(const nlohmann::ordered_json& content, const std::filesystem::path& path) {
  std::filesystem::path partial = path;
  partial += ".part";
  std::ofstream file(partial, std::ios::binary);
  file << content.dump(2) << '\n';
  file.close();
  if (!file) throw std::runtime_error(fmt::format("{}: cannot be written", partial.string()));
  std::filesystem::rename(partial, path);
}

void write_json(const std::vector<Row>& rows, int threads, const std::filesystem::path& path) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Row& row : rows) {
    list.push_back({{"name", row.name},
                    {"threads", threads},
                    {"gradus_us", rounded(row.gradus)},
                    {"libtorch_us", rounded(row.libtorch)},
                    {"ratio", rounded(row.ratio())}});
  }
  write_file(list, path);
}

// Ratios by kind of processor, number of threads and workload.
nlohmann::ordered_json read_expected(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return nlohmann::ordered_json::object();
  try {
    return nlohmann::ordered_json::parse(file);
  } catch (const json::exception& error) {
    throw std::runtime_error(fmt::format("{}: {}", path, error.what()));
  }
}

void expect(const std::vector<Row>& rows, const Arguments& args) {
  nlohmann::ordered_json all = read_expected(args.expect);
  nlohmann::ordered_json& these = all[args.kind][std::to_string(args.threads)];
  for (const Row& row : rows) {
    if (row.ratio()) these[row.name] = std::stod(fmt::format("{:.3g}", *row.ratio()));
  }
  write_file(all, args.expect);
}

// How many workloads are slower than expected; each is named.
int count_slower(const std::vector<Row>& rows, const Arguments& args) {
  const json all = read_expected(args.check);
  const json known = all.value(args.kind, json::object()).value(std::to_string(args.threads), json::object());
  if (known.empty())
    throw std::runtime_error(
        fmt::format("{}: nothing is expected of {} with {} thread(s)", args.check, args.kind, args.threads));
  int slower = 0, compared = 0;
  for (const Row& row : rows) {
    if (!row.ratio() || !known.contains(row.name)) continue;
    ++compared;
    const double expected = known.at(row.name);
    if (*row.ratio() >= kLeastShare * expected) continue;
    ++slower;
    fmt::print("slower: {} has the ratio {:.2f}, expected {:.2f}\n", row.name, *row.ratio(), expected);
  }
  fmt::print("{} of {} workloads are slower than expected\n", slower, compared);
  return slower;
}

std::string cell(std::optional<double> value, int decimals) {
  return value ? fmt::format("{:.{}f}", *value, decimals) : "-";
}

void print_table(const std::vector<Row>& rows, bool with_libtorch) {
  std::size_t width = std::string_view("workload").size();
  for (const Row& row : rows) width = std::max(width, row.name.size());

  const auto line =
      [&](std::string_view name, std::string_view gradus, std::string_view libtorch, std::string_view ratio) {
        fmt::print("{:<{}}  {:>12}", name, width, gradus);
        if (with_libtorch) fmt::print("  {:>12}  {:>8}", libtorch, ratio);
        fmt::print("\n");
      };
  line("workload", "gradus us", "libtorch us", "ratio");
  for (const Row& row : rows) {
    line(row.name, cell(row.gradus, 1), cell(row.libtorch, 1), cell(row.ratio(), 2));
  }
}

int run(const Arguments& args) {
  const Samples gradus = read_rounds(args.gradus);
  const Samples libtorch = read_rounds(args.libtorch);
  const std::vector<Row> rows = rows_of(gradus, libtorch);
  if (rows.empty()) throw std::runtime_error("no results: the filter matches no workload");

  write_json(rows, args.threads, args.out);
  print_table(rows, !args.libtorch.empty());
  if (libtorch.matmul_gflops && *libtorch.matmul_gflops < kSlowMatmulGflops) {
    fmt::print(
        "\nwarning: libtorch multiplies matrices at {:.1f} GFLOP/s, as with a reference BLAS. Its "
        "times for\nmodels with linear layers say nothing until it finds an optimised one "
        "(Debian: libopenblas0).\n",
        *libtorch.matmul_gflops);
  }
  if (!args.expect.empty()) expect(rows, args);
  return args.check.empty() || count_slower(rows, args) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(parse({argv + 1, argv + argc}));
  } catch (const UsageError& error) {
    fmt::print(stderr, "gradus_bench_compare: {}\n{}", error.what(), kUsage);
    return 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "gradus_bench_compare: {}\n", error.what());
    return EXIT_FAILURE;
  }
}
