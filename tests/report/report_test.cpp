#include "gradus/report/report.h"

#include "errors.h"

#include "gradus/data/generated.h"
#include "gradus/nn/model_text.h"
#include "gradus/train/babysitter.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace gradus::report {
namespace {

namespace fs = std::filesystem;
using tests::message_of;
using Json = nlohmann::json;

class Folder : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "gradus-report-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    root_ = name;
  }
  void TearDown() override { fs::remove_all(root_); }

  /// A watched run of three epochs on pictures of digits.
  std::string run(const std::string& name) {
    Generator generator(1);
    const data::Splits data =
        data::split(data::drawn_digits({.count = 200}, generator), {.validation = 0.2, .test = 0.2}, generator);
    nn::Sequential net = nn::model_from_text("conv 4 3, relu, pool, fc 10", {1, 16, 16}, generator);
    train::Babysitter sitter(net, {.print = false});
    const std::string folder = (root_ / name).string();
    train::fit(net,
               data,
               {.epochs = 3,
                .seed = 1,
                .observer = sitter,
                .out = folder,
                .notes = {{"input_shape", std::vector<std::int64_t>{1, 16, 16}}},
                .progress = train::Progress::none});
    return folder;
  }
  void write(const std::string& name, const std::string& text) { std::ofstream(root_ / name) << text; }

  fs::path root_;
};

TEST_F(Folder, GivesWhatRunsHaveLeft) {
  Report report;
  report.add_run(run("first"));
  report.add_run(run("second"));
  const Json all = Json::parse(report.json());
  ASSERT_EQ(all["runs"].size(), 2U);
  const Json& first = all["runs"][0];
  EXPECT_EQ(first["name"], "first");
  EXPECT_EQ(first["epochs"].size(), 3U);
  EXPECT_EQ(first["summary"]["status"], "finished");
  EXPECT_EQ(first["steps"][0]["step"], 1);
  EXPECT_EQ(first["weights"]["shape"], Json({1, 3, 3}));
  ASSERT_EQ(first["weights"]["images"].size(), 4U);
  for (const Json& image : first["weights"]["images"]) {
    // The largest value of each is as far from the middle as can be.
    int farthest = 0;
    for (const Json& byte : image) farthest = std::max(farthest, std::abs(byte.get<int>() - 127));
    EXPECT_EQ(farthest, 127);
  }
}

TEST_F(Folder, GoesToTensorBoard) {
  Report report;
  report.add_run(run("first"));
  report.write_tensorboard((root_ / "events").string());
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(root_ / "events" / "first")) files.push_back(entry.path());
  ASSERT_EQ(files.size(), 1U);
  std::ifstream in(files[0], std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(in), {});
  for (const char* tag : {"epoch/train_loss",
                          "epoch/validation_accuracy",
                          "step/loss",
                          "step/parameters/0.weight/update",
                          "activations/0 conv/std"})
    EXPECT_NE(bytes.find(tag), std::string::npos) << tag;
  write("blocked", "");
  EXPECT_THROW(report.write_tensorboard((root_ / "blocked").string()), IoError);
}

TEST_F(Folder, OfARunUnderWayHasFewer) {
  write("steps.jsonl", "{\"step\": 1}\n{\"step\": 2}\n{\"ste");
  Report report;
  report.add_run(root_.string());
  const Json run = Json::parse(report.json())["runs"][0];
  EXPECT_EQ(run["steps"].size(), 2U);
  EXPECT_TRUE(run["config"].is_null());
  EXPECT_TRUE(run["epochs"].empty());
}

TEST_F(Folder, ThatIsNoneIsRefused) {
  Report report;
  const std::string missing = (root_ / "none").string();
  EXPECT_NE(message_of<IoError>([&] { report.add_run(missing); }).find("no config.json, metrics.jsonl or steps.jsonl"),
            std::string::npos);
  write("config.json", "[1]");
  EXPECT_NE(message_of<IoError>([&] { report.add_run(root_.string()); }).find("no JSON object"), std::string::npos);
  write("config.json", "{}");
  write("metrics.jsonl", "{}\nhello\n{}\n");
  EXPECT_NE(message_of<IoError>([&] { report.add_run(root_.string()); }).find("line 2 is no JSON object"),
            std::string::npos);
  EXPECT_NE(message_of<ArgumentError>([&] { report.add_evaluation({}); }).find("expected add_run before"),
            std::string::npos);
  EXPECT_TRUE(Json::parse(report.json())["runs"].empty());
}

TEST_F(Folder, IsOnePageWhateverItsNames) {
  write("config.json", R"({"model": "</script><script>alert(1)</script>"})");
  Report report;
  report.add_run(root_.string());
  report.add_evaluation({.part = "test", .classes = {"<b>", "ü"}, .confusion = {{1, 2}, {3, 4}}, .worst = {}});
  const std::string page = report.html();
  EXPECT_EQ(page.find("<script>alert"), std::string::npos);
  EXPECT_EQ(page.find("{{"), std::string::npos) << page.substr(page.find("{{"), 40);
  // Nothing may be fetched: the browser is told so, and no element asks for it.
  EXPECT_NE(page.find("default-src 'none'"), std::string::npos);
  for (const char* outside : {"<link", "<img", " src=", "@import", "url("})
    EXPECT_EQ(page.find(outside), std::string::npos) << outside;
  // The data come through as they went in.
  const std::size_t begin = page.find("id=\"data\">") + 10, end = page.find("</script>", begin);
  const Json data = Json::parse(page.substr(begin, end - begin));
  EXPECT_EQ(data["runs"][0]["config"]["model"], "</script><script>alert(1)</script>");
  EXPECT_EQ(data["runs"][0]["evaluation"]["classes"][0], "<b>");
}

}  // namespace
}  // namespace gradus::report
