#include "tensorboard.h"

#include "errors.h"

#include <gtest/gtest.h>

#include <bit>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <utility>
#include <vector>

namespace gradus::report {
namespace {

namespace fs = std::filesystem;
using tests::message_of;

std::string path_of(const std::string& name) { return testing::TempDir() + "tensorboard_" + name; }

std::string content(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// ---- A reader that shares nothing with the writer.

/// CRC-32C by division, a bit at a time, with the polynomial as it is written: not reflected.
std::uint32_t divided(std::string_view bytes) {
  const auto mirrored = [](std::uint32_t x, int bits) {
    std::uint32_t y = 0;
    for (int i = 0; i < bits; ++i) y |= ((x >> i) & 1U) << (bits - 1 - i);
    return y;
  };
  std::uint32_t rest = 0xffffffffU;
  for (const char byte : bytes) {
    rest ^= mirrored(static_cast<unsigned char>(byte), 8) << 24;
    for (int i = 0; i < 8; ++i) rest = (rest << 1) ^ ((rest >> 31) * 0x1edc6f41U);
  }
  return ~mirrored(rest, 32);
}

std::uint64_t little(std::string_view bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) value = value * 256 + static_cast<unsigned char>(bytes[i]);
  return value;
}
double as_double(std::string_view bytes) { return std::bit_cast<double>(little(bytes)); }
float as_float(std::string_view bytes) { return std::bit_cast<float>(static_cast<std::uint32_t>(little(bytes))); }

/// The data of each record. Fails on a wrong sum and on bytes behind the last record.
std::vector<std::string> records(const std::string& file) {
  std::vector<std::string> result;
  std::string_view rest = file;
  const auto take = [&](std::size_t n) {
    if (rest.size() < n) {
      ADD_FAILURE() << "the last record is cut";
      n = rest.size();
    }
    const std::string_view bytes = rest.substr(0, n);
    rest.remove_prefix(n);
    return bytes;
  };
  const auto expect_sum = [&](std::string_view bytes) {
    const std::uint64_t crc = divided(bytes);
    EXPECT_EQ(little(take(4)), ((crc / 32768 + crc * 131072) + 0xa282ead8U) % 0x100000000U);
  };
  while (!rest.empty() && !testing::Test::HasFailure()) {
    const std::string_view length = take(8);
    expect_sum(length);
    const std::string_view data = take(little(length));
    expect_sum(data);
    result.emplace_back(data);
  }
  return result;
}

/// Fields of a message by number, each once: the bytes of a value; of a varint its 8 bytes.
std::map<std::uint64_t, std::string> fields(std::string_view message) {
  std::map<std::uint64_t, std::string> result;
  std::size_t at = 0;
  const auto varint = [&] {
    std::uint64_t value = 0;
    for (int shift = 0; at < message.size(); shift += 7) {
      const auto byte = static_cast<unsigned char>(message[at++]);
      value |= std::uint64_t{byte & 0x7fU} << shift;
      if (byte < 0x80) break;
    }
    return value;
  };
  while (at < message.size()) {
    const std::uint64_t key = varint();
    std::string value;
    switch (key % 8) {
      case 0: {
        const std::uint64_t number = varint();
        for (int i = 0; i < 8; ++i) value += static_cast<char>((number >> (8 * i)) & 0xff);
        break;
      }
      case 1: value = message.substr(at, 8), at += 8; break;
      case 2: {
        const std::uint64_t size = varint();
        value = message.substr(at, size), at += size;
        break;
      }
      case 5: value = message.substr(at, 4), at += 4; break;
      default: ADD_FAILURE() << "unknown wire type in key " << key; return result;
    }
    EXPECT_TRUE(result.emplace(key / 8, value).second) << "field " << key / 8 << " twice";
  }
  EXPECT_EQ(at, message.size());
  return result;
}

std::vector<double> doubles(std::string_view packed) {
  std::vector<double> result;
  for (; !packed.empty(); packed.remove_prefix(8)) result.push_back(as_double(packed.substr(0, 8)));
  return result;
}

/// The only value of an event's summary.
std::map<std::uint64_t, std::string> value_of(const std::string& event) {
  const auto summary = fields(fields(event)[5]);
  EXPECT_EQ(summary.size(), 1U);
  return fields(summary.at(1));
}

// ---- The sums.

TEST(TensorBoard, Crc32c) {
  std::string rising, falling;
  for (int i = 0; i < 32; ++i) rising += static_cast<char>(i), falling += static_cast<char>(31 - i);
  // RFC 3720, appendix B.4, as numbers.
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43U);
  EXPECT_EQ(crc32c(rising), 0x46dd794eU);
  EXPECT_EQ(crc32c(falling), 0x113fdb5cU);
  EXPECT_EQ(crc32c("123456789"), 0xe3069283U);
  EXPECT_EQ(crc32c(""), 0U);
}

TEST(TensorBoard, Crc32cIsTheRestOfADivision) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) {
    bytes += static_cast<char>(i * 167);  // 167 is odd: every byte, so every entry of a table
    EXPECT_EQ(crc32c(bytes), divided(bytes)) << i;
    EXPECT_EQ(crc32c(bytes.substr(bytes.size() - 1)), divided(bytes.substr(bytes.size() - 1))) << i;
  }
}

// ---- The file.

TEST(TensorBoard, BeginsWithTheVersion) {
  const std::string path = path_of("version");
  {
    EventWriter writer(path, 1700000000.25);
  }
  const std::string file = content(path);
  // 24 bytes and the sum of this length: the first 12 bytes of TensorFlow's own event files.
  EXPECT_EQ(file.substr(0, 12), std::string("\x18\0\0\0\0\0\0\0\xa3\x7f\x4b\x22", 12));
  const auto all = records(file);
  ASSERT_EQ(all.size(), 1U);
  auto event = fields(all[0]);
  EXPECT_EQ(event.size(), 2U);
  EXPECT_EQ(as_double(event[1]), 1700000000.25);
  EXPECT_EQ(event[3], "brain.Event:2");
}

TEST(TensorBoard, Scalars) {
  const std::string path = path_of("scalars");
  constexpr std::int64_t kLast = std::numeric_limits<std::int64_t>::max();
  const std::vector<std::int64_t> steps{0, 1, 127, 128, 300, 70'000'000'000, kLast, -1};
  const float inf = std::numeric_limits<float>::infinity();
  const std::vector<double> values{0, 0.1, -2.5, 1e-42, 3e38, inf, -inf, 1e300};
  {
    EventWriter writer(path, 1);
    for (std::size_t i = 0; i < steps.size(); ++i)
      writer.add_scalar("loss/träin", steps[i], 1.5 + static_cast<double>(i), values[i]);
    writer.add_scalar("nan", 5, 2, std::numeric_limits<double>::quiet_NaN());
    writer.add_scalar(std::string(300, 'x'), 5, 2, 1);
  }
  const auto all = records(content(path));
  ASSERT_EQ(all.size(), steps.size() + 3);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    auto event = fields(all[i + 1]);
    EXPECT_EQ(event.size(), 3U);
    EXPECT_EQ(as_double(event[1]), 1.5 + static_cast<double>(i));
    EXPECT_EQ(static_cast<std::int64_t>(little(event[2])), steps[i]);
    auto value = value_of(all[i + 1]);
    EXPECT_EQ(value.size(), 2U);
    EXPECT_EQ(value[1], "loss/träin");
    ASSERT_EQ(value[2].size(), 4U);
    EXPECT_EQ(as_float(value[2]), static_cast<float>(values[i])) << i;
  }
  const float nan = as_float(value_of(all[steps.size() + 1])[2]);
  EXPECT_TRUE(nan != nan);
  EXPECT_EQ(value_of(all.back())[1], std::string(300, 'x'));
}

TEST(TensorBoard, Histograms) {
  const std::string path = path_of("histograms");
  Histogram histogram{.min = -1.5, .max = 19.75, .sum = 1234.5, .sum_squares = 99.25};
  double number = 0;
  for (int i = 0; i < 40; ++i) {  // 320 bytes of doubles: a length of two bytes
    histogram.limits.push_back(-1 + 0.5 * i);
    histogram.counts.push_back(i % 7 + 0.25);
    number += i % 7 + 0.25;
  }
  {
    EventWriter writer(path, 1);
    writer.add_histogram("fc1/activation", 12, 34.5, histogram);
    writer.add_histogram("one", 13, 35, {.limits = {1}, .counts = {0}});
  }
  const auto all = records(content(path));
  ASSERT_EQ(all.size(), 3U);
  auto event = fields(all[1]);
  EXPECT_EQ(as_double(event[1]), 34.5);
  EXPECT_EQ(little(event[2]), 12U);
  auto value = value_of(all[1]);
  EXPECT_EQ(value.size(), 2U);
  EXPECT_EQ(value[1], "fc1/activation");
  auto histo = fields(value[5]);
  ASSERT_EQ(histo.size(), 7U);
  EXPECT_EQ(as_double(histo[1]), -1.5);
  EXPECT_EQ(as_double(histo[2]), 19.75);
  EXPECT_EQ(as_double(histo[3]), number);
  EXPECT_EQ(as_double(histo[4]), 1234.5);
  EXPECT_EQ(as_double(histo[5]), 99.25);
  EXPECT_EQ(doubles(histo[6]), histogram.limits);
  EXPECT_EQ(doubles(histo[7]), histogram.counts);
  EXPECT_EQ(doubles(fields(value_of(all[2])[5])[6]), std::vector<double>{1});
}

TEST(TensorBoard, BeginsAnew) {
  const std::string path = path_of("anew");
  std::ofstream(path) << std::string(1000, 'x');
  {
    EventWriter writer(path, 1);
  }
  EXPECT_EQ(records(content(path)).size(), 1U);
}

TEST(TensorBoard, RecordsAreThereAtOnce) {
  const std::string path = path_of("live");
  EventWriter writer(path, 1);
  EXPECT_EQ(records(content(path)).size(), 1U);
  writer.add_scalar("loss", 1, 2, 3);
  EXPECT_EQ(records(content(path)).size(), 2U);
}

TEST(TensorBoard, NamesSortByTime) {
  EXPECT_EQ(event_file_name(1700000000), "events.out.tfevents.1700000000.gradus");
  EXPECT_EQ(event_file_name(7), "events.out.tfevents.0000000007.gradus");
}

// ---- Errors.

TEST(TensorBoard, RefusesWhatIsNoValue) {
  const std::string path = path_of("refused");
  EventWriter writer(path, 1);
  const auto refusal = [&](const std::string& tag, std::vector<double> limits, std::vector<double> counts) {
    return message_of<ArgumentError>(
        [&] { writer.add_histogram(tag, 0, 0, {.limits = std::move(limits), .counts = std::move(counts)}); });
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(message_of<ArgumentError>([&] { writer.add_scalar("", 0, 0, 0); }),
            "report: expected a tag in UTF-8 that is not empty, got ''");
  EXPECT_EQ(message_of<ArgumentError>([&] { writer.add_scalar("a\xff", 0, 0, 0); }),
            "report: expected a tag in UTF-8 that is not empty, got 'a\xff'");
  EXPECT_EQ(refusal("", {1}, {1}), "report: expected a tag in UTF-8 that is not empty, got ''");
  EXPECT_EQ(refusal("h", {}, {}),
            "report: expected as many limits as counts, at least one, got 0 limits and 0 counts for histogram 'h'");
  EXPECT_EQ(refusal("h", {1, 2}, {1}),
            "report: expected as many limits as counts, at least one, got 2 limits and 1 counts for histogram 'h'");
  EXPECT_EQ(refusal("h", {1, 1}, {1, 1}), "report: expected rising limits, got 1 at 1 for histogram 'h'");
  EXPECT_EQ(refusal("h", {nan}, {1}), "report: expected rising limits, got nan at 0 for histogram 'h'");
  EXPECT_EQ(refusal("h", {1, 2}, {1, -1}), "report: expected counts from 0, got -1 at 1 for histogram 'h'");
  EXPECT_EQ(refusal("h", {1}, {nan}), "report: expected counts from 0, got nan at 0 for histogram 'h'");
  EXPECT_EQ(records(content(path)).size(), 1U);  // and nothing of them is in the file
}

TEST(TensorBoard, NamesTheFileThatCannotBeWritten) {
  const std::string path = path_of("no_folder/events");
  EXPECT_EQ(message_of<IoError>([&] { EventWriter(path, 1); }),
            "report: expected a file that can be written, got '" + path + "' (No such file or directory)");
  if (fs::exists("/dev/full")) {
    EXPECT_EQ(message_of<IoError>([] { EventWriter("/dev/full", 1); }),
              "report: expected a file that can be written, got '/dev/full' (No space left on device)");
  }
}

/// Files of this process end at `bytes`; a write beyond that is cut short, as on a full disk.
class FileLimit {
 public:
  explicit FileLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FileLimit(const FileLimit&) = delete;
  FileLimit& operator=(const FileLimit&) = delete;

 private:
  void (*handler_)(int);
  rlimit before_{};
};

TEST(TensorBoard, KeepsWholeRecordsWhenTheDiskIsFull) {
  const std::string path = path_of("full");
  EventWriter writer(path, 1);
  writer.add_scalar("loss", 1, 2, 3);
  const std::string before = content(path);
  const auto add = [&] { writer.add_scalar("loss", 2, 3, 4); };
  std::string first;
  {
    const FileLimit limit(before.size() + 20);
    first = message_of<IoError>(add);
  }
  const std::string refusal = "report: expected a file that can be written, got '" + path + "' (";
  EXPECT_EQ(first, refusal + "File too large)");
  EXPECT_EQ(content(path), before);
  // A curve with a gap would be taken for the whole: the writer takes no more.
  EXPECT_EQ(message_of<IoError>(add), refusal + "closed since it could not be written)");
  EXPECT_EQ(content(path), before);
}

}  // namespace
}  // namespace gradus::report
