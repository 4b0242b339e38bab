#include "files.h"

#include "gradus/data/readers.h"

#include <functional>
#include <numeric>

namespace gradus::data {
namespace {

/// The message of the error must name the place.
void expect_bad(const std::string& text, const std::vector<std::string>& parts, const CsvOptions& options = {}) {
  const TempFolder folder;
  auto all = parts;
  all.push_back("bad.csv");
  all.push_back("csv: expected");
  expect_error<IoError>([&] { csv(folder.write("bad.csv", text), options); }, all);
}

Dataset read(const std::string& text, const CsvOptions& options = {}) {
  const TempFolder folder;
  return csv(folder.write("table.csv", text), options);
}

std::vector<std::int64_t> classes(const Dataset& table) { return table.targets.to_vector<std::int64_t>(); }
using Names = std::vector<std::string>;
using Ints = std::vector<std::int64_t>;

TEST(Csv, ReadsTheTablesOfScikitLearn) {
  GRADUS_SHARED_OR_SKIP(folder, "data/tabular");
  const Dataset iris = csv(folder + "/iris.csv");
  EXPECT_EQ(iris.inputs.shape(), Shape({150, 4}));
  EXPECT_EQ(iris.class_names, (Names{"setosa", "versicolor", "virginica"}));
  EXPECT_TRUE(all_close(iris.slice(0, 1).inputs, tensor({{5.1, 3.5, 1.4, 0.2}}, float32)));
  EXPECT_TRUE(all_close(iris.slice(149, 150).inputs, tensor({{5.9, 3.0, 5.1, 1.8}}, float32)));
  EXPECT_EQ(classes(iris)[0], 0);
  EXPECT_EQ(classes(iris)[149], 2);

  const Dataset wine = csv(folder + "/wine_data.csv");
  EXPECT_EQ(wine.inputs.shape(), Shape({178, 13}));
  EXPECT_EQ(wine.class_names, (Names{"class_0", "class_1", "class_2"}));

  const Dataset cancer = csv(folder + "/breast_cancer.csv");
  EXPECT_EQ(cancer.inputs.shape(), Shape({569, 30}));
  EXPECT_EQ(cancer.class_names, (Names{"malignant", "benign"}));
  std::int64_t benign = 0;
  for (const auto label : classes(cancer)) benign += label;
  EXPECT_EQ(benign, 357);

  const Dataset digits = csv(folder + "/digits.csv.gz");
  EXPECT_EQ(digits.inputs.shape(), Shape({1797, 64}));
  EXPECT_EQ(digits.num_classes(), 10);
  EXPECT_TRUE(digits.class_names.empty());
}

TEST(Csv, ReadsATableForRegressionInTwoFiles) {
  GRADUS_SHARED_OR_SKIP(folder, "data/tabular");
  const Dataset inputs = csv(folder + "/diabetes_data_raw.csv.gz", {.delimiter = ' ', .label = std::nullopt});
  const Dataset target = csv(folder + "/diabetes_target.csv.gz", {.label = std::nullopt});
  EXPECT_EQ(inputs.inputs.shape(), Shape({442, 10}));
  EXPECT_FALSE(inputs.targets.defined());
  EXPECT_EQ(target.inputs.shape(), Shape({442, 1}));
  EXPECT_FLOAT_EQ(target.inputs.data<float>()[0], 151);
  EXPECT_FLOAT_EQ(inputs.inputs.data<float>()[8], 4.8598f);
}

TEST(Csv, FindsAHeaderOfNames) {
  const Dataset table = read("\xEF\xBB\xBFwidth, height ,kind\r\n1,2,b\r\n\r\n-3.5,+4e1,a\r\n");
  EXPECT_EQ(table.feature_names, (Names{"width", "height"}));
  EXPECT_EQ(table.class_names, (Names{"a", "b"}));
  EXPECT_EQ(classes(table), (Ints{1, 0}));
  EXPECT_EQ(table.inputs.to_vector<float>(), (std::vector<float>{1, 2, -3.5, 40}));
}

TEST(Csv, TakesTheHeaderAsTold) {
  EXPECT_EQ(read("1,2\n3,4\n").size(), 2);
  EXPECT_EQ(read("1,2\n3,4\n", {.header = CsvHeader::names}).feature_names, Names{"1"});
  EXPECT_EQ(read("2,1,x,y\n3,0\n4,1\n", {.header = CsvHeader::counts}).class_names, (Names{"x", "y"}));
  // Not taken for counts: the label of the second line is no class of the first.
  EXPECT_EQ(read("2,2,a\n1,5,b\n").size(), 2);
  expect_bad("2,1,x,y\n", {"rows after the header"});
  expect_bad("a,b\n1,2\n", {"a number", "\"a\"", "line 1", "column 1"}, {.header = CsvHeader::none});
  expect_bad("a,1\n1,2\n", {"a number", "\"a\"", "line 1", "column 1"});
  expect_bad("a,b\n1,2\n", {"rows, features"}, {.header = CsvHeader::counts});
}

TEST(Csv, TakesTheLabelFromAnyColumn) {
  const std::string text = "a,b,c\n0,1.5,2.5\n1,3.5,4.5\n";
  EXPECT_EQ(classes(read(text, {.label = 0})), (Ints{0, 1}));
  EXPECT_EQ(classes(read(text, {.label = -3})), (Ints{0, 1}));
  const Dataset table = read(text, {.label = "a"});
  EXPECT_EQ(classes(table), (Ints{0, 1}));
  EXPECT_EQ(table.feature_names, (Names{"b", "c"}));
  EXPECT_EQ(table.inputs.to_vector<float>(), (std::vector<float>{1.5, 2.5, 3.5, 4.5}));
  const Dataset values = read(text, {.label = "b", .regression = true});
  EXPECT_EQ(values.targets.shape(), Shape({2, 1}));
  EXPECT_EQ(values.targets.to_vector<float>(), (std::vector<float>{1.5, 3.5}));
  EXPECT_EQ(read(text, {.label = std::nullopt}).inputs.shape(), Shape({2, 3}));
  EXPECT_THROW(read(text, {.label = 3}), ArgumentError);
  EXPECT_THROW(read(text, {.label = -4}), ArgumentError);
  EXPECT_THROW(read(text, {.label = "d"}), ArgumentError);
  EXPECT_THROW(read("1,2\n", {.label = "d"}), ArgumentError);
}

TEST(Csv, TurnsLabelsIntoClasses) {
  EXPECT_EQ(classes(read("0,3\n0,1\n0,1.0\n")), (Ints{3, 1, 1}));  // whole numbers stand as they are
  const Dataset signs = read("0,1\n0,-1\n0,1.0\n");
  EXPECT_EQ(classes(signs), (Ints{1, 0, 1}));
  EXPECT_EQ(signs.class_names.size(), 2);
  EXPECT_EQ(classes(read("0,100000\n0,99999\n")), (Ints{1, 0}));
  EXPECT_EQ(read("0,2\n0,x\n").class_names, (Names{"2", "x"}));

  const CsvOptions fixed{.class_names = {"no", "yes", "maybe"}};
  EXPECT_EQ(classes(read("0,yes\n0,no\n0,2\n", fixed)), (Ints{1, 0, 2}));
  EXPECT_EQ(read("0,yes\n", fixed).num_classes(), 3);
  expect_bad("0,yes\n0,never\n", {"one of 3 classes", "\"never\"", "line 2", "column 2"}, fixed);
  expect_bad("0,3\n", {"one of 3 classes", "line 1"}, fixed);
}

TEST(Csv, KnowsQuotesAndDelimiters) {
  const Dataset table = read("\"a;b\";\"say \"\"x\"\"\" ;c\n1 ; 2;\"p;q\"\n", {.delimiter = ';'});
  EXPECT_EQ(table.feature_names, (Names{"a;b", "say \"x\""}));
  EXPECT_EQ(table.class_names, Names{"p;q"});
  EXPECT_EQ(read("  1 \t2  0\n3 4 1  \n", {.delimiter = ' '}).inputs.to_vector<float>(),
            (std::vector<float>{1, 2, 3, 4}));
  EXPECT_EQ(classes(read("1\t2\t0\n3\t4\t1\n", {.delimiter = '\t'})), (Ints{0, 1}));
  expect_bad("1,\"2\n", {"closing quote", "line 1", "column 2"});
  expect_bad("1,\"2\"3,4\n", {"end of the field", "line 1", "column 2"});
}

TEST(Csv, NamesThePlaceOfAMistake) {
  expect_bad("1,2,0\n1,2\n", {"3 fields, got 2", "line 2", "column 3"});
  expect_bad("1,2,0\n\n1,2,3,0\n", {"3 fields, got 4", "line 3", "column 4"});
  expect_bad("1,2,0\n1,x7,0\n", {"a number, got \"x7\"", "line 2", "column 2"});
  expect_bad("1,2,0\n1,,0\n", {"a number, got nothing", "line 2", "column 2"});
  expect_bad("1,2,0\n1,2,\n", {"a class, got nothing", "line 2", "column 3"});
  expect_bad("1,0\n12abc,0\n", {"a number, got \"12abc\"", "line 2", "column 1"});
  expect_bad("1,0\nnan,0\n", {"a number", "line 2"});
  expect_bad("1,0\ninf,0\n", {"a number", "line 2"});
  expect_bad("1,0\n1e39,0\n", {"a number", "line 2"});
  expect_bad("1,0\n1,0.5\n", {"a class", "regression", "line 2", "column 2"});
  expect_bad("1,0\n1,x\n", {"a number, got \"x\"", "line 2", "column 2"}, {.regression = true});
  expect_bad("", {"rows, got none"});
  expect_bad("\n \n", {"rows, got none"});
  expect_bad("a,b\n", {"rows after the header"});
  expect_bad("1\n2\n", {"a feature beside the label"});
  expect_bad("3,2,x,y\n1,2,0\n1,2,1\n", {"3 rows", "got 2"});
  expect_bad("2,2,x,y\n1,2,0\n1,2,2\n", {"one of 2 classes", "line 3", "column 3"});
  expect_error<IoError>([] { csv("/nowhere/table.csv"); }, {"/nowhere/table.csv", "No such file"});
  expect_error<IoError>([] { csv("/"); }, {"Is a directory"});
}

TEST(Csv, SurvivesDamagedFiles) {
  GRADUS_SHARED_OR_SKIP(shared, "data/tabular");
  const TempFolder folder;
  const std::string iris = read_bytes(shared + "/iris.csv"), packed = read_bytes(shared + "/digits.csv.gz");
  std::vector<std::string> variants{
      iris.substr(0, 10), iris.substr(0, 1000), iris + iris, iris + random_bytes(100, 1), random_bytes(3000, 2)};
  for (const std::size_t n : {1U, 2U, 12U, 1000U, 57522U}) variants.push_back(packed.substr(0, n));
  variants.push_back(packed + "x");
  variants.push_back(packed + packed.substr(0, 100));
  std::string flipped = packed;
  flipped[30000] = static_cast<char>(flipped[30000] ^ 0x10);
  variants.push_back(flipped);
  variants.push_back(gzipped(random_bytes(5000, 3)));
  variants.push_back("\x1f\x8b" + random_bytes(500, 4));
  variants.push_back(gzipped(std::string(17'000'000, '1')));  // one line
  for (std::size_t i = 0; i < variants.size(); ++i) {
    SCOPED_TRACE(i);
    expect_error<IoError>([&] { csv(folder.write("bad", variants[i])); }, {folder.path("bad")});
  }
  // Two members one after the other are a good gzip file.
  EXPECT_EQ(csv(folder.write("good", packed + packed)).size(), 2 * 1797);
}

TEST(Csv, ReadsMissingValuesAsNaN) {
  const TempFolder folder;
  const std::string path = folder.write("x.csv", "a,b,kind\n1,?,red\n,\"4\",blue\nNA,6,red\n");
  const CsvOptions options{.label = "kind", .missing = {"", "?", "NA"}};
  const Dataset all = csv(path, options);
  const double none = std::nan("");
  EXPECT_TRUE(equal(all.inputs, tensor({{1.0, none}, {none, 4.0}, {none, 6.0}}, float32), true));
  EXPECT_TRUE(equal(all.targets, tensor({1, 0, 1})));
  EXPECT_EQ(all.feature_names, (std::vector<std::string>{"a", "b"}));
  expect_error<IoError>([&] { csv(path, {.label = "kind"}); }, {"expected a number, got \"?\"", "line 2"});
  // A label is never missing.
  folder.write("x.csv", "a,b,kind\n1,2,\n");
  EXPECT_THROW(csv(path, options), IoError);
}

TEST(Csv, ReadsFieldsOverSeveralLines) {
  const TempFolder folder;
  const std::string path =
      folder.write("x.csv", "\"first\ncolumn\",kind\n1,\"red\n\nand \"\"blue\"\"\"\n2,green\nx,green\n");
  expect_error<IoError>([&] { csv(path); }, {"got \"x\"", "line 7, column 1"});
  folder.write("x.csv", "\"first\ncolumn\",kind\n1,\"red\n\nand \"\"blue\"\"\"\n2,green\n");
  const Dataset all = csv(path);
  EXPECT_EQ(all.feature_names, (std::vector<std::string>{"first\ncolumn"}));
  EXPECT_EQ(all.class_names, (std::vector<std::string>{"green", "red\n\nand \"blue\""}));
  folder.write("x.csv", "1,\"red\n2,green\n3,green\n");
  expect_error<IoError>([&] { csv(path); }, {"a closing quote", "line 1, column 2"});
}

TEST(Csv, SurvivesDamagedRealFiles) {
  GRADUS_SHARED_OR_SKIP(shared, "data/tabular");
  const TempFolder folder;
  const std::string path = folder.path("x.csv"), good = read_bytes(shared + "/iris.csv");
  const auto expect_bad = [&](const std::string& bytes) {
    folder.write("x.csv", bytes);
    expect_error<IoError>([&] { csv(path); }, {path});
  };
  expect_bad("");
  expect_bad(good.substr(0, good.size() / 2));
  expect_bad(good + "5.1,3.5,1.4,0.2,0\n");
  expect_bad("XXX" + good);
  expect_bad("4000000000" + good.substr(3));
  expect_bad("150,4000000000" + good.substr(5));
  expect_bad(random_bytes(good.size(), 3));
  expect_bad(gzipped(good).substr(0, 300));
  // A flipped bit is an error, or shows in one place: a number, a label or the name of a class; nowhere if it makes the
  // 0 of "0.2" a space.
  folder.write("x.csv", good);
  const Dataset whole = csv(path);
  const auto differences = [](const auto& x, const auto& y) {
    return x.size() == y.size()
               ? std::inner_product(x.begin(), x.end(), y.begin(), 0, std::plus<>(), std::not_equal_to<>())
               : 2;
  };
  int changed = 0, refused = 0;
  for (std::size_t i = 0; i < good.size(); i += 7) {
    std::string flipped = good;
    flipped[i] = static_cast<char>(flipped[i] ^ (1 << i % 8));
    folder.write("x.csv", flipped);
    try {
      const Dataset other = csv(path);
      const int n = differences(other.inputs.to_vector(), whole.inputs.to_vector()) +
                    differences(classes(other), classes(whole)) + differences(other.class_names, whole.class_names);
      EXPECT_LE(n, 1) << "byte " << i;
      changed += n;
    } catch (const IoError& error) {
      EXPECT_NE(std::string(error.what()).find(path), std::string::npos);
      ++refused;
    }
  }
  EXPECT_GT(changed, 20);
  EXPECT_GT(refused, 20);
}

}  // namespace
}  // namespace gradus::data
