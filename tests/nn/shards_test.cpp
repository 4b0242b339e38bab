#include "gradus/nn.h"
#include "gradus/ops.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <unistd.h>

// Folders of safetensors files with an index, as Hugging Face's libraries write and read them:
// https://huggingface.co/docs/huggingface_hub/package_reference/serialization

namespace gradus {
namespace {

namespace fs = std::filesystem;
using State = std::map<std::string, Tensor>;

class Shards : public testing::Test {
 protected:
  Shards() : folder_(fs::temp_directory_path() / ("gradus_shards_" + std::to_string(getpid()))) {
    fs::create_directory(folder_);
  }
  ~Shards() override { fs::remove_all(folder_); }

  std::string at(const std::string& name) const { return (folder_ / name).string(); }
  std::vector<std::string> files(const std::string& of) const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(at(of))) names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }
  void index(const std::string& text) const {
    fs::create_directories(at("m"));
    std::ofstream(at("m/model.safetensors.index.json")) << text;
  }
  void refused(const std::string& why) const {
    try {
      nn::load_tensors(at("m"));
      ADD_FAILURE() << "read, not: " << why;
    } catch (const IoError& error) {
      const std::string what = error.what();
      EXPECT_NE(what.find(why), std::string::npos) << what;
      EXPECT_NE(what.find("model.safetensors.index.json"), std::string::npos) << what;
      EXPECT_NE(what.find("shards_test.cpp"), std::string::npos) << what;
    }
  }

  fs::path folder_;
};

void expect_same(const State& a, const State& b) {
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [name, x] : a) {
    ASSERT_TRUE(b.contains(name)) << name;
    EXPECT_TRUE(equal(x, b.at(name))) << name;
  }
}

const State& sample() {
  static const State state{{"a", full({5}, 1)},              // 20 bytes
                           {"b", full({2, 2}, 2, float64)},  // 32
                           {"c", full({100}, 3)},            // 400
                           {"d", tensor({4})},               // 8
                           {"e", zeros({0})}};
  return state;
}

TEST_F(Shards, EachFileHoldsNoMoreThanAsked) {
  nn::save_shards(sample(), at("m"), 52);
  EXPECT_EQ(files("m"),
            (std::vector<std::string>{"model-00001-of-00003.safetensors",
                                      "model-00002-of-00003.safetensors",
                                      "model-00003-of-00003.safetensors",
                                      "model.safetensors.index.json"}));
  const auto names = [&](const std::string& file) {
    std::string text;
    for (const auto& [name, x] : nn::load_tensors(at("m/" + file))) text += name;
    return text;
  };
  EXPECT_EQ(names("model-00001-of-00003.safetensors"), "ab");
  EXPECT_EQ(names("model-00002-of-00003.safetensors"), "c");  // more than 52 bytes alone
  EXPECT_EQ(names("model-00003-of-00003.safetensors"), "de");
  std::ifstream in(at("m/model.safetensors.index.json"));
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  EXPECT_NE(text.find("\"total_size\": 460"), std::string::npos) << text;
  EXPECT_NE(text.find(R"("b": "model-00001-of-00003.safetensors")"), std::string::npos) << text;
  expect_same(nn::load_tensors(at("m")), sample());
  expect_same(nn::load_tensors(at("m/model.safetensors.index.json")), sample());
  EXPECT_EQ(files(""), std::vector<std::string>{"m"});

  nn::save_shards(sample(), at("n/"), 51);
  EXPECT_EQ(files("n").size(), 5);
}

TEST_F(Shards, OneFileNeedsNoIndex) {
  fs::create_directory(at("m"));  // an empty one is taken
  nn::save_shards(sample(), at("m"));
  EXPECT_EQ(files("m"), std::vector<std::string>{"model.safetensors"});
  expect_same(nn::load_tensors(at("m")), sample());
  nn::save_shards({}, at("none"));
  EXPECT_TRUE(nn::load_tensors(at("none")).empty());
}

TEST_F(Shards, AModelReadsAFolder) {
  nn::Linear from{4, 3}, to{4, 3};
  nn::save_shards(nn::state(from), at("m"), 12);
  nn::load(to, at("m"));
  EXPECT_TRUE(equal(to.weight, from.weight));
  EXPECT_TRUE(nn::load_state(to, at("m")).complete());
}

TEST_F(Shards, NothingIsLeftOfWhatFails) {
  const State old{{"x", zeros({1})}};
  nn::save_shards(old, at("m"));
  EXPECT_THROW(nn::save_shards(sample(), at("m")), IoError);
  expect_same(nn::load_tensors(at("m")), old);
  EXPECT_THROW(nn::save_shards(sample(), at("no/such")), IoError);
  EXPECT_THROW(nn::save_shards(sample(), at("n"), 0), ArgumentError);
  EXPECT_THROW(nn::save_shards({{"__metadata__", zeros({1})}}, at("n")), ArgumentError);
  std::ofstream(at("file")) << "";
  EXPECT_THROW(nn::save_shards(sample(), at("file")), IoError);
  EXPECT_EQ(files(""), (std::vector<std::string>{"file", "m"}));
}

TEST_F(Shards, AnIndexThatContradictsItsFilesIsRefused) {
  index("[]");
  refused("expected an object with an object \"weight_map\"");
  index(R"({"weight_map": 3})");
  refused("expected an object with an object \"weight_map\"");
  index("{");
  refused("expected a safetensors index");
  index(std::string(100000, '['));
  refused("got a deep one");
  index(R"({"weight_map": {"x": "a", "x": "b"}})");
  refused("got \"x\" twice");
  for (const char* file : {"3", "\"\"", "\"..\"", "\"../m/a\"", "\"/etc/passwd\"", "null", "\"a\\u0000\""}) {
    index(R"({"weight_map": {"x": )" + std::string(file) + "}}");
    refused("expected the name of a file beside the index for \"x\"");
  }
  nn::save_tensors({{"x", zeros({1})}, {"y", zeros({1})}}, at("m/a"));
  index(R"({"weight_map": {"x": "a"}})");
  refused("got \"y\" besides");
  index(R"({"weight_map": {"x": "a", "y": "a", "z": "a"}})");
  refused("got \"z\" missing");
  index(R"({"weight_map": {"x": "a", "y": "a"}})");
  EXPECT_EQ(nn::load_tensors(at("m")).size(), 2);
  index(R"({"weight_map": {"x": "gone"}})");
  EXPECT_THROW(nn::load_tensors(at("m")), IoError);
}

}  // namespace
}  // namespace gradus
