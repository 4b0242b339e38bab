// What holds for small things holds for large ones: tapes of ten million ops, tensors of more than 2^31 elements,
// models of a hundred thousand parameters, sums of a hundred million numbers, data that don't fit in memory.
#include <gradus/gradus.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace gradus {
namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// A field of /proc/self/status or /proc/meminfo in GB.
double gigabytes(const char* file, const std::string& field) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);)
    if (line.starts_with(field + ":")) return std::stod(line.substr(field.size() + 1)) * 1024 / 1e9;
  return 0;
}

#define GRADUS_NEEDS_MEMORY(size)                                                    \
  if (const double free = gigabytes("/proc/meminfo", "MemAvailable"); free < (size)) \
  GTEST_SKIP() << "needs " << (size) << " GB of memory, and " << free << " are free"

/// Seconds an op of a chain of n, forward and backward.
double seconds_per_op(std::int64_t n) {
  const auto start = std::chrono::steady_clock::now();
  const Tensor x = leaf(full({}, 1));
  Tensor y = x;
  for (std::int64_t i = 0; i < n; ++i) y = y + 1;
  EXPECT_EQ(y.item<float>(), static_cast<float>(std::min<std::int64_t>(n + 1, 1 << 24)));
  backward(y);
  EXPECT_EQ(gradient(x).item<float>(), 1);
  return seconds_since(start) / static_cast<double>(n);
}

TEST(Scale, ATapeOfTenMillionOps) {
  GRADUS_NEEDS_MEMORY(4);
  const double before = gigabytes("/proc/self/status", "VmHWM");
  seconds_per_op(100'000);
  const double million = seconds_per_op(1'000'000), ten_millions = seconds_per_op(10'000'000);
  const double memory = gigabytes("/proc/self/status", "VmHWM") - before;
  std::printf("ns an op: %.0f of 1e6, %.0f of 1e7; memory %.2f GB\n", 1e9 * million, 1e9 * ten_millions, memory);
  EXPECT_LT(memory, 3);
  EXPECT_LT(ten_millions, 3 * million);  // 1.1 times it on a quiet machine
}

constexpr std::int64_t kBeyond = (std::int64_t{1} << 31) + 8;

TEST(Scale, IndicesBeyond31Bits) {
  GRADUS_NEEDS_MEMORY(5);
  Tensor x = zeros({kBeyond}, boolean);
  Tensor last = slice(x, 0, kBeyond - 3, kBeyond);
  copy_into(last, tensor({true, false, true}));
  EXPECT_TRUE(equal(slice(x, 0, kBeyond - 4, kBeyond), tensor({false, true, false, true})));
  EXPECT_TRUE(select(x, 0, kBeyond - 1).item<bool>());
  EXPECT_TRUE(index_select(x, 0, tensor({kBeyond - 3, kBeyond - 2, std::int64_t{0}})).to_vector<bool>()[0]);
  EXPECT_TRUE(any(x).item<bool>());
  EXPECT_FALSE(any(slice(x, 0, 0, kBeyond - 3)).item<bool>());
  const Tensor rows = reshape(x, {8, kBeyond / 8});
  EXPECT_TRUE(select(select(rows, 0, 7), 0, kBeyond / 8 - 3).item<bool>());
  EXPECT_TRUE(equal(slice(logical_not(x), 0, kBeyond - 2, kBeyond), tensor({true, false})));
}

TEST(Scale, ViewsBeyond31Bits) {
  const Tensor one = leaf(tensor({1.0}, float64));
  const Tensor x = broadcast_to(one, {kBeyond});
  const Tensor total = sum(x);
  EXPECT_EQ(total.item<double>(), static_cast<double>(kBeyond));
  EXPECT_EQ(mean(x).item<double>(), 1);
  EXPECT_EQ(max(x).item<double>(), 1);
  EXPECT_EQ(sum(slice(x, 0, kBeyond - 5, kBeyond)).item<double>(), 5);
  const Tensor rows = broadcast_to(reshape(one, {1, 1}), {kBeyond / 8, 8});
  EXPECT_TRUE(equal(sum(rows, 0), full({8}, static_cast<double>(kBeyond / 8), float64)));
  backward(total);
  EXPECT_EQ(gradient(one).item<double>(), static_cast<double>(kBeyond));
}

TEST(Scale, AHundredThousandParameters) {
  const auto start = std::chrono::steady_clock::now();
  struct Many : nn::Module<Many> {
    std::vector<nn::Linear> layers = std::vector<nn::Linear>(50'000, nn::Linear(1, 1));
    Tensor forward(Tensor x) {
      for (nn::Linear& layer : layers) x = layer(x);
      return x;
    }
  } net, other;
  for (nn::Linear& layer : net.layers) layer = nn::Linear(1, 1);
  for (nn::Linear& layer : other.layers) layer = nn::Linear(1, 1);
  ASSERT_EQ(nn::parameters(net).size(), 100'000U);
  optim::Adam adam{nn::parameters(net)};
  backward(sum(net(ones({2, 1}))));
  adam.step();
  const std::string file = testing::TempDir() + "many.safetensors";
  nn::save(net, file);
  nn::load(other, file);
  EXPECT_TRUE(equal(net.layers.back().weight, other.layers.back().weight));
  std::remove(file.c_str());
  const double seconds = seconds_since(start);
  std::printf("made, run, trained a step, saved and read in %.1f s\n", seconds);
  EXPECT_LT(seconds, 60);  // what is quadratic takes hours
}

TEST(Scale, SumsOfAHundredMillion) {
  GRADUS_NEEDS_MEMORY(2);
  Generator generator(1);
  const std::int64_t n = 100'000'000;
  for (const Tensor& x : {full({n}, 0.1), uniform({n}, 0, 1, float32, generator)}) {
    double exact = 0;
    for (const float v : std::span(x.data<float>(), static_cast<std::size_t>(n))) exact += v;
    const double error = std::abs(sum(x).item<float>() - exact) / exact;
    const double of_mean =
        std::abs(mean(x).item<float>() - exact / static_cast<double>(n)) * static_cast<double>(n) / exact;
    std::printf("relative error of the sum %.1e, of the mean %.1e\n", error, of_mean);
    EXPECT_LT(error, 1e-6);
    EXPECT_LT(of_mean, 1e-6);
  }
}

/// Starts VmHWM anew; false if the system does not.
bool reset_peak() {
  std::ofstream("/proc/self/clear_refs") << 5;
  return gigabytes("/proc/self/status", "VmHWM") < gigabytes("/proc/self/status", "VmRSS") + 0.05;
}

/// A .npy file of float32 [rows, columns] that is a hole, but for the first element of every `step`-th row, its number.
/// False if the file system has no holes, or no room for the file's size.
bool make_sparse(const std::string& path, std::int64_t rows, std::int64_t columns, std::int64_t step) {
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + std::to_string(rows) + ", " +
                       std::to_string(columns) + "), }";
  header.append(117 - header.size(), ' ');
  std::ofstream file(path, std::ios::binary);
  file << std::string("\x93NUMPY\x01\x00\x76\x00", 10) << header << '\n';
  for (std::int64_t row = 0; row < rows; row += step) {
    const auto number = static_cast<float>(row);
    file.seekp(128 + row * columns * 4);
    file.write(reinterpret_cast<const char*>(&number), sizeof number);
  }
  file.close();
  if (!file || truncate(path.c_str(), 128 + rows * columns * 4) != 0) return false;
  struct stat status{};
  return stat(path.c_str(), &status) == 0 && status.st_blocks * 512 < 1'000'000'000;
}

TEST(Scale, TwentyGigabytesOfRowsIn500Megabytes) {
  constexpr std::int64_t rows = 1'250'000, columns = 4096, step = 5'000;
  const std::string path = testing::TempDir() + "sparse.npy";
  const auto remove = [](const std::string* file) { std::remove(file->c_str()); };
  const std::unique_ptr<const std::string, decltype(remove)> removed(&path, remove);
  rlimit space{};
  getrlimit(RLIMIT_AS, &space);
  if (space.rlim_cur < 25'000'000'000) GTEST_SKIP() << "needs 25 GB of address space";
  if (!make_sparse(path, rows, columns, step)) GTEST_SKIP() << "needs a file system that has sparse files of 20 GB";
  if (!reset_peak()) GTEST_SKIP() << "needs /proc/self/clear_refs";

  const double before = gigabytes("/proc/self/status", "VmRSS");
  const auto start = std::chrono::steady_clock::now();
  const data::Dataset all{.inputs = data::map_npy(path), .targets = arange(rows)};
  data::Loader loader(
      all, {.batch = 256, .seed = 1, .sampler = data::block_sampler({.block = 64, .window = 32}), .workers = 1});
  std::int64_t sum = 0, in_order = 0, last = -1;
  double numbers = 0;
  for (const auto& [x, y] : loader) {
    for (std::int64_t i = 0; i < y.size(0); ++i) {
      const std::int64_t row = y.data<std::int64_t>()[i];
      const float first = x.data<float>()[i * columns];
      ASSERT_EQ(first, static_cast<float>(row % step == 0 ? row : 0));
      sum += row;
      numbers += first;
      in_order += row == last + 1;
      last = row;
    }
  }
  const double memory = gigabytes("/proc/self/status", "VmHWM");
  std::printf("20.5 GB in %.0f s; peak of memory %.2f GB, %.2f before\n", seconds_since(start), memory, before);
  EXPECT_EQ(sum, rows * (rows - 1) / 2);
  EXPECT_EQ(numbers, static_cast<double>(step) * (rows / step) * (rows / step - 1) / 2);
  EXPECT_LT(in_order, rows / 100);
  EXPECT_LT(memory - before, 0.5);
}

}  // namespace
}  // namespace gradus
