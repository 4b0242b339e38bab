#include "files.h"

#include "gradus/data/readers.h"

#include <cmath>

namespace gradus::data {
namespace {

using Floats = std::vector<float>;
using Ints = std::vector<std::int64_t>;
using Names = std::vector<std::string>;

Dataset read(const std::string& text, const CsvOptions& options = {}) {
  const TempFolder folder;
  return csv(folder.write("table.csv", text), options);
}

void expect_bad(const std::string& text, std::vector<std::string> parts, const CsvOptions& options = {}) {
  const TempFolder folder;
  parts.push_back(folder.write("bad.csv", text));
  expect_error<IoError>([&] { csv(folder.path("bad.csv"), options); }, parts);
}

TEST(CsvNumbers, LabelsBeyondTheIntegersOfFloat64StayApart) {
  // 2^53 and 2^53 + 1 are one number in float64.
  const Dataset two = read("1,9007199254740993\n2,9007199254740992\n3,9007199254740993\n");
  EXPECT_EQ(two.targets.to_vector<std::int64_t>(), (Ints{1, 0, 1}));
  EXPECT_EQ(two.class_names, (Names{"9007199254740992", "9007199254740993"}));
  // Beyond int64 too, as text.
  const Dataset more = read("1,92233720368547758079\n2,92233720368547758080\n3,7\n");
  EXPECT_EQ(more.targets.to_vector<std::int64_t>(), (Ints{1, 2, 0}));
  EXPECT_EQ(more.num_classes(), 3);
  const Dataset least = read("1,-9223372036854775808\n2,-9223372036854775807\n");
  EXPECT_EQ(least.targets.to_vector<std::int64_t>(), (Ints{0, 1}));
  expect_bad("1,9007199254740993.0\n2,1\n", {"expected a class", "line 1, column 2"});
}

TEST(CsvNumbers, SmallNumbersAreZeroAndLargeOnesAnError) {
  const Dataset x = read("1e-400,-1e-400,0.000000000000000001e-400,1e-46\n", {.label = {}});
  EXPECT_EQ(x.inputs.to_vector<float>(), (Floats{0, 0, 0, 0}));
  EXPECT_TRUE(std::signbit(x.inputs.data<float>()[1]));
  EXPECT_EQ(read("3.4028234e38,0e999999999999,1e-999999999999\n", {.label = {}}).inputs.to_vector(),
            (std::vector<double>{static_cast<double>(3.4028234e38f), 0, 0}));
  for (const char* large : {"1e39", "-1e39", "1e400", "1000000e395", "0.001e400"})
    expect_bad(std::string("1,") + large + "\n",
               {"expected a number, got \"" + std::string(large) + "\", which overflows float32", "line 1, column 2"},
               {.label = {}});
  expect_bad("1,1e39\n", {"overflows float32"}, {.regression = true});
  expect_bad("1,1e400\n", {"expected a class"});
}

TEST(CsvNumbers, RefusesWhatIsNoNumber) {
  for (const char* text : {"+-1", "++1", "-+1", "+", "-", "1e", "0x10", "inf", "nan", "1,5", "1 2", "+-1e-400"})
    expect_bad(std::string("1;2\n1;") + text + "\n",
               {"expected a number, got \"", "line 2, column 2"},
               {.delimiter = ';', .label = {}});
  EXPECT_EQ(read("+1;-1;+.5;-0.5e+1\n", {.delimiter = ';', .label = {}}).inputs.to_vector<float>(),
            (Floats{1, -1, 0.5, -5}));
}

TEST(CsvNumbers, TakesADecimalComma) {
  const CsvOptions comma{.delimiter = ';', .decimal = ','};
  const Dataset x = read("a;b;kind\n1,5;-2,5e1;1,0\n3;+,25;0\n", comma);
  EXPECT_EQ(x.inputs.to_vector<float>(), (Floats{1.5, -25, 3, 0.25}));
  EXPECT_EQ(x.targets.to_vector<std::int64_t>(), (Ints{1, 0}));
  EXPECT_EQ(x.feature_names, (Names{"a", "b"}));
  expect_bad("1.5;2\n", {"expected a number, got \"1.5\""}, comma);
  expect_bad(
      "1,5,5;2\n", {"expected a number, got \"1,5,5\""}, {.header = CsvHeader::none, .delimiter = ';', .decimal = ','});
  EXPECT_THROW(read("1\n", {.decimal = ','}), ArgumentError);
  EXPECT_THROW(read("1\n", {.decimal = 'x'}), ArgumentError);
}

TEST(CsvColumns, AreChosenAndSkipped) {
  const std::string table = "id,name,a,b,kind\nx1,\"Ada\",1,2,k\nx2,Bob,3,4,l\n";
  const Dataset skipped = read(table, {.skip = {"id", 1}});
  EXPECT_EQ(skipped.feature_names, (Names{"a", "b"}));
  EXPECT_EQ(skipped.inputs.to_vector<float>(), (Floats{1, 2, 3, 4}));
  EXPECT_EQ(skipped.class_names, (Names{"k", "l"}));
  const Dataset chosen = read(table, {.label = "a", .columns = {"b"}});
  EXPECT_EQ(chosen.feature_names, Names{"b"});
  EXPECT_EQ(chosen.inputs.to_vector<float>(), (Floats{2, 4}));
  EXPECT_EQ(chosen.targets.to_vector<std::int64_t>(), (Ints{1, 3}));
  const Dataset both = read(table, {.columns = {-2, -3, -1}, .skip = {"a"}});
  EXPECT_EQ(both.feature_names, Names{"b"});
  EXPECT_EQ(read(table, {.label = {}, .columns = {"a", "b"}}).inputs.shape(), Shape({2, 2}));
  // A label stays one, whatever else is said of its column.
  EXPECT_EQ(read(table, {.columns = {"a"}, .skip = {"kind"}}).class_names, (Names{"k", "l"}));

  const auto refused = [&](const CsvOptions& options, const std::string& part) {
    expect_error<ArgumentError>([&] { read(table, options); }, {part});
  };
  refused({.columns = {"c"}}, "expected a column of");
  refused({.skip = {5}}, "expected a column below 5");
  refused({.skip = {-6}}, "got -6");
  expect_bad(table, {"expected a feature"}, {.skip = {0, 1, 2, 3}});
  expect_bad(table, {"expected a feature"}, {.columns = {"kind"}});
  // Rows are as long as ever.
  expect_bad(table + "x3,Eve,5,6\n", {"expected 5 fields, got 4", "line 4"}, {.skip = {0, 1}});
}

TEST(CsvText, IsUtf8OrAnError) {
  expect_bad("1,caf\xe9\n", {"expected text in UTF-8, got \"caf\\xe9\"", "line 1, column 2"});
  expect_bad("l\xe4nge,kind\n1,2\n", {"expected a name in UTF-8", "line 1, column 1"});
  expect_bad("1,x\xed\xa0\x80\n", {"UTF-8"});  // half of a pair of UTF-16
  expect_bad("1,x\xc0\xaf\n", {"UTF-8"});      // a slash, too long
  expect_bad("1,x\xf4\x90\x80\x80\n", {"UTF-8"});
  expect_bad("1,x\xe2\x82\n", {"UTF-8"});
  expect_bad(std::string("\xff\xfe"
                         "a\0,\0b\0\n\0"
                         "1\0,\0"
                         "2\0\n\0",
                         18),
             {"UTF-8"});  // UTF-16
  EXPECT_EQ(read("1,caf\xc3\xa9\n2,\xe2\x82\xac\n3,\xf0\x9f\x98\x80\n").class_names,
            (Names{"caf\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"}));
  // What is skipped is not looked at.
  EXPECT_EQ(read("\xe9,1,a\n\xe8,2,b\n", {.skip = {0}}).inputs.shape(), Shape({2, 1}));
}

TEST(CsvText, MayComeFromWindows) {
  const Dataset x =
      read("\xEF\xBB\xBF\"width\",\"the \"\"kind\"\"\"\r\n\"1,000\",\"a\r\nb\"\r\n2,c\r\n\r\n", {.missing = {"1,000"}});
  EXPECT_EQ(x.feature_names, Names{"width"});
  EXPECT_TRUE(std::isnan(x.inputs.data<float>()[0]));
  EXPECT_EQ(x.inputs.data<float>()[1], 2);
  EXPECT_EQ(x.class_names, (Names{"a\r\nb", "c"}));
  EXPECT_EQ(read("\xEF\xBB\xBF"
                 "1,2\r\n3,4")
                .targets.to_vector<std::int64_t>(),
            (Ints{2, 4}));
}

}  // namespace
}  // namespace gradus::data
