#include "files.h"

#include "gradus/data/preprocess.h"
#include "gradus/data/readers.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace gradus::data {
namespace {

/// All rows of a source, in one batch.
Batch whole(const Source& source) { return *Loader(source, {.batch = source.size}).begin(); }

/// That a table is the same read at once and streamed, in order and out of it.
void expect_same(const std::string& text, const CsvOptions& options = {}) {
  const TempFolder folder;
  const std::string path = folder.write("table.csv", text);
  const Dataset read = csv(path, options);
  const Source source = csv_source(path, options);
  ASSERT_EQ(source.size, read.size());
  EXPECT_EQ(source.feature_names, read.feature_names);
  EXPECT_EQ(source.class_names, read.class_names);
  EXPECT_EQ(source.classes, read.num_classes());
  const Batch all = whole(source);
  EXPECT_TRUE(equal(all.inputs, read.inputs, true));
  EXPECT_EQ(all.targets.defined(), read.targets.defined());
  if (read.targets.defined()) {
    EXPECT_TRUE(equal(all.targets, read.targets));
  }
  Generator generator(6);
  for (const int count : {1, 3, 50}) {
    std::vector<std::int64_t> rows;  // some of them more than once
    for (int i = 0; i < count; ++i) rows.push_back(generator.below(source.size));
    const Batch some = source.fetch(rows);
    const Dataset expected = read.subset(from_vector(rows));
    EXPECT_TRUE(equal(some.inputs, expected.inputs, true));
    if (read.targets.defined()) {
      EXPECT_TRUE(equal(some.targets, expected.targets));
    }
  }
}

/// A table of several stretches, with blank lines, quotes and fields over several lines.
std::string ragged(int rows, const std::string& end = "\n") {
  std::string text = "\xEF\xBB\xBFname,x,\"the\nkind\"" + end;
  for (int i = 0; i < rows; ++i) {
    text += i % 7 == 3 ? "\"a \"\"b\"\"\n\n, c\"" : "plain " + std::string(static_cast<std::size_t>(i % 50), 'z');
    text +=
        "," + (i % 11 == 5 ? std::string("?") : std::to_string(i * 0.25)) + "," + (i % 3 == 0 ? "elm" : "oak") + end;
    if (i % 5 == 0) text += end + "  " + end;
  }
  return text;
}

TEST(CsvSource, IsTheSameTable) {
  expect_same("1,2,0\n3,4,1\n");
  expect_same("1,2,0");
  expect_same("a;b;c\n1,5;2;x\n3;4;y", {.delimiter = ';', .decimal = ','});
  expect_same("1 2  3\n 4 5 6 \n", {.delimiter = ' ', .label = std::nullopt});
  expect_same("2,1,x,y\n3,0\n4,1\n");
  expect_same("1,2,0.5\n3,4,1.5\n", {.regression = true});
  for (const char* end : {"\n", "\r\n"}) {
    expect_same(ragged(3000, end), {.missing = {"?"}, .skip = {"name"}});
    expect_same(ragged(3000, end), {.label = std::nullopt, .missing = {"?"}, .skip = {0, 2}});
  }
}

TEST(CsvSource, ReadsTheTablesOfScikitLearn) {
  GRADUS_SHARED_OR_SKIP(folder, "data/tabular");
  for (const char* name : {"iris.csv", "wine_data.csv", "breast_cancer.csv"})
    expect_same(read_bytes(folder + "/" + name));
}

TEST(CsvSource, HasTheErrorsOfCsv) {
  const TempFolder folder;
  const auto message = [](auto&& f) -> std::string {
    try {
      f();
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  std::string late = ragged(2000);
  late += "plain,1,2,3\n";
  std::string open = ragged(2000);
  open += "\"plain,1,elm\n";
  for (const std::string& text : {std::string(),
                                  std::string("a,b\n"),
                                  std::string("1,2,0\n3,x,1\n"),
                                  late,
                                  open,
                                  std::string("3,1,x,y\n3,0\n4,1\n"),
                                  std::string("1,1e60,0\n")}) {
    const std::string path = folder.write("bad.csv", text);
    const CsvOptions options = text.size() > 100 ? CsvOptions{.missing = {"?"}, .skip = {"name"}} : CsvOptions{};
    const CallSite here = CallSite::here();
    const std::string at_once = message([&] { csv(path, options, here); });
    EXPECT_TRUE(at_once.starts_with("csv: ")) << at_once;
    EXPECT_EQ(message([&] { csv_source(path, options, here); }), "csv_source: " + at_once.substr(5));
  }
  expect_error<IoError>([&] { csv_source(folder.path("none.csv")); }, {"csv_source", "No such file", "none.csv"});
  expect_error<IoError>([&] { csv_source(folder.path()); }, {"csv_source", "Is a directory"});
  const std::string packed = folder.write("t.csv", gzipped("1,2,0\n"));
  expect_error<IoError>([&] { csv_source(packed); }, {"read at any place, got a gzip file", "t.csv"});
  expect_error<IoError>([&] { csv_source("/dev/null"); }, {"Not a regular file"});
  expect_error<ArgumentError>([&] { csv_source(folder.write("g.csv", "1,2,0\n"), {.label = "kind"}); },
                              {"label column"});
}

TEST(CsvSource, MeasuresItsColumns) {
  const TempFolder folder;
  Generator generator(2);
  const Tensor x = normal({500, 3}, 1000, 2, float64, generator);
  std::string text = "a,b,c,d\n";
  for (std::int64_t i = 0; i < 500; ++i) {
    for (std::int64_t c = 0; c < 3; ++c) text += std::to_string(x.data<double>()[3 * i + c]) + ",";
    text += "7\n";
  }
  const std::string path = folder.write("x.csv", text);
  const CsvOptions options{.label = std::nullopt};
  const Source source = csv_source(path, options);
  const auto exact = Standardize().fit(csv(path, options).inputs);
  EXPECT_TRUE(all_close(source.mean, exact.mean(), 1e-12, 0));
  EXPECT_TRUE(all_close(source.std, exact.std(), 1e-9, 0));
  EXPECT_EQ(source.std.data<double>()[3], 0);  // one that never changes

  const Source holes = csv_source(folder.write("h.csv", "1,?,5\n3,?,?\n"), {.label = std::nullopt, .missing = {"?"}});
  EXPECT_EQ(holes.mean.data<double>()[0], 2);
  EXPECT_EQ(holes.std.data<double>()[0], 1);
  EXPECT_TRUE(std::isnan(holes.mean.data<double>()[1]));
  EXPECT_EQ(holes.mean.data<double>()[2], 5);
}

TEST(CsvSource, ShufflesByBlocksWithWorkers) {
  const TempFolder folder;
  const std::string path = folder.write("table.csv", ragged(5000));
  const CsvOptions options{.missing = {"?"}, .skip = {"name"}};
  const Tensor expected = csv(path, options).inputs;
  Loader one(csv_source(path, options),
             {.batch = 100, .seed = 1, .sampler = block_sampler({.block = 64, .window = 8})});
  Loader two(csv_source(path, options),
             {.batch = 100, .seed = 1, .sampler = block_sampler({.block = 64, .window = 8}), .workers = 2});
  std::vector<float> seen;
  auto at = two.begin();
  for (auto [x, y] : one) {
    EXPECT_TRUE(equal(x, at->inputs, true));
    ++at;
    for (const float v : x.to_vector<float>()) seen.push_back(v);
  }
  std::vector<float> all = expected.to_vector<float>();
  const auto before = [](float a, float b) { return std::isnan(b) ? !std::isnan(a) : a < b; };
  std::sort(seen.begin(), seen.end(), before);
  std::sort(all.begin(), all.end(), before);
  EXPECT_TRUE(equal(from_vector(seen), from_vector(all), true));
}

TEST(CsvSource, NoticesThatTheFileWasWrittenTo) {
  const TempFolder folder;
  const std::string path = folder.write("table.csv", ragged(3000));
  const Source source = csv_source(path, {.missing = {"?"}, .skip = {"name"}});
  Loader loader(source, {.batch = 10}, CallSite::here());
  std::filesystem::last_write_time(path, std::filesystem::last_write_time(path) + std::chrono::seconds(5));
  expect_error<IoError>([&] { loader.begin(); }, {"as it was when it was opened, got it changed", "table.csv"});
  // A file put in its place is another one.
  const Source other = csv_source(path, {.missing = {"?"}, .skip = {"name"}});
  std::filesystem::rename(folder.write("new.csv", "1,2,3\n"), path);
  EXPECT_EQ(whole(other).inputs.size(0), 3000);
}

TEST(CsvSource, NamesTheLineOfAnErrorWhereItReads) {
  const TempFolder folder;
  std::string text = ragged(3000);
  const std::string path = folder.write("table.csv", text);
  const auto time = std::filesystem::last_write_time(path);
  const CsvOptions options{.missing = {"?"}, .skip = {"name"}};
  const Source source = csv_source(path, options);
  // A number and a label become others, behind the back of the clock.
  const std::size_t at = text.find(",500.000000,") + 1;
  const std::int64_t line = std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n') + 1;
  const auto refusal = [&](std::size_t place, const std::string& other) {
    std::string changed = text;
    folder.write("table.csv", changed.replace(place, other.size(), other));
    std::filesystem::last_write_time(path, time);
    return [&source] { source.fetch(std::vector<std::int64_t>{7, 2000, 2500}); };
  };
  const std::string where = " in line " + std::to_string(line) + ", column ";
  expect_error<IoError>(refusal(at, "50x"),
                        {"csv_source: expected a number, got \"50x.000000\"" + where + "2 of " + path});
  expect_error<IoError>(refusal(text.find('\n', at) - 3, "ash"), {"expected a label as when", "\"ash\"" + where + "3"});
}

}  // namespace
}  // namespace gradus::data
