#include "command.h"
#include "run_options.h"

#include "gradus/data/readers.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/norm.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"
#include "gradus/tensor/file.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gradus::cli {
namespace {

constexpr const char* kUsage =
    "What a trained model says of rows or of images: classes with their probabilities, or numbers.\n\n"
    "usage: gradus predict RUN [options]";

std::string examples() {
  return source_help() +
         "\nexamples\n"
         "  gradus predict runs/latest\n"
         "  gradus predict my-run --image three.png --image four.png\n"
         "  gradus predict my-run --data csv:new.csv --no-label --out predictions.csv\n"
         "  gradus predict my-run --format json\n";
}

/// Images as the run was given them.
Tensor read_images(const std::vector<std::string>& files, const report::SavedRun& run) {
  if (run.input.rank() != 3 || (run.input[0] != 1 && run.input[0] != 3))
    throw UsageError(
        fmt::format("--image: expected a run that was trained on images, got rows {}", to_string(run.input)));
  std::vector<Tensor> images;
  for (const std::string& file : files) {
    images.push_back(data::read_image(file, run.input[0]));
    if (images.back().shape() != run.input)
      throw UsageError(fmt::format("--image: expected {} by {} pixels, got {} by {} in '{}'",
                                   run.input[1],
                                   run.input[2],
                                   images.back().size(1),
                                   images.back().size(2),
                                   file));
  }
  return stack(images, 0);
}

/// A field of a table, in quotes where it needs them (RFC 4180).
std::string field(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string quoted;
  for (const char c : text) quoted.append(c == '"' ? 2 : 1, c);
  return fmt::format("\"{}\"", quoted);
}

/// What is said of each row, as a table or as a JSON object a line.
class Predictions {
 public:
  Predictions(const report::SavedRun& run, Tensor outputs, std::vector<std::string> rows)
      : run_(run),
        rows_(std::move(rows)),
        outputs_(cast(run.regression ? outputs * run.target_std + run.target_mean : softmax(outputs, 1), float64)) {}
  std::string csv() const {
    std::string text = run_.regression ? "row" : "row,class,probability";
    for (std::int64_t k = 0; k < width(); ++k)
      text += fmt::format(",{}", run_.regression ? fmt::format("value_{}", k) : field(fmt::format("p_{}", name(k))));
    text += '\n';
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      text += field(rows_[i]);
      const double* const p = row(i);
      const std::int64_t best = largest(p);
      if (!run_.regression) text += fmt::format(",{},{:.6g}", field(name(best)), p[best]);
      for (std::int64_t k = 0; k < width(); ++k) text += fmt::format(",{:.6g}", p[k]);
      text += '\n';
    }
    return text;
  }
  std::string json() const {
    std::string text;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const double* const p = row(i);
      nlohmann::ordered_json line{{"row", rows_[i]}};
      if (!run_.regression) line.update({{"class", name(largest(p))}, {"probability", p[largest(p)]}});
      line[run_.regression ? "values" : "probabilities"] = std::vector<double>(p, p + width());
      text += line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
    }
    return text;
  }

 private:
  std::int64_t width() const { return outputs_.numel() / outputs_.size(0); }
  const double* row(std::size_t i) const { return outputs_.data<double>() + static_cast<std::int64_t>(i) * width(); }
  std::int64_t largest(const double* p) const { return std::max_element(p, p + width()) - p; }
  std::string name(std::int64_t k) const {
    const auto at = static_cast<std::size_t>(k);
    return at < run_.class_names.size() ? run_.class_names[at] : std::to_string(k);
  }

  const report::SavedRun& run_;
  std::vector<std::string> rows_;
  Tensor outputs_;
};

}  // namespace

int run_predict(const std::vector<std::string>& arguments) {
  po::options_description known("");
  add_run_options(known);
  known.add_options()("no-label", "of a table: every column is a feature");
  known.add_options()("image",
                      po::value<std::vector<std::string>>()->value_name("FILE"),
                      "a PNG or JPEG file instead of data; once for each");
  add_option(known, "format", "NAME", "csv, or json: an object a line (csv)");
  add_option(known, "out", "FILE", "where to write to (standard output)");
  const Options options = run_options("predict", known, arguments, kUsage, examples());
  if (options.help_shown()) return 0;
  struct Format {
    std::string_view name;
    std::string (Predictions::*write)() const;
  };
  constexpr Format kFormats[] = {{"csv", &Predictions::csv}, {"json", &Predictions::json}};
  const Format& format =
      find_word("--format: ", "a format", options.has("format") ? options.text("format") : "csv", kFormats);
  report::SavedRun run = load_run(options);
  std::vector<std::string> names = options.texts("image");
  Tensor inputs;
  if (names.empty()) {
    inputs = rows_of(options, run).inputs;
    for (std::int64_t i = 0; i < inputs.size(0); ++i) names.push_back(std::to_string(i));
  } else {
    inputs = read_images(names, run);
  }
  const Predictions predictions(run, report::outputs_of(run.net, inputs, run.transform), std::move(names));
  const std::string text = (predictions.*format.write)();
  if (options.has("out"))
    gradus::detail::write_file("predict", options.text("out"), text);
  else
    fmt::print("{}", text);
  return 0;
}

}  // namespace gradus::cli
