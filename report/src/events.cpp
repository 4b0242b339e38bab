#include "events.h"

#include "collect.h"

#include "gradus/tensor/error.h"
#include "gradus/tensor/file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <filesystem>
#include <numeric>
#include <system_error>

namespace gradus::report {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::uint32_t, 256> kTable = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78u : 0);
    table[i] = crc;
  }
  return table;
}();

/// So that a CRC of bytes that hold a CRC is no special value.
std::uint32_t masked(std::uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8u; }

std::string little(std::uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xff);
  return text;
}

// Protocol buffers' wire format: a key of field number and kind, then the value.
std::string varint(std::uint64_t value) {
  std::string text;
  for (; value >= 0x80; value >>= 7) text += static_cast<char>((value & 0x7f) | 0x80);
  return text + static_cast<char>(value);
}
std::string key(int field, int kind) { return varint(static_cast<std::uint64_t>(field << 3 | kind)); }
std::string whole(int field, std::uint64_t value) { return key(field, 0) + varint(value); }
std::string real(int field, double value) { return key(field, 1) + little(std::bit_cast<std::uint64_t>(value), 8); }
std::string real(int field, float value) { return key(field, 5) + little(std::bit_cast<std::uint32_t>(value), 4); }
std::string bytes(int field, std::string_view value) {
  return key(field, 2) + varint(value.size()) + std::string(value);
}

void add(std::string& file, const std::string& tag, const Json& steps, const Json& values) {
  for (std::size_t i = 0; i < values.size() && i < steps.size(); ++i)
    if (values[i].is_number() && steps[i].is_number())
      file += tf_record(scalar_event(0, steps[i].get<std::int64_t>(), tag, values[i].get<float>()));
}

void add_histograms(std::string& file, const std::string& tag, const Json& list) {
  for (const Json& one : list)
    if (one["step"].is_number())
      file +=
          tf_record(histogram_event(0, one["step"].get<std::int64_t>(), tag, {one["low"], one["high"], one["counts"]}));
}

std::string summary_event(double seconds, std::int64_t step, const std::string& value) {
  return real(1, seconds) + whole(2, static_cast<std::uint64_t>(step)) + bytes(5, bytes(1, value));
}

std::string events_of(const Json& run) {
  std::string file = tf_record(first_event(0));
  for (const auto& [name, values] : run["epochs"].items())
    if (name != "epoch") add(file, "epoch/" + name, run["epochs"]["epoch"], values);
  const Json& steps = run["steps"];
  if (!steps.contains("step")) return file;
  for (const char* name : {"loss", "lr", "noise_scale"})
    add(file, fmt::format("step/{}", name), steps["step"], steps[name]);
  for (const auto& [name, of] : steps["parameters"].items())
    for (const auto& [what, values] : of.items()) add(file, fmt::format("{}/{}", what, name), steps["step"], values);
  for (const auto& [name, of] : steps["activations"].items())
    for (const auto& [what, values] : of.items())
      add(file, fmt::format("activation_{}/{}", what, name), steps["step"], values);
  for (const auto& [name, list] : steps["histograms"].items()) add_histograms(file, "activation/" + name, list);
  return file;
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  std::uint32_t crc = 0xffffffffu;
  for (const char c : bytes) crc = (crc >> 8) ^ kTable[(crc ^ static_cast<unsigned char>(c)) & 0xff];
  return ~crc;
}

std::string tf_record(std::string_view bytes) {
  const std::string length = little(bytes.size(), 8);
  return length + little(masked(crc32c(length)), 4) + std::string(bytes) + little(masked(crc32c(bytes)), 4);
}

std::string scalar_event(double seconds, std::int64_t step, std::string_view tag, float value) {
  return summary_event(seconds, step, bytes(1, tag) + real(2, value));  // Summary.value {tag, simple_value}
}

// Summary.value {tag, histo = 5}, HistogramProto {min, max, num, sum, sum_squares, bucket_limit, bucket}; values count
// as the middles of their parts.
std::string histogram_event(double seconds, std::int64_t step, std::string_view tag, const train::Histogram& values) {
  if (!(values.low < values.high)) {  // one value: TensorBoard shows parts that have a width
    const double room = std::max(0.5, std::abs(values.low) / 1000);
    return histogram_event(seconds,
                           step,
                           tag,
                           {values.low - room,
                            values.low + room,
                            {std::accumulate(values.counts.begin(), values.counts.end(), std::int64_t{0})}});
  }
  const double width = (values.high - values.low) / static_cast<double>(values.counts.size());
  double num = 0, sum = 0, squares = 0, limit = values.low;
  std::string limits, buckets;
  for (const std::int64_t count : values.counts) {
    const auto n = static_cast<double>(count), middle = limit + width / 2;
    num += n, sum += n * middle, squares += n * middle * middle;
    limits += little(std::bit_cast<std::uint64_t>(limit += width), 8);
    buckets += little(std::bit_cast<std::uint64_t>(n), 8);
  }
  return summary_event(seconds,
                       step,
                       bytes(1, tag) + bytes(5,
                                             real(1, values.low) + real(2, values.high) + real(3, num) + real(4, sum) +
                                                 real(5, squares) + bytes(6, limits) + bytes(7, buckets)));
}

std::string first_event(double seconds) { return real(1, seconds) + bytes(3, "brain.Event:2"); }

std::vector<std::string> write_events(const Subjects& subjects, const std::string& folder) {
  const Json all = collect(subjects);
  std::vector<std::string> files;
  for (const Json& run : all["runs"]) {
    std::string name = run["name"];
    for (int again = 2;
         fs::exists(fs::path(folder) / name) && !files.empty() &&
         std::any_of(files.begin(),
                     files.end(),
                     [&](const std::string& file) { return fs::path(file).parent_path().filename() == name; });
         ++again)
      name = fmt::format("{}-{}", run["name"].get<std::string>(), again);
    const fs::path place = fs::path(folder) / name;
    std::error_code error;
    fs::create_directories(place, error);
    if (error)
      gradus::detail::fail<IoError>(
          "report", fmt::format("expected a folder for events, got '{}' ({})", place.string(), error.message()));
    files.push_back((place / "events.out.tfevents.0.gradus").string());
    gradus::detail::write_file("report", files.back(), events_of(run));
  }
  return files;
}

}  // namespace gradus::report
