#include "images.h"
#include "input_file.h"

#include "gradus/data/readers.h"
#include "gradus/graph/arg.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>

namespace gradus::data {
namespace {

using gradus::detail::fail;

constexpr unsigned kUint8 = 0x08, kInt8 = 0x09, kInt16 = 0x0B, kInt32 = 0x0C, kFloat32 = 0x0D, kFloat64 = 0x0E;

struct IdxHeader {
  unsigned type = 0;
  Shape shape;
  std::int64_t numel = 0;
};

std::int64_t element_bytes(unsigned type) {
  switch (type) {
    case kUint8:
    case kInt8: return 1;
    case kInt16: return 2;
    case kInt32:
    case kFloat32: return 4;
    case kFloat64: return 8;
    default: return 0;
  }
}

template <class Bits>
Bits big_endian(const unsigned char* bytes) {
  Bits value = 0;
  for (std::size_t i = 0; i < sizeof(Bits); ++i) value = static_cast<Bits>(value << 8 | bytes[i]);
  return value;
}

/// The header, of a file that is exactly as long as its header says.
IdxHeader read_header(InputFile& file, unsigned magic) {
  std::array<unsigned char, 4> word{};
  const auto read_word = [&](const char* what) {
    const std::int64_t at = file.position();
    if (file.read(word.data(), 4) < 4)
      file.fail(fmt::format("expected {} of an IDX file, got the end of the file", what), at);
    return big_endian<std::uint32_t>(word.data());
  };
  const std::uint32_t found = read_word("the magic number");
  if (magic != 0 && found != magic)
    file.fail(fmt::format(
                  "expected the magic number {} ({}), got {}", magic, (magic & 0xff) == 1 ? "labels" : "images", found),
              0);
  IdxHeader header{found >> 8, {}, 1};
  const int rank = static_cast<int>(found & 0xff);
  const std::int64_t bytes = element_bytes(header.type);
  if (bytes == 0 || rank < 1 || rank > kMaxRank)
    file.fail(fmt::format("expected the magic number of an IDX file, got {:#010x}", found), 0);

  bool empty = false;
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() / 64;
  for (int d = 0; d < rank; ++d) {
    const std::int64_t size = read_word("a size");
    header.shape.push_back(size);
    empty = empty || size == 0;
    if (size > 0 && header.numel > kMost / size)
      file.fail(fmt::format("expected sizes that a file can hold, got {}", to_string(header.shape)),
                file.position() - 4);
    if (size > 0) header.numel *= size;
  }
  if (empty) header.numel = 0;

  const std::int64_t expected = header.numel * bytes, got = file.count_rest(expected);
  if (got != expected)
    file.fail(fmt::format("expected {} bytes of values for {}, got {}",
                          expected,
                          to_string(header.shape),
                          got > expected ? "more" : std::to_string(got)));
  return header;
}

/// Elements of type Bits (as stored) that mean a Value, each divided by `divisor` in type T.
template <class Bits, class Value, class T>
void read_elements(InputFile& file, T* out, std::int64_t n, double divisor) {
  std::array<unsigned char, 1 << 14> buffer;
  constexpr auto kChunk = static_cast<std::int64_t>(buffer.size() / sizeof(Bits));
  const auto scale = static_cast<T>(divisor);
  for (std::int64_t i = 0; i < n;) {
    const std::int64_t count = std::min(kChunk, n - i);
    const std::size_t bytes = static_cast<std::size_t>(count) * sizeof(Bits);
    if (file.read(buffer.data(), bytes) < bytes) file.fail("expected more values, got the end of the file");
    for (std::int64_t k = 0; k < count; ++k) {
      const auto bits = big_endian<Bits>(buffer.data() + static_cast<std::size_t>(k) * sizeof(Bits));
      const auto value = std::bit_cast<Value>(bits);
      if constexpr (std::is_floating_point_v<T>) {
        out[i + k] = static_cast<T>(value) / scale;
      } else {
        out[i + k] = static_cast<T>(value);  // NOLINT(bugprone-signed-char-misuse): a number
      }
    }
    i += count;
  }
}

Tensor read_values(InputFile& file, const IdxHeader& header, const Shape& shape, DType dtype, double divisor = 1) {
  Tensor result = empty(shape, dtype);
  dispatch(dtype, [&]<class T>() {
    T* out = result.mutable_data<T>();
    const std::int64_t n = header.numel;
    switch (header.type) {
      case kUint8: return read_elements<std::uint8_t, std::uint8_t>(file, out, n, divisor);
      case kInt8: return read_elements<std::uint8_t, std::int8_t>(file, out, n, divisor);
      case kInt16: return read_elements<std::uint16_t, std::int16_t>(file, out, n, divisor);
      case kInt32: return read_elements<std::uint32_t, std::int32_t>(file, out, n, divisor);
      case kFloat32: return read_elements<std::uint32_t, float>(file, out, n, divisor);
      default: return read_elements<std::uint64_t, double>(file, out, n, divisor);
    }
  });
  return result;
}

constexpr unsigned kImages = 2051, kLabels = 2049;

Dataset read_images(const std::string& images_path, const std::string& labels_path, std::int64_t classes) {
  // The labels first: they are small, so a mistake is found before the images are read.
  InputFile labels("mnist", labels_path);
  const IdxHeader label_header = read_header(labels, kLabels);
  const std::int64_t start = labels.position();
  Dataset result;
  result.targets = read_values(labels, label_header, label_header.shape, int64);
  const auto* target = result.targets.data<std::int64_t>();
  for (std::int64_t i = 0; i < label_header.numel; ++i)
    if (target[i] >= classes)
      labels.fail(fmt::format("expected a label below {}, got {}", classes, target[i]), start + i);

  InputFile images("mnist", images_path);
  const IdxHeader header = read_header(images, kImages);
  const Shape& s = header.shape;
  if (s[0] != label_header.numel)
    images.fail(
        fmt::format("expected {} images, one for each label in {}, got {}", label_header.numel, labels_path, s[0]), 4);
  result.inputs = read_values(images, header, {s[0], 1, s[1], s[2]}, float32, 255);
  for (std::int64_t c = 0; c < classes; ++c) result.class_names.push_back(std::to_string(c));
  return result;
}

}  // namespace

Tensor read_idx(const std::string& path, DType dtype, CallSite site) {
  return reading("read_idx", path, site, [&] {
    InputFile file("read_idx", path);
    const IdxHeader header = read_header(file, 0);
    const bool fractions = header.type == kFloat32 || header.type == kFloat64;
    if (dtype == boolean || (fractions && !is_floating(dtype)))
      fail<DTypeError>("read_idx",
                       fmt::format("expected {} for {}, got {}",
                                   fractions ? "float32 or float64" : "float32, float64 or int64",
                                   path,
                                   to_string(dtype)));
    return read_values(file, header, header.shape, dtype);
  });
}

Splits mnist(const std::string& folder, const ImageOptions& options, CallSite site) {
  return reading("mnist", folder, site, [&] {
    check_options("mnist", options);
    const auto find = [&](const char* name, const char* other) { return require_file("mnist", folder, {name, other}); };
    // Some copies of the files have a dot before "idx".
    const std::string train_images = find("train-images-idx3-ubyte", "train-images.idx3-ubyte");
    const std::string train_labels = find("train-labels-idx1-ubyte", "train-labels.idx1-ubyte");
    const std::string test_images = find("t10k-images-idx3-ubyte", "t10k-images.idx3-ubyte");
    const std::string test_labels = find("t10k-labels-idx1-ubyte", "t10k-labels.idx1-ubyte");

    Dataset test = read_images(test_images, test_labels, options.classes);
    const Dataset train = read_images(train_images, train_labels, options.classes);
    for (int d = 2; d < 4; ++d)
      if (train.inputs.size(d) != test.inputs.size(d))
        fail<IoError>("mnist",
                      fmt::format("expected images of one size, got {} in {} and {} in {}",
                                  to_string(train.inputs.shape()),
                                  train_images,
                                  to_string(test.inputs.shape()),
                                  test_images));
    return make_splits("mnist", train, std::move(test), options);
  });
}

}  // namespace gradus::data
