#include "errors.h"

#include "gradus/nn/layers.h"
#include "gradus/nn/save.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/tensor/memory.h"

#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <thread>

namespace gradus::nn {
namespace {

using Tensors = std::map<std::string, Tensor>;

class Mapped : public testing::Test {
 protected:
  ~Mapped() override { std::filesystem::remove_all(folder_); }
  const std::string folder_ = testing::TempDir() + "gradus-mapped";
  const std::string file_ = folder_ + "/x.safetensors";
  Mapped() { std::filesystem::create_directories(folder_); }
  std::string content() const {
    std::ifstream in(file_, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void write(const std::string& header, const std::string& values) const {
    const std::uint64_t length = header.size();
    std::string bytes(sizeof length, '\0');
    std::memcpy(bytes.data(), &length, sizeof length);
    std::ofstream(file_, std::ios::binary) << bytes << header << values;
  }
};

TEST_F(Mapped, IsTheFileWithoutACopy) {
  const std::int64_t n = 1 << 20;
  save_tensors({{"big", arange(n, float32)}, {"more", arange(n, int64)}, {"flags", tensor({true, false})}}, file_);
  const std::string before = content();
  const std::int64_t live = memory_stats().live;
  Tensors mapped = map_tensors(file_);
  EXPECT_LT(memory_stats().live - live, 10'000);
  const Tensors loaded = load_tensors(file_);
  ASSERT_EQ(mapped.size(), loaded.size());
  for (const auto& [name, x] : loaded) EXPECT_TRUE(equal(mapped.at(name), x)) << name;

  // What is written stays in memory; what is used stays, whatever becomes of the file.
  Tensor big = mapped.at("big");
  mapped.clear();
  big.mutable_data<float>()[7] = -1;
  EXPECT_EQ(content(), before);
  std::filesystem::remove(file_);
  EXPECT_EQ(big.data<float>()[7], -1);
  EXPECT_EQ((big + 1).data<float>()[n - 1], static_cast<float>(n));
}

TEST_F(Mapped, CopiesWhatCannotStay) {
  // A header of odd length, so that nothing is aligned; a byte that is no bool.
  const std::string header = R"({"b":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]},)"
                             R"("f":{"dtype":"F32","shape":[1],"data_offsets":[2,6]},)"
                             R"("h":{"dtype":"F16","shape":[1],"data_offsets":[6,8]}})";
  write(header + std::string(1 + header.size() % 2, ' '), std::string("\x02\x00\x00\x00\x80\x3f\x00\x3c", 8));
  const Tensors mapped = map_tensors(file_);
  EXPECT_TRUE(equal(mapped.at("b"), tensor({true, false})));
  EXPECT_TRUE(equal(mapped.at("f"), tensor({1.0})));
  EXPECT_TRUE(equal(mapped.at("h"), tensor({1.0})));
}

TEST_F(Mapped, ReadsShards) {
  const Tensors all{{"a", ones({4})}, {"b", zeros({3, 2}, float64)}, {"c", arange(5)}};
  save_shards(all, folder_ + "/parts", 20);
  const Tensors mapped = map_tensors(folder_ + "/parts");
  ASSERT_EQ(mapped.size(), 3U);
  for (const auto& [name, x] : all) EXPECT_TRUE(equal(mapped.at(name), x)) << name;
}

TEST_F(Mapped, RefusesWhatLoadRefuses) {
  const auto refusal = [&] { return tests::message_of<IoError>([&] { map_tensors(file_); }); };
  EXPECT_NE(refusal().find("No such file"), std::string::npos) << refusal();
  std::ofstream(file_) << "";
  EXPECT_TRUE(refusal().starts_with("load: expected 8 bytes of header length, got fewer in ")) << refusal();
  save_tensors({{"x", ones({100})}}, file_);
  std::filesystem::resize_file(file_, std::filesystem::file_size(file_) - 1);
  EXPECT_TRUE(refusal().starts_with("load: expected 400 bytes for \"x\", got offsets 0 to 400 of 399 in "))
      << refusal();
}

// Decision 0026: the system ends a process that reads what is no longer in the file it has mapped.
TEST_F(Mapped, EndsTheProcessIfTheFileIsCutShortInPlace) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers take the signal";
#endif
  const std::int64_t n = 1 << 20;
  save_tensors({{"x", ones({n})}}, file_);
  const Tensor x = map_tensors(file_).at("x");
  save_tensors({{"x", zeros({n})}}, file_);  // replaced, not changed: x has the file of before
  EXPECT_EQ(x.data<float>()[n - 1], 1);
  const Tensor other = map_tensors(file_).at("x");
  std::filesystem::resize_file(file_, 4096 * 4);
  EXPECT_EQ(other.data<float>()[1], 0);
  EXPECT_EXIT(std::exit(static_cast<int>(other.data<float>()[n - 1])), testing::KilledBySignal(SIGBUS), "");
}

// A file that is read is another's to cut at any moment: it is all there, or an error.
TEST_F(Mapped, IsWholeOrRefusedIfAFileIsCutWhileItIsRead) {
  save_tensors({{"x", ones({1 << 18})}}, file_);
  const std::string whole = content();
  std::atomic<bool> stop{false};
  std::thread other([&] {
    for (std::size_t i = 0; !stop; ++i) {
      std::filesystem::resize_file(file_, i * 4099 % whole.size());
      std::ofstream(file_, std::ios::binary) << whole;
    }
  });
  int refused = 0;
  for (int i = 0; i < 200; ++i) {
    try {
      const Tensors loaded = load_tensors(file_);
      EXPECT_TRUE(equal(loaded.at("x"), ones({1 << 18})));
    } catch (const IoError&) {
      ++refused;
    }
  }
  stop = true;
  other.join();
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace gradus::nn
