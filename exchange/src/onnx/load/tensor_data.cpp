#include "onnx/load/tensor_data.h"

#include "onnx/load/model.h"

#include "gradus/tensor/half.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <optional>

namespace gradus::onnx {
namespace {

namespace fs = std::filesystem;

/// TensorProto.DataType.
enum Type : std::int64_t {
  kFloat = 1,
  kUint8,
  kInt8,
  kUint16,
  kInt16,
  kInt32,
  kInt64,
  kString,
  kBool,
  kFloat16,
  kDouble,
  kUint32,
  kUint64,
  kBfloat16 = 16
};

/// Bytes of an element in raw data; 0 for what is not read.
std::size_t width_of(std::int64_t type) {
  switch (type) {
    case kUint8:
    case kInt8:
    case kBool: return 1;
    case kUint16:
    case kInt16:
    case kFloat16:
    case kBfloat16: return 2;
    case kFloat:
    case kInt32:
    case kUint32: return 4;
    case kInt64:
    case kUint64:
    case kDouble: return 8;
    default: return 0;
  }
}

/// Fields as they come; numbers of typed data wait until the type is known.
struct Parts {
  std::string name;
  std::vector<std::int64_t> sizes;
  std::int64_t type = 0;
  std::vector<std::int64_t> integers;
  std::vector<double> numbers;
  std::optional<std::string_view> raw;
  std::map<std::string, std::string> place;  // of data in another file
  bool is_outside = false;
};

Parts parts_of(Fields& fields) {
  Parts p;
  const auto add_integer = [&](std::int64_t value) { p.integers.push_back(value); };
  const auto add_number = [&](double value) { p.numbers.push_back(value); };
  while (fields.next()) {
    switch (fields.number()) {
      case 1: fields.integers([&](std::int64_t size) { p.sizes.push_back(size); }); break;
      case 2: p.type = fields.integer(); break;
      case 3: fields.fail("a whole tensor", "a segment of one"); break;
      case 4: fields.floats32(add_number); break;
      case 5:
      case 7:
      case 11: fields.integers(add_integer); break;
      case 8: p.name = fields.text(); break;
      case 9: p.raw = fields.bytes(); break;
      case 10: fields.floats64(add_number); break;
      case 13: {
        std::string key, value;
        for (Fields entry = fields.message(); entry.next();)
          if (entry.number() == 1)
            key = entry.text();
          else if (entry.number() == 2)
            value = entry.text();
        p.place[key] = value;
        break;
      }
      case 14: p.is_outside = fields.integer() == 1; break;
      default: break;
    }
  }
  return p;
}

template <class From>
From element(std::string_view raw, std::size_t i) {
  From value{};
  std::memcpy(&value, raw.data() + i * sizeof value, sizeof value);
  return value;
}

template <class From, class To, class F>
void fill(Tensor& x, std::string_view raw, F convert) {
  To* const to = x.mutable_data<To>();
  for (std::size_t i = 0; i < static_cast<std::size_t>(x.numel()); ++i) to[i] = convert(element<From>(raw, i));
}

template <class From>
void fill_integers(Tensor& x, std::string_view raw) {
  fill<From, std::int64_t>(x, raw, [](From v) { return static_cast<std::int64_t>(v); });
}

void fill_raw(Tensor& x, std::int64_t type, std::string_view raw) {
  switch (type) {
    case kUint8: return fill_integers<std::uint8_t>(x, raw);
    case kInt8: return fill_integers<std::int8_t>(x, raw);
    case kUint16: return fill_integers<std::uint16_t>(x, raw);
    case kInt16: return fill_integers<std::int16_t>(x, raw);
    case kInt32: return fill_integers<std::int32_t>(x, raw);
    case kUint32: return fill_integers<std::uint32_t>(x, raw);
    case kInt64:
    case kUint64: return fill_integers<std::int64_t>(x, raw);
    case kBool: return fill<std::uint8_t, bool>(x, raw, [](std::uint8_t v) { return v != 0; });
    case kFloat16: return fill<std::uint16_t, float>(x, raw, detail::from_half);
    case kBfloat16: return fill<std::uint16_t, float>(x, raw, detail::from_bfloat16);
    case kFloat: return fill<float, float>(x, raw, [](float v) { return v; });
    default: return fill<double, double>(x, raw, [](double v) { return v; });
  }
}

/// Typed data: float16 and bfloat16 are their bits.
void fill_typed(Tensor& x, const Parts& p) {
  const auto n = static_cast<std::size_t>(x.numel());
  for (std::size_t i = 0; i < n; ++i) {
    if (p.type == kFloat)
      x.mutable_data<float>()[i] = static_cast<float>(p.numbers[i]);
    else if (p.type == kDouble)
      x.mutable_data<double>()[i] = p.numbers[i];
    else if (p.type == kFloat16)
      x.mutable_data<float>()[i] = detail::from_half(static_cast<std::uint16_t>(p.integers[i]));
    else if (p.type == kBfloat16)
      x.mutable_data<float>()[i] = detail::from_bfloat16(static_cast<std::uint16_t>(p.integers[i]));
    else if (p.type == kBool)
      x.mutable_data<bool>()[i] = p.integers[i] != 0;
    else
      x.mutable_data<std::int64_t>()[i] = p.integers[i];
  }
}

/// What a tensor's shape makes of elements; IoError if it can't be one.
std::uint64_t count_of(const Fields& fields, const Parts& p) {
  if (p.sizes.size() > static_cast<std::size_t>(kMaxRank))
    fields.fail(fmt::format("a tensor of at most {} dimensions", kMaxRank), fmt::format("{}", p.sizes.size()));
  constexpr std::uint64_t most = std::uint64_t{1} << 56;
  std::uint64_t count = 1;
  bool is_empty = false;
  for (const std::int64_t size : p.sizes) {
    if (size < 0) fields.fail("sizes of a tensor from 0 on", fmt::format("{}", size));
    is_empty = is_empty || size == 0;
    const auto n = static_cast<std::uint64_t>(std::max<std::int64_t>(size, 1));
    if (n > most / count) fields.fail("a tensor that memory can hold", fmt::format("a size of {}", size));
    count *= n;
  }
  return is_empty ? 0 : count;
}

std::uint64_t number_at(const Fields& fields, const Parts& p, const char* key, std::uint64_t otherwise) {
  const auto at = p.place.find(key);
  if (at == p.place.end()) return otherwise;
  std::uint64_t value = 0;
  const char* const end = at->second.data() + at->second.size();
  const auto read = std::from_chars(at->second.data(), end, value);
  if (read.ec != std::errc() || read.ptr != end)
    fields.fail(fmt::format("a number as {} of the data of '{}'", key, p.name), fmt::format("'{}'", at->second));
  return value;
}

/// Data in a file beside the model, never outside of its folder.
std::string outside_data(const Source& source, const Fields& fields, const Parts& p, std::uint64_t wanted) {
  const auto at = p.place.find("location");
  const fs::path place = at == p.place.end() ? fs::path() : fs::path(at->second);
  bool is_inside = !place.empty() && place.is_relative();
  for (const fs::path& part : place) is_inside = is_inside && part != "..";
  std::error_code error;
  const fs::path folder = fs::weakly_canonical(fs::absolute(source.path).parent_path(), error);
  const fs::path whole = fs::weakly_canonical(folder / place, error);
  const fs::path from_folder = whole.lexically_relative(folder);
  is_inside = is_inside && !from_folder.empty() && *from_folder.begin() != "..";
  if (!is_inside)
    fields.fail(fmt::format("data of '{}' in a file in the model's folder", p.name),
                fmt::format("'{}'", place.string()));
  const std::uint64_t offset = number_at(fields, p, "offset", 0), length = number_at(fields, p, "length", wanted);
  if (length != wanted)
    fields.fail(fmt::format("{} bytes of data of '{}'", wanted, p.name), fmt::format("a length of {}", length));
  const std::uintmax_t size = fs::is_regular_file(whole, error) ? fs::file_size(whole, error) : 0;
  if (error || size < length || size - length < offset)
    fields.fail(fmt::format("{} bytes from byte {} on in {}", length, offset, whole.string()),
                error ? error.message() : fmt::format("a file of {} bytes", size));
  std::string data(static_cast<std::size_t>(length), '\0');
  std::ifstream in(whole, std::ios::binary);
  in.seekg(static_cast<std::streamoff>(offset));
  if (!in.read(data.data(), static_cast<std::streamsize>(data.size())))
    fields.fail(fmt::format("{} bytes in {}", length, whole.string()), "an error");
  return data;
}

}  // namespace

std::optional<DType> dtype_of_type(std::int64_t type) {
  if (width_of(type) == 0) return {};
  if (type == kBool) return boolean;
  if (type == kDouble) return float64;
  return type == kFloat || type == kFloat16 || type == kBfloat16 ? float32 : int64;
}

std::pair<std::string, Tensor> tensor_of(const Source& source, Fields fields) {
  const Parts p = parts_of(fields);
  const std::optional<DType> dtype = dtype_of_type(p.type);
  if (!dtype) fields.fail(fmt::format("a type of numbers for tensor '{}'", p.name), fmt::format("type {}", p.type));
  const std::uint64_t count = count_of(fields, p), wanted = count * width_of(p.type);
  std::string outside;
  std::optional<std::string_view> raw = p.raw;
  if (p.is_outside) {
    source.has_data_outside = true;
    outside = outside_data(source, fields, p, wanted);
    raw = outside;
  }
  const bool is_typed = !raw || (raw->empty() && count > 0);
  const std::uint64_t given =
      is_typed ? (p.type == kFloat || p.type == kDouble ? p.numbers.size() : p.integers.size()) : raw->size();
  if (given != (is_typed ? count : wanted))
    fields.fail(fmt::format("{} {} of tensor '{}'", is_typed ? count : wanted, is_typed ? "elements" : "bytes", p.name),
                fmt::format("{}", given));
  Tensor x = empty(Shape(std::span(p.sizes)), *dtype);
  if (is_typed)
    fill_typed(x, p);
  else
    fill_raw(x, p.type, *raw);
  if (p.type == kUint64)
    for (const std::int64_t v : x.to_vector<std::int64_t>())
      if (v < 0) fields.fail(fmt::format("numbers of '{}' that int64 holds", p.name), "a larger one");
  return {p.name, x};
}

Tensor read_tensor(const std::string& path, std::string_view bytes) {
  const Source source{path, bytes};
  return tensor_of(source, Fields(source, bytes)).second;
}

}  // namespace gradus::onnx
