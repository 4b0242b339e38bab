#include "gradus/data/npy.h"

#include "bytes.h"
#include "zip.h"

#include "gradus/graph/arg.h"
#include "gradus/tensor/file.h"
#include "gradus/tensor/half.h"
#include "gradus/tensor/mapped_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

namespace gradus::data {
namespace {

using gradus::detail::fail;
using gradus::detail::write_file;

// ---- .npy ----------------------------------------------------------------------------------------

struct Header {
  char kind = 0;         // f, i, u or b
  std::size_t size = 0;  // bytes of an element
  bool swapped = false;  // the most significant byte first
  bool fortran = false;
  Shape shape;
  std::size_t end = 0;  // where the elements begin
};

/// What stands behind a key of the dictionary, without blanks before it.
std::string_view value_of(const Bytes& in, std::string_view text, std::string_view key) {
  const std::size_t at = text.find(fmt::format("'{}'", key));
  const std::size_t colon = at == std::string_view::npos ? at : text.find(':', at);
  if (colon == std::string_view::npos) in.fail(fmt::format("expected the key '{}'", key), 10);
  text.remove_prefix(colon + 1);
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  return text;
}

Shape parse_shape(const Bytes& in, std::string_view text) {
  const auto refuse = [&](const char* what) {
    in.fail(fmt::format("expected a shape {}, got {}", what, in_quotes(text)), 10);
  };
  const std::size_t close = text.find(')');
  if (!text.starts_with('(') || close == std::string_view::npos) refuse("in brackets");
  Shape shape;
  std::int64_t size = -1;  // of the number at hand; none
  for (const char c : text.substr(1, close)) {
    if (c >= '0' && c <= '9') {
      if (size > std::int64_t{1} << 48) refuse("that a file can hold");
      size = std::max<std::int64_t>(size, 0) * 10 + (c - '0');
    } else if (c == ',' || c == ')') {
      if (size < 0) continue;
      if (shape.rank() == kMaxRank) refuse("of at most 8 dimensions");
      shape.push_back(size);
      size = -1;
    } else if (c != ' ' && c != 'L') {
      refuse("of numbers");
    }
  }
  return shape;
}

Header parse_header(const Bytes& in) {
  // After the mark a byte of version, one that is always 0, and the length of the header.
  constexpr std::string_view mark = "\x93NUMPY";
  constexpr std::size_t version_at = mark.size(), length_at = version_at + 2;
  if (in.size() < length_at + 2 || in.view(0, mark.size(), "a .npy file") != mark)
    in.fail("expected a .npy file, got " + in_quotes(in.all()), 0);
  const int version = in.all()[version_at];
  if (version < 1 || version > 3)
    in.fail(fmt::format("expected version 1, 2 or 3 of a .npy file, got {}", version), version_at);
  const std::size_t start = length_at + (version == 1 ? 2 : 4);
  const std::size_t length = version == 1 ? in.little<std::uint16_t>(length_at) : in.little<std::uint32_t>(length_at);
  const std::string_view text = in.view(start, length, "the header");

  Header header;
  header.end = start + length;
  const std::string_view order = value_of(in, text, "fortran_order");
  header.fortran = order.starts_with("True");
  if (!header.fortran && !order.starts_with("False"))
    in.fail("expected True or False for 'fortran_order', got " + in_quotes(order), 10);
  const std::string_view type = value_of(in, text, "descr");
  const std::size_t close = type.find_first_of("'\"", 1);
  const std::string_view descr = close == std::string_view::npos || close > 8 ? "" : type.substr(1, close - 1);
  const std::string_view known[] = {"f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"};
  if (descr.size() != 3 || std::string_view("<>|=").find(descr[0]) == std::string_view::npos ||
      std::find(std::begin(known), std::end(known), descr.substr(1)) == std::end(known))
    in.fail("expected numbers of 1 to 8 bytes or bool, got " + in_quotes(type.substr(0, 16)), 10);
  header.kind = descr[1];
  header.size = static_cast<std::size_t>(descr[2] - '0');
  header.swapped = descr[0] == '>';
  header.shape = parse_shape(in, value_of(in, text, "shape"));

  const std::size_t rest = in.size() - header.end;
  std::size_t elements = 1;
  bool empty = false;
  for (const std::int64_t size : header.shape) {
    empty = empty || size == 0;
    const auto n = static_cast<std::size_t>(std::max<std::int64_t>(size, 1));
    if (elements > (std::size_t{1} << 48) / n)
      in.fail("expected a shape that a file can hold, got " + to_string(header.shape), 10);
    elements *= n;
  }
  const std::size_t expected = empty ? 0 : elements * header.size;
  if (rest != expected)
    in.fail(fmt::format("expected {} bytes of values for {}, got {}", expected, to_string(header.shape), rest),
            header.end);
  return header;
}

/// Elements stored as Bits, each made a value of type T by `f`.
template <class Bits, class T, class F>
Tensor convert(const Bytes& in, const Header& header, F f) {
  Shape shape = header.shape;
  if (header.fortran) std::reverse(shape.begin(), shape.end());
  Tensor x = empty(shape, dtype_of<T>);
  T* const out = x.mutable_data<T>();
  const char* from = in.all().data() + header.end;
  for (std::int64_t i = 0; i < x.numel(); ++i, from += sizeof(Bits)) {
    char raw[sizeof(Bits)];
    std::memcpy(raw, from, sizeof(Bits));
    if (header.swapped) std::reverse(raw, raw + sizeof(Bits));
    Bits bits;
    std::memcpy(&bits, raw, sizeof(Bits));
    out[i] = f(bits);
  }
  if (!header.fortran || shape.rank() < 2) return x;
  Shape strides = x.strides();
  std::reverse(strides.begin(), strides.end());
  return contiguous(view_as(x, header.shape, strides));
}

template <class T>
Tensor convert_whole(const Bytes& in, const Header& header) {
  return convert<T, std::int64_t>(in, header, [&](T value) {
    if constexpr (std::is_same_v<T, std::uint64_t>)
      if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
        in.fail(fmt::format("expected integers that int64 holds, got {}", value), header.end);
    return static_cast<std::int64_t>(value);
  });
}

Tensor parse_npy(const Bytes& in) {
  const Header header = parse_header(in);
  const auto same = [](auto value) { return value; };
  switch (header.kind) {
    case 'b': return convert<std::uint8_t, bool>(in, header, [](auto v) { return v != 0; });
    case 'f':
      if (header.size == 8) return convert<double, double>(in, header, same);
      if (header.size == 4) return convert<float, float>(in, header, same);
      return convert<std::uint16_t, float>(in, header, gradus::detail::from_half);
    case 'i':
      if (header.size == 8) return convert<std::int64_t, std::int64_t>(in, header, same);
      if (header.size == 4) return convert_whole<std::int32_t>(in, header);
      if (header.size == 2) return convert_whole<std::int16_t>(in, header);
      return convert_whole<std::int8_t>(in, header);
    default:
      if (header.size == 8) return convert_whole<std::uint64_t>(in, header);
      if (header.size == 4) return convert_whole<std::uint32_t>(in, header);
      if (header.size == 2) return convert_whole<std::uint16_t>(in, header);
      return convert_whole<std::uint8_t>(in, header);
  }
}

/// The dtype whose elements are as they stand in the file; nothing if they would have to be converted.
std::optional<DType> plain_dtype(const Header& header) {
  if (header.swapped && header.size > 1) return {};
  if (header.kind == 'f' && header.size == 4) return float32;
  if (header.kind == 'f' && header.size == 8) return float64;
  if (header.kind == 'i' && header.size == 8) return int64;
  return {};
}

Tensor map_array(const gradus::detail::MappedFile& file, const Bytes& in) {
  constexpr const char* kOther = ", which read_npy takes,";
  const Header header = parse_header(in);
  const auto dtype = plain_dtype(header);
  if (!dtype)
    in.fail(fmt::format("expected '<f4', '<f8' or '<i8' to map, got '{}{}{}'{}",
                        header.swapped    ? ">"
                        : header.size > 1 ? "<"
                                          : "|",
                        header.kind,
                        header.size,
                        kOther),
            10);
  if (header.fortran && header.shape.rank() > 1)
    in.fail(fmt::format("expected rows one after the other to map, got Fortran order{}", kOther), 10);
  if (header.end % header.size != 0)
    in.fail(fmt::format("expected elements at a multiple of {} bytes to map, got others{}", header.size, kOther),
            header.end);
  return file.tensor(in.all().substr(header.end), *dtype, header.shape);
}

constexpr std::size_t kLongestHeader = 512;  // of what is written: 8 sizes of at most 19 digits

std::string spell_npy(const Tensor& source) {
  const Tensor x = contiguous(source);
  const char* const type = x.dtype() == float32   ? "<f4"
                           : x.dtype() == float64 ? "<f8"
                           : x.dtype() == int64   ? "<i8"
                                                  : "|b1";
  std::string sizes;
  for (const std::int64_t size : x.shape()) sizes += fmt::format("{}, ", size);
  if (x.rank() > 1) sizes.resize(sizes.size() - 2);
  std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", type, sizes);
  header.append(63 - (10 + header.size()) % 64, ' ');
  header += '\n';
  std::string bytes("\x93NUMPY\x01\x00", 8);
  append_little(bytes, static_cast<std::uint16_t>(header.size()));
  bytes += header;
  dispatch(x.dtype(), [&]<class T>() {
    if (x.numel() > 0)
      bytes.append(reinterpret_cast<const char*>(x.data<T>()), static_cast<std::size_t>(x.numel()) * sizeof(T));
  });
  return bytes;
}

// ---- .npz: a zip file ----------------------------------------------------------------------------

Arrays parse_npz(const Bytes& in) {
  Arrays arrays;
  for (const ZipMember& member : read_zip_directory(in)) {
    std::string name = member.name, buffer;
    if (!name.ends_with(".npy"))
      in.fail(fmt::format("expected names ending in .npy, got {}", in_quotes(name)), member.at);
    const Bytes bytes(in.op(), fmt::format("{} in {}", name, in.path()), unpack(in, member, buffer));
    name.resize(name.size() - 4);
    if (!arrays.emplace(name, parse_npy(bytes)).second)
      in.fail(fmt::format("expected different names, got {} twice", in_quotes(name)), member.at);
  }
  return arrays;
}

}  // namespace

Tensor read_npy(const std::string& path, CallSite site) {
  return reading("read_npy", path, site, [&] {
    const std::string bytes = read_all("read_npy", path);
    return parse_npy(Bytes("read_npy", path, bytes));
  });
}

Tensor map_npy(const std::string& path, CallSite site) {
  return reading("map_npy", path, site, [&] {
    const gradus::detail::MappedFile file("map_npy", path);
    return map_array(file, Bytes("map_npy", path, file.bytes()));
  });
}

Arrays read_npz(const std::string& path, CallSite site) {
  return reading("read_npz", path, site, [&] {
    const std::string bytes = read_all("read_npz", path);
    return parse_npz(Bytes("read_npz", path, bytes));
  });
}

void write_npy(const std::string& path, const Tensor& x, CallSite site) {
  const gradus::detail::SitePin pin(site);
  write_file("write_npy", path, spell_npy(x));
}

void write_npz(const std::string& path, const Arrays& arrays, CallSite site) {
  const gradus::detail::SitePin pin(site);
  std::size_t size = 0;  // no less than the file's
  for (const auto& [key, array] : arrays) {
    if (key.size() > 0xfff0)
      fail<ArgumentError>("write_npz",
                          fmt::format("expected names of at most 65,520 bytes, got {} for {}", key.size(), path));
    size += static_cast<std::size_t>(array.numel()) * size_of(array.dtype()) + kLongestHeader + 2 * key.size() +
            ZipWriter::kOverhead;
  }
  ZipWriter zip(arrays.size(), size);
  for (const auto& [key, array] : arrays) zip.add(key + ".npy", spell_npy(array));
  write_file("write_npz", path, zip.finish());
}

}  // namespace gradus::data
