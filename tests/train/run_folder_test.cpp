#include "gradus/data/generated.h"
#include "gradus/nn/layers.h"
#include "gradus/nn/save.h"
#include "gradus/train/fit.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <set>
#include <stdexcept>
#include <string>

namespace gradus::train {
namespace {

namespace fs = std::filesystem;

std::string content(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
void write(const fs::path& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }

/// The names in a folder, hidden ones too.
std::set<std::string> names(const fs::path& folder) {
  std::set<std::string> result;
  for (const auto& entry : fs::directory_iterator(folder)) result.insert(entry.path().filename().string());
  return result;
}
const std::set<std::string> kRun{"config.json", "metrics.jsonl", "summary.json", "weights.safetensors"};

/// The text behind `"key": `, up to the next comma or end of line.
std::string value(const std::string& json, const std::string& key) {
  const std::size_t at = json.find('"' + key + "\":");
  if (at == std::string::npos) return "missing";
  const std::size_t begin = json.find_first_not_of(' ', at + key.size() + 3);
  return json.substr(begin, json.find_first_of(",\n}", begin) - begin);
}

class RunFolder : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "gradus-run-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    root_ = name;
    Generator generator(5);
    data_ = data::split(data::spiral({.points = 40}, generator), {.validation = 0, .test = 0.25}, generator);
  }
  void TearDown() override { fs::remove_all(root_); }

  Record run(FitOptions options, std::uint64_t seed = 1) {
    Generator generator(seed);
    nn::Linear net(2, 3, {}, generator);
    options.epochs = 2;
    options.seed = seed;
    options.progress = Progress::none;
    const Record record = fit(net, data_, options);
    weight_ = clone(net.weight);
    return record;
  }
  std::string refusal(FitOptions options) {
    try {
      run(std::move(options));
    } catch (const IoError& error) {
      return error.what();
    }
    return "accepted";
  }

  fs::path root_;
  data::Splits data_;
  Tensor weight_;
};

TEST_F(RunFolder, HoldsTheFourFiles) {
  const fs::path out = root_ / "deep" / "er";
  const Record record =
      run({.out = out.string(), .notes = {{"model", "fc 3"}, {"input_shape", std::vector<std::int64_t>{2}}}});
  EXPECT_EQ(record.folder, out.string());
  EXPECT_EQ(names(out), kRun);

  const std::string summary = content(out / "summary.json");
  EXPECT_DOUBLE_EQ(std::stod(value(summary, "test_accuracy")), record.test.accuracy);
  EXPECT_DOUBLE_EQ(std::stod(value(summary, "test_loss")), record.test.loss);
  EXPECT_DOUBLE_EQ(std::stod(value(summary, "train_loss")), record.train.loss);
  EXPECT_EQ(value(summary, "epochs"), "2");
  EXPECT_EQ(value(summary, "parameters"), "9");
  EXPECT_EQ(value(summary, "seed"), "1");
  EXPECT_DOUBLE_EQ(std::stod(value(summary, "seconds")), record.seconds);
  EXPECT_EQ(value(summary, "validation_loss"), "null");

  const std::string metrics = content(out / "metrics.jsonl");
  EXPECT_EQ(std::count(metrics.begin(), metrics.end(), '\n'), 2);
  EXPECT_DOUBLE_EQ(std::stod(value(metrics, "train_loss")), record.history[0].train.loss);

  const std::string config = content(out / "config.json");
  EXPECT_EQ(value(config, "model"), "\"fc 3\"");
  EXPECT_EQ(value(config, "batch"), "64");
  EXPECT_EQ(value(config, "train_rows"), "90");

  EXPECT_TRUE(equal(nn::load_tensors((out / "weights.safetensors").string()).at("weight"), weight_));
}

TEST_F(RunFolder, TakesItsPlaceLaterIfTheProgramIsKilledMeanwhile) {
  const fs::path out = root_ / "run", other = root_ / "other";
  run({.out = out.string()});
  write(out / "last.safetensors", "of the earlier run");
  write(out / "model.onnx", "the user's");
  run({.out = other.string()}, 2);
  // As it is at such a moment: the run has its name, and its weights have been moved.
  fs::create_directory(out / ".finished");
  write(out / ".finished" / "removed", "last.safetensors\n");
  for (const std::string& name : kRun)
    fs::copy_file(other / name,
                  name.starts_with("weights") ? out / name : out / ".finished" / name,
                  fs::copy_options::overwrite_existing);
  detail::complete_run(out.string());
  std::set<std::string> expected = kRun;
  expected.insert("model.onnx");
  EXPECT_EQ(names(out), expected);
  for (const std::string& name : kRun) EXPECT_EQ(content(out / name), content(other / name)) << name;
  detail::complete_run(out.string());
  detail::complete_run((root_ / "none").string());
  EXPECT_EQ(names(out), expected);
}

TEST_F(RunFolder, RemovesWhatAKilledRunLeftButNoneThatIsAlive) {
  const fs::path out = root_ / "run";
  fs::create_directories(out / ".unfinished-killed");
  write(out / ".unfinished-killed" / "metrics.jsonl", "{");
  run({.out = out.string()});
  EXPECT_EQ(names(out), kRun);

  struct Second : Observer {
    std::function<void()> start;
    std::string folder;
    void before_run(const RunStart& start_of_run) override {
      folder = start_of_run.folder;
      start();
    }
    bool after_epoch(const EpochRecord&) override { return fs::exists(folder); }
  } second;
  second.start = [&] { run({.out = out.string()}, 2); };
  const Record record = run({.observer = second, .out = out.string()}, 3);
  EXPECT_EQ(record.history.size(), 2U);
  EXPECT_EQ(names(out), kRun);
  EXPECT_EQ(value(content(out / "summary.json"), "seed"), "3");
}

TEST_F(RunFolder, SettingsAndEpochsCanBeReadWhileTheRunGoesOn) {
  struct Reader : Observer {
    fs::path folder;
    std::vector<std::int64_t> lines;
    std::string batch;
    void before_run(const RunStart& start) override {
      folder = start.folder;
      batch = value(content(folder / "config.json"), "batch");
    }
    bool after_epoch(const EpochRecord&) override {
      const std::string metrics = content(folder / "metrics.jsonl");
      lines.push_back(std::count(metrics.begin(), metrics.end(), '\n'));
      return true;
    }
  } reader;
  run({.observer = reader, .out = (root_ / "run").string()});
  EXPECT_EQ(reader.batch, "64");
  EXPECT_EQ(reader.lines, (std::vector<std::int64_t>{1, 2}));
}

TEST_F(RunFolder, AnEarlierRunIsReplacedAndOtherFilesStay) {
  const fs::path out = root_ / "run";
  run({.out = out.string()}, 1);
  const std::string before = content(out / "summary.json");
  write(out / "notes.txt", "mine");
  run({.out = out.string()}, 2);
  EXPECT_NE(content(out / "summary.json"), before);
  EXPECT_EQ(value(content(out / "summary.json"), "seed"), "2");
  EXPECT_EQ(content(out / "notes.txt"), "mine");
  EXPECT_EQ(names(out).size(), 5u);
}

TEST_F(RunFolder, AnEmptyFolderIsTaken) {
  fs::create_directory(root_ / "empty");
  run({.out = (root_ / "empty").string()});
  EXPECT_EQ(names(root_ / "empty"), kRun);
}

TEST_F(RunFolder, RunsAreNumberedAndTheLatestIsLinked) {
  fs::create_directories(root_ / "runs" / "0007");
  const FitOptions options{.runs = (root_ / "runs").string()};
  EXPECT_EQ(run(options).folder, (root_ / "runs" / "0008").string());
  EXPECT_EQ(run(options, 2).folder, (root_ / "runs" / "0009").string());
  EXPECT_EQ(fs::read_symlink(root_ / "runs" / "latest"), "0009");
  EXPECT_EQ(names(root_ / "runs"), (std::set<std::string>{"0007", "0008", "0009", "latest"}));
  EXPECT_EQ(names(root_ / "runs" / "0009"), kRun);
}

TEST_F(RunFolder, SomebodyElsesLatestIsLeftAlone) {
  fs::create_directories(root_ / "runs" / "latest");
  run({.runs = (root_ / "runs").string()});
  EXPECT_FALSE(fs::is_symlink(root_ / "runs" / "latest"));
  EXPECT_EQ(names(root_ / "runs"), (std::set<std::string>{"0001", "latest"}));
}

class Never : public Observer {
  void after_step(const Step&) override { ADD_FAILURE() << "trained although nothing can be written"; }
};

TEST_F(RunFolder, WhatCantBeWrittenIsSaidBeforeTraining) {
  Never never;
  write(root_ / "file", "x");
  EXPECT_NE(refusal({.observer = never, .out = (root_ / "file").string()}).find("(not a folder)"), std::string::npos);
  EXPECT_NE(refusal({.observer = never, .out = (root_ / "file" / "run").string()}).find("file/run"), std::string::npos);
  EXPECT_NE(refusal({.observer = never, .runs = (root_ / "file").string()}).find("fit: expected a folder"),
            std::string::npos);
  EXPECT_EQ(content(root_ / "file"), "x");
  EXPECT_EQ(names(root_), std::set<std::string>{"file"});
}

TEST_F(RunFolder, AFolderWithOtherThingsIsRefused) {
  Never never;
  write(root_ / "summary.json", "precious");
  EXPECT_NE(refusal({.observer = never, .out = root_.string()}).find("holds other files"), std::string::npos);
  write(root_ / "config.json", "{\"somebody\": \"else\"}");
  EXPECT_NE(refusal({.observer = never, .out = root_.string()}).find("holds other files"), std::string::npos);
  EXPECT_EQ(content(root_ / "summary.json"), "precious");
  EXPECT_EQ(names(root_), (std::set<std::string>{"config.json", "summary.json"}));
}

class Thrower : public Observer {
  void after_step(const Step&) override { throw std::runtime_error("enough"); }
};

TEST_F(RunFolder, AnErrorLeavesNothing) {
  Thrower thrower;
  const std::string deep = (root_ / "a" / "b" / "c").string();
  EXPECT_THROW(run({.observer = thrower, .out = deep}), std::runtime_error);
  EXPECT_THROW(run({.observer = thrower, .runs = deep}), std::runtime_error);
  EXPECT_TRUE(names(root_).empty());
}

TEST_F(RunFolder, AnErrorLeavesAnEarlierRunAsItWas) {
  const fs::path out = root_ / "run";
  run({.out = out.string()});
  std::string before;
  for (const std::string& name : kRun) before += content(out / name);
  Thrower thrower;
  EXPECT_THROW(run({.observer = thrower, .out = out.string()}, 2), std::runtime_error);
  std::string after;
  for (const std::string& name : kRun) after += content(out / name);
  EXPECT_EQ(before, after);
  EXPECT_EQ(names(out), kRun);
}

TEST_F(RunFolder, TheSameSeedWritesTheSameSummaryButForSeconds) {
  const auto summary = [&](const char* name) {
    run({.out = (root_ / name).string()});
    std::string text = content(root_ / name / "summary.json");
    const std::size_t at = text.find("\"seconds\"");
    return text.erase(at, text.find('\n', at) - at);
  };
  EXPECT_EQ(summary("a"), summary("b"));
}

}  // namespace
}  // namespace gradus::train
