#include "source.h"

#include "gradus/data/generated.h"
#include "gradus/data/preprocess.h"
#include "gradus/data/readers.h"
#include "gradus/tensor/from_chars.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

namespace gradus::cli {
namespace {

/// Generated data and the division of a table do not depend on --seed.
constexpr std::uint64_t kDataSeed = 0;

struct Request {
  std::string path;
  double validation;  // share of the rows
  const Options& options;
};

data::Splits divide(const data::Dataset& all, double test, double validation) {
  Generator generator(kDataSeed);
  return data::split(all,
                     {.validation = validation * (1 - test), .test = test, .stratified = all.targets.dtype() == int64},
                     generator);
}

/// The last training rows become the validation part; all stay where they are in memory.
data::Splits hold_out(data::Splits splits, double validation) {
  const std::int64_t rows = splits.train.size();
  const auto held = static_cast<std::int64_t>(static_cast<double>(rows) * validation);
  splits.validation = splits.train.slice(rows - held, rows);
  splits.train = splits.train.slice(0, rows - held);
  return splits;
}

Source digits(const Request& r) {
  Generator generator(kDataSeed);
  return {.splits = divide(data::drawn_digits({}, generator), 1.0 / 6, r.validation),
          .model = "fc 128, bn, relu, fc 10",
          .epochs = 8};
}

Source plane(const data::Dataset& all, const Request& r) {
  return {.splits = divide(all, 0.2, r.validation),
          .model = fmt::format("fc 64, relu, fc 64, relu, fc {}", all.num_classes()),
          .epochs = 30,
          .lr = 0.01};
}
Source spiral(const Request& r) {
  Generator generator(kDataSeed);
  return plane(data::spiral({.points = 500}, generator), r);
}
Source moons(const Request& r) {
  Generator generator(kDataSeed);
  return plane(data::two_moons({.points = 500}, generator), r);
}

Source mnist(const Request& r) {
  return {.splits = hold_out(data::mnist(r.path), r.validation),
          .model = "fc 512, bn, relu, fc 256, bn, relu, fc 10",
          .lr = 5e-3};
}
Source cifar10(const Request& r) {
  return {.splits = hold_out(data::cifar10(r.path), r.validation),
          .model = "conv 32, bn, relu, pool, conv 64, bn, relu, pool, conv 128, bn, relu, pool, fc 10",
          .epochs = 10,
          .lr = 2e-3,
          .batch = 32};
}

data::Column column(const std::string& text) {
  if (const auto place = gradus::detail::from_text<int>(text)) return *place;
  return text;
}

/// The parts between commas; of an empty text one empty part.
std::vector<std::string> parts(const std::string& text) {
  std::vector<std::string> list(1);
  for (const char c : text)
    if (c == ',')
      list.emplace_back();
    else
      list.back() += c;
  return list;
}

data::CsvOptions csv_options(const Options& options) {
  data::CsvOptions csv{.regression = options.has("regression")};
  if (options.has("label")) csv.label = column(options.text("label"));
  if (options.has("no-label")) csv.label.reset();
  if (const std::string text = options.text("delimiter"); !text.empty()) {
    if (text.size() != 1 && text != "\\t")
      throw UsageError(fmt::format("--delimiter: expected one character or \\t, got '{}'", text));
    csv.delimiter = text.size() == 1 ? text[0] : '\t';
  }
  if (options.has("decimal")) {
    const std::string text = options.text("decimal");
    if (text != "." && text != ",") throw UsageError(fmt::format("--decimal: expected '.' or ',', got '{}'", text));
    csv.decimal = text[0];
    if (csv.decimal == csv.delimiter)
      throw UsageError("--decimal: expected another character than --delimiter, got ',' for both");
  }
  if (options.has("header")) {
    const std::string text = options.text("header");
    struct Header {
      std::string_view name;
      data::CsvHeader value;
    };
    constexpr Header kHeaders[] = {{"detect", data::CsvHeader::detect},
                                   {"none", data::CsvHeader::none},
                                   {"names", data::CsvHeader::names},
                                   {"counts", data::CsvHeader::counts}};
    csv.header = find_word("--header: ", "a kind of header", text, kHeaders).value;
  }
  if (options.has("missing")) csv.missing = parts(options.text("missing"));
  for (const auto& [name, list] : {std::pair{"columns", &csv.columns}, {"skip", &csv.skip}}) {
    if (!options.has(name)) continue;
    for (const std::string& part : parts(options.text(name))) list->push_back(column(part));
  }
  return csv;
}

Source csv(const Request& r) {
  const data::CsvOptions csv = csv_options(r.options);
  const data::Dataset all = data::csv(r.path, csv);
  if (!csv.label) return {.splits = {.test = all}, .has_missing = !csv.missing.empty()};
  Source source{.splits = divide(all, 0.2, r.validation),
                .model = fmt::format("fc 64, relu, fc {}", csv.regression ? 1 : all.num_classes()),
                .epochs = 50,
                .lr = 0.01};
  source.has_missing = !csv.missing.empty();
  return source;
}

struct Kind {
  std::string_view name;
  std::string_view path;  // what stands behind the colon; empty for generated data
  std::string_view about;
  Source (*load)(const Request& request);
};

constexpr Kind kKinds[] = {
    {"digits", "", "6,000 generated pictures of drawn digits, 16 x 16 (the default)", digits},
    {"spiral", "", "1,500 points on three spiral arms in the plane", spiral},
    {"moons", "", "1,000 points on two half circles in the plane", moons},
    {"mnist", "DIR", "the four IDX files of MNIST, or of a set in its form, gzipped or not", mnist},
    {"cifar10", "DIR", "the binary files of CIFAR-10, gzipped or not", cifar10},
    {"csv", "FILE", "a table, gzipped or not, one row in five to test on", csv},
};

std::string spell(const Kind& kind) {
  return kind.path.empty() ? std::string(kind.name) : fmt::format("{}:{}", kind.name, kind.path);
}

}  // namespace

void add_data_options(po::options_description& known) {
  known.add_options()("data", po::value<std::string>()->value_name("SOURCE"), "what to train on, see below (digits)");
  known.add_options()("validation",
                      po::value<std::string>()->value_name("SHARE"),
                      "share of the training rows that decides which epoch's weights are kept (0: the last's)");
  known.add_options()("label",
                      po::value<std::string>()->value_name("COLUMN"),
                      "of a table: what to predict, by name or place, from the back if negative (-1)");
  known.add_options()("regression", "of a table: the label is a number, not a class; scores are in its unit");
  known.add_options()("delimiter",
                      po::value<std::string>()->value_name("C"),
                      "of a table: between fields; a blank stands for any number of blanks (,)");
  const auto add = [&known](const char* name, const char* value, const char* about) {
    known.add_options()(name, po::value<std::string>()->value_name(value), about);
  };
  add("decimal", "C", "of a table: . or , before the fraction of a number (.)");
  add("header", "KIND", "of a table: its first line: detect, none, names or counts (detect)");
  add("missing",
      "TEXTS",
      "of a table: what stands for a missing value, separated by commas, \"\" for nothing; the "
      "feature's mean takes its place (none)");
  add("columns", "LIST", "of a table: the features, by name or place, separated by commas (all)");
  add("skip", "LIST", "of a table: columns that are not read, by name or place (none)");
}

std::string source_help() {
  std::string text = "data\n";
  for (const Kind& kind : kKinds) text += fmt::format("  {:<14}{}\n", spell(kind), kind.about);
  return text;
}

Source load_source(const Options& options) {
  const std::string asked = options.has("data") ? options.text("data") : "digits";
  const std::size_t colon = asked.find(':');
  const std::string_view name = std::string_view(asked).substr(0, colon);
  Request request{.path = colon == std::string::npos ? "" : asked.substr(colon + 1),
                  .validation = options.number("validation", 0, 0, 0.9),
                  .options = options};
  const Kind& kind = find_word("--data: ", "a data set", name, kKinds);
  if (kind.path.empty() != request.path.empty() || (kind.path.empty() && colon != std::string::npos))
    throw UsageError(fmt::format("--data: expected '{}', got '{}'", spell(kind), asked));
  if (name != "csv")
    for (const char* option :
         {"label", "no-label", "regression", "delimiter", "decimal", "header", "missing", "columns", "skip"})
      if (options.has(option))
        throw UsageError(fmt::format("--{}: expected with --data csv:FILE only, got '{}'", option, asked));
  Source source = kind.load(request);
  for (const data::Dataset* part : {&source.splits.train, &source.splits.validation, &source.splits.test})
    if (part->size() > 0 && part->targets.defined()) source.classes = std::max(source.classes, part->num_classes());
  return source;
}

}  // namespace gradus::cli
