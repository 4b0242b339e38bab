#include "gradus/nn.h"
#include "gradus/ops.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <unistd.h>

// Files of the safetensors format, written here by its description:
// https://github.com/huggingface/safetensors#format

namespace gradus {
namespace {

class Safetensors : public testing::Test {
 protected:
  Safetensors() : path_(std::filesystem::temp_directory_path() / ("gradus_st_" + std::to_string(getpid()))) {}
  ~Safetensors() override { std::filesystem::remove_all(path_); }

  std::map<std::string, Tensor> load(const std::string& header, const std::string& values) const {
    std::string file;
    for (int i = 0; i < 8; ++i) file += static_cast<char>(header.size() >> (8 * i) & 0xff);
    std::ofstream(path_, std::ios::binary) << file << header << values;
    return nn::load_tensors(path_);
  }
  Tensor one(const std::string& dtype, const std::string& shape, const std::string& values) const {
    return load(entry("x", dtype, shape, 0, values.size()), values).at("x");
  }
  static std::string entry(
      const std::string& name, const std::string& dtype, const std::string& shape, std::size_t from, std::size_t to) {
    return "{" + part(name, dtype, shape, from, to) + "}";
  }
  static std::string part(
      const std::string& name, const std::string& dtype, const std::string& shape, std::size_t from, std::size_t to) {
    return "\"" + name + R"(":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":[)" +
           std::to_string(from) + "," + std::to_string(to) + "]}";
  }
  void refused(const std::string& header, const std::string& values, const std::string& why) const {
    try {
      load(header, values);
      ADD_FAILURE() << "read: " << header;
    } catch (const IoError& error) {
      EXPECT_NE(std::string(error.what()).find(why), std::string::npos) << error.what();
      EXPECT_NE(std::string(error.what()).find(path_), std::string::npos) << error.what();
    }
  }

  std::string path_;
};

TEST_F(Safetensors, EmptyTensorsComeBack) {
  const std::map<std::string, Tensor> given{{"a", zeros({3, 0})},
                                            {"b", zeros({0, 1'000'000, 7}, int64)},
                                            {"c", zeros({0}, float64)},
                                            {"d", zeros({5, 0, 2}, boolean)}};
  nn::save_tensors(given, path_);
  const auto got = nn::load_tensors(path_);
  ASSERT_EQ(got.size(), given.size());
  for (const auto& [name, x] : given) {
    EXPECT_EQ(got.at(name).shape(), x.shape()) << name;
    EXPECT_EQ(got.at(name).dtype(), x.dtype()) << name;
  }
  nn::save_tensors({}, path_);
  EXPECT_TRUE(nn::load_tensors(path_).empty());
  EXPECT_EQ(one("F32", "[9,0]", "").shape(), Shape({9, 0}));
}

TEST_F(Safetensors, OtherElementTypesAreConverted) {
  using namespace std::string_literals;
  // IEEE binary16: 1.5, -2, the smallest subnormal, the largest, infinity, minus zero.
  const Tensor half = one("F16", "[6]", "\x00\x3e\x00\xc0\x01\x00\xff\x7b\x00\x7c\x00\x80"s);
  EXPECT_EQ(half.dtype(), float32);
  EXPECT_EQ(half.to_vector<float>(), (std::vector<float>{1.5f, -2, 0x1p-24f, 65504, INFINITY, 0}));
  EXPECT_TRUE(std::signbit(half.data<float>()[5]));
  EXPECT_TRUE(std::isnan(one("F16", "[]", "\x00\x7e"s).item()));
  // bfloat16: 1, -2, the largest, NaN.
  const Tensor brain = one("BF16", "[2,2]", "\x80\x3f\x00\xc0\x7f\x7f\xc0\x7f"s);
  EXPECT_EQ(brain.dtype(), float32);
  // Tables 1 and 2 of arXiv:2209.05433: 1, the largest, the smallest normal, the smallest subnormal, -1.75.
  const Tensor e4m3 = one("F8_E4M3", "[5]", "\x38\x7e\x08\x01\xbe"s);
  EXPECT_EQ(e4m3.to_vector<float>(), (std::vector<float>{1, 448, 0x1p-6f, 0x1p-9f, -1.75f}));
  EXPECT_TRUE(std::isnan(one("F8_E4M3", "[]", "\xff"s).item()));
  const Tensor e5m2 = one("F8_E5M2", "[6]", "\x3c\x7b\x04\x01\xbf\xfc"s);
  EXPECT_EQ(e5m2.to_vector<float>(), (std::vector<float>{1, 57344, 0x1p-14f, 0x1p-16f, -1.75f, -INFINITY}));
  EXPECT_TRUE(std::isnan(one("F8_E5M2", "[]", "\x7d"s).item()));
  EXPECT_EQ(brain.data<float>()[0], 1);
  EXPECT_EQ(brain.data<float>()[1], -2);
  EXPECT_EQ(brain.data<float>()[2], 0x1.fep127f);
  EXPECT_TRUE(std::isnan(brain.data<float>()[3]));
  EXPECT_TRUE(equal(one("I32", "[2]", "\xff\xff\xff\xff\x00\x00\x00\x80"s), tensor({-1, -2147483648LL})));
  EXPECT_TRUE(equal(one("U32", "[1]", "\xff\xff\xff\xff"s), tensor({4294967295LL})));
  EXPECT_TRUE(equal(one("I16", "[2]", "\xfe\xff\x00\x01"s), tensor({-2, 256})));
  EXPECT_TRUE(equal(one("U16", "[1]", "\xfe\xff"s), tensor({65534})));
  EXPECT_TRUE(equal(one("I8", "[2]", "\xff\x7f"s), tensor({-1, 127})));
  EXPECT_TRUE(equal(one("U8", "[2]", "\xff\x7f"s), tensor({255, 127})));
  EXPECT_TRUE(equal(one("BOOL", "[3]", "\x00\x01\x02"s), tensor({false, true, true})));
  refused(entry("x", "F8_E8M0", "[1]", 0, 1), "1", "expected dtype F8_E4M3");
}

TEST_F(Safetensors, HalvesLoadIntoAModel) {
  nn::Linear fc(1, 2, {.bias = false});
  std::map<std::string, Tensor> got = load(entry("weight", "F16", "[2,1]", 0, 4), std::string("\x00\x3e\x00\xc0", 4));
  nn::load(fc, path_);
  EXPECT_TRUE(equal(detach(fc.weight), tensor({{1.5}, {-2.0}}, float32)));
}

TEST_F(Safetensors, EveryByteBelongsToOneTensor) {
  const std::string a = part("a", "U8", "[4]", 0, 4);
  const auto two = [&](const std::string& b) { return "{" + a + "," + b + "}"; };
  EXPECT_EQ(load(two(part("b", "U8", "[2]", 4, 6)), "123456").size(), 2U);
  EXPECT_EQ(load("{" + part("b", "U8", "[2]", 4, 6) + "," + a + "}", "123456").size(), 2U);
  refused(two(part("b", "U8", "[2]", 5, 7)), "1234567", "a hole");
  refused(two(part("b", "U8", "[2]", 3, 5)), "12345", "an overlap");
  refused(two(part("b", "U8", "[4]", 0, 4)), "1234", "an overlap");
  refused(two(part("b", "U8", "[0]", 2, 2)), "1234", "");
  refused(two(part("b", "U8", "[2]", 4, 6)), "1234567", "expected the end of the file");
  refused("{}", "1", "expected the end of the file");
  refused("{" + part("a", "U8", "[3]", 1, 4) + "}", "1234", "a hole");
  refused("{" + part("a", "U8", "[4]", 0, 4) + "}", "123", "expected 4 bytes");
}

TEST_F(Safetensors, ANameTwiceIsRefused) {
  refused("{" + part("a", "U8", "[1]", 0, 1) + "," + part("a", "U8", "[1]", 1, 2) + "}", "12", "got \"a\" twice");
  refused(R"({"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}})", "1", "\"dtype\" twice");
  refused(R"({"__metadata__":{"k":"1","k":"2"}})", "", "\"k\" twice");
}

TEST_F(Safetensors, HeadersThatMakeNoSenseAreRefused) {
  for (const char* header : {"",
                             "[]",
                             " {}",
                             "{",
                             "nonsense",
                             "{}{}",
                             "\"x\"",
                             "null",
                             R"({"a":[]})",
                             R"({"a":{}})",
                             R"({"a":7})",
                             R"({"__metadata__":7})",
                             R"({"__metadata__":[]})",
                             R"({"__metadata__":{"k":7}})",
                             R"({"a":{"dtype":7,"shape":[],"data_offsets":[0,4]}})",
                             R"({"a":{"dtype":"F32","shape":7,"data_offsets":[0,4]}})",
                             R"({"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}})",
                             R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})",
                             R"({"a":{"dtype":"F32","shape":["1"],"data_offsets":[0,4]}})",
                             R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}})",
                             R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,4]}})",
                             R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0.5,4]}})",
                             R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})",
                             R"({"a":{"dtype":"F32","shape":[1],"data_offsets":"04"}})",
                             R"({"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]}})",
                             R"({"a":{"dtype":"F32","shape":[4611686018427387905],"data_offsets":[0,4]}})",
                             R"({"a":{"dtype":"F32","shape":[0,4611686018427387905,4],"data_offsets":[0,0]}})",
                             R"({"a":{"dtype":"F32","shape":[18446744073709551617],"data_offsets":[0,4]}})",
                             "{\"a\xe9\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}"})
    refused(header, "1234", "load: expected");
  std::string deep = R"({"a":)";
  for (int i = 0; i < 100'000; ++i) deep += '[';
  refused(deep, "", "a deep one");
}

TEST_F(Safetensors, NamesThatCantBeWrittenAreRefused) {
  EXPECT_THROW(nn::save_tensors({{"__metadata__", scalar(1)}}, path_), ArgumentError);
  EXPECT_THROW(nn::save_tensors({{"caf\xe9", scalar(1)}}, path_), ArgumentError);
  EXPECT_FALSE(std::filesystem::exists(path_));
  nn::save_tensors({{"caf\xc3\xa9", scalar(1)}}, path_);
  EXPECT_TRUE(nn::load_tensors(path_).contains("caf\xc3\xa9"));
}

TEST_F(Safetensors, AFolderIsNoFile) {
  std::filesystem::create_directory(path_);
  EXPECT_THROW(nn::load_tensors(path_), IoError);
}

}  // namespace
}  // namespace gradus
