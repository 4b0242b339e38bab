#include "gradus/data/npy.h"

#include "bytes.h"

#include "gradus/graph/arg.h"
#include "gradus/tensor/file.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <new>
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
    in.fail(fmt::format("expected a shape {}, got {}", what, quote(text)), 10);
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
  if (in.size() < 10 || in.view(0, 6, "a .npy file") != "\x93NUMPY")
    in.fail("expected a .npy file, got " + quote(in.all()), 0);
  const int version = in.all()[6];
  if (version < 1 || version > 3)
    in.fail(fmt::format("expected version 1, 2 or 3 of a .npy file, got {}", version), 6);
  const std::size_t start = version == 1 ? 10 : 12;
  const std::size_t length =
      version == 1 ? in.little<std::uint16_t>(8) : in.little<std::uint32_t>(8);
  const std::string_view text = in.view(start, length, "the header");

  Header header;
  header.end = start + length;
  const std::string_view order = value_of(in, text, "fortran_order");
  header.fortran = order.starts_with("True");
  if (!header.fortran && !order.starts_with("False"))
    in.fail("expected True or False for 'fortran_order', got " + quote(order), 10);
  const std::string_view type = value_of(in, text, "descr");
  const std::size_t close = type.find_first_of("'\"", 1);
  const std::string_view descr =
      close == std::string_view::npos || close > 8 ? "" : type.substr(1, close - 1);
  const std::string_view known[] = {
      "f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"};
  if (descr.size() != 3 || std::string_view("<>|=").find(descr[0]) == std::string_view::npos ||
      std::find(std::begin(known), std::end(known), descr.substr(1)) == std::end(known))
    in.fail("expected numbers of 1 to 8 bytes or bool, got " + quote(type.substr(0, 16)), 10);
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
    in.fail(
        fmt::format(
            "expected {} bytes of values for {}, got {}", expected, to_string(header.shape), rest),
        header.end);
  return header;
}

float from_half(std::uint16_t bits) {
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  float value = exponent == 31  ? (fraction == 0 ? INFINITY : NAN)
                : exponent == 0 ? std::ldexp(static_cast<float>(fraction), -24)
                                : std::ldexp(static_cast<float>(1024 + fraction), exponent - 25);
  return (bits & 0x8000) != 0 ? -value : value;
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
      return convert<std::uint16_t, float>(in, header, from_half);
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

std::string spell_npy(const Tensor& source) {
  const Tensor x = contiguous(source);
  const char* const type = x.dtype() == float32   ? "<f4"
                           : x.dtype() == float64 ? "<f8"
                           : x.dtype() == int64   ? "<i8"
                                                  : "|b1";
  std::string sizes;
  for (const std::int64_t size : x.shape()) sizes += fmt::format("{}, ", size);
  if (x.rank() > 1) sizes.resize(sizes.size() - 2);
  std::string header =
      fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", type, sizes);
  header.append(63 - (10 + header.size()) % 64, ' ');
  header += '\n';
  std::string bytes("\x93NUMPY\x01\x00", 8);
  append_little(bytes, static_cast<std::uint16_t>(header.size()));
  bytes += header;
  dispatch(x.dtype(), [&]<class T>() {
    if (x.numel() > 0)
      bytes.append(reinterpret_cast<const char*>(x.data<T>()),
                   static_cast<std::size_t>(x.numel()) * sizeof(T));
  });
  return bytes;
}

// ---- .npz: a zip file ----------------------------------------------------------------------------

constexpr std::uint32_t kEnd = 0x06054b50, kEntry = 0x02014b50, kLocal = 0x04034b50;
constexpr std::size_t kEndSize = 22, kEntrySize = 46, kLocalSize = 30;

std::uint32_t checksum(std::string_view bytes) {
  return static_cast<std::uint32_t>(
      crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

/// The end record stands last, before a comment of the length it gives.
std::size_t find_end(const Bytes& in) {
  if (in.size() >= kEndSize)
    for (std::size_t k = 0; k <= std::min<std::size_t>(in.size() - kEndSize, 0xffff); ++k) {
      const std::size_t at = in.size() - kEndSize - k;
      if (in.little<std::uint32_t>(at) == kEnd && in.little<std::uint16_t>(at + 20) == k) return at;
    }
  in.fail("expected the end record of a zip file, got none", in.size());
}

/// A deflated member. Grows as far as there is data, so a size that isn't true costs nothing.
std::string inflate_member(const Bytes& in,
                           std::size_t at,
                           std::string_view packed,
                           std::size_t size) {
  z_stream stream{};
  if (inflateInit2(&stream, -15) != Z_OK) throw std::bad_alloc();
  std::string out;
  char buffer[1 << 14];
  // No member is 4 GiB or larger, so its size fits.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  int code = Z_OK;
  while (code == Z_OK && out.size() <= size) {
    stream.next_out = reinterpret_cast<Bytef*>(buffer);
    stream.avail_out = sizeof buffer;
    code = inflate(&stream, Z_NO_FLUSH);
    out.append(buffer, sizeof buffer - stream.avail_out);
  }
  const std::size_t used = packed.size() - stream.avail_in;
  inflateEnd(&stream);
  if (code == Z_MEM_ERROR) throw std::bad_alloc();
  if (code != Z_STREAM_END || out.size() != size || used != packed.size())
    in.fail(fmt::format("expected a deflated member of {} bytes, got {}",
                        size,
                        code == Z_STREAM_END ? "another size" : "damage"),
            at + used);
  return out;
}

Arrays parse_npz(const Bytes& in) {
  const std::size_t end = find_end(in);
  const std::size_t count = in.little<std::uint16_t>(end + 10);
  std::size_t at = in.little<std::uint32_t>(end + 16);
  std::size_t total = 0;
  Arrays arrays;
  for (std::size_t i = 0; i < count; ++i) {
    if (in.view(at, kEntrySize, "a directory entry").empty() ||
        in.little<std::uint32_t>(at) != kEntry)
      in.fail("expected a directory entry of a zip file, got something else", at);
    const auto flags = in.little<std::uint16_t>(at + 8), method = in.little<std::uint16_t>(at + 10);
    const auto crc = in.little<std::uint32_t>(at + 16);
    const std::size_t packed_size = in.little<std::uint32_t>(at + 20),
                      size = in.little<std::uint32_t>(at + 24),
                      local = in.little<std::uint32_t>(at + 42);
    const std::size_t name_size = in.little<std::uint16_t>(at + 28);
    std::string name(in.view(at + kEntrySize, name_size, "a name"));
    if ((flags & 1) != 0 || (method != 0 && method != 8))
      in.fail(
          fmt::format("expected a stored or deflated member, got another kind for {}", quote(name)),
          at);
    if (size == 0xffffffff || packed_size == 0xffffffff || local == 0xffffffff)
      in.fail(fmt::format("expected less than 4 GiB, got more for {}", quote(name)), at);
    if (!name.ends_with(".npy"))
      in.fail(fmt::format("expected names ending in .npy, got {}", quote(name)), at);
    if (in.view(local, kLocalSize, "a member").empty() || in.little<std::uint32_t>(local) != kLocal)
      in.fail(fmt::format("expected the member {}, got something else", quote(name)), local);
    const std::size_t data = local + kLocalSize + in.little<std::uint16_t>(local + 26) +
                             std::size_t{in.little<std::uint16_t>(local + 28)};
    const std::string_view packed = in.view(data, packed_size, "a member");
    // Members that share bytes could unpack to far more than the file holds.
    total += packed_size + kLocalSize;
    if (total > in.size())
      in.fail("expected members one after the other, got them overlapping", at);
    if (method == 0 && packed_size != size)
      in.fail(fmt::format("expected {} bytes of {}, got {}", size, quote(name), packed_size), at);
    const std::string unpacked = method == 0 ? "" : inflate_member(in, data, packed, size);
    const std::string_view bytes = method == 0 ? packed : unpacked;
    if (checksum(bytes) != crc)
      in.fail(fmt::format("expected the checksum of {}, got another", quote(name)), data);
    const Bytes member(in.op(), fmt::format("{} in {}", name, in.path()), bytes);
    name.resize(name.size() - 4);
    if (!arrays.emplace(name, parse_npy(member)).second)
      in.fail(fmt::format("expected different names, got {} twice", quote(name)), at);
    at += kEntrySize + name_size + in.little<std::uint16_t>(at + 30) +
          std::size_t{in.little<std::uint16_t>(at + 32)};
  }
  if (at != end) in.fail(fmt::format("expected the directory to end at byte {}", end), at);
  return arrays;
}

}  // namespace

Tensor read_npy(const std::string& path, CallSite site) {
  const gradus::detail::SitePin pin(site);
  const std::string bytes = read_all("read_npy", path);
  return parse_npy(Bytes("read_npy", path, bytes));
}

Arrays read_npz(const std::string& path, CallSite site) {
  const gradus::detail::SitePin pin(site);
  const std::string bytes = read_all("read_npz", path);
  return parse_npz(Bytes("read_npz", path, bytes));
}

void write_npy(const std::string& path, const Tensor& x, CallSite site) {
  const gradus::detail::SitePin pin(site);
  write_file("write_npy", path, spell_npy(x));
}

void write_npz(const std::string& path, const Arrays& arrays, CallSite site) {
  const gradus::detail::SitePin pin(site);
  std::string file, directory;
  for (const auto& [key, array] : arrays) {
    const std::string name = key + ".npy", bytes = spell_npy(array);
    if (file.size() + bytes.size() + name.size() > 0xfffffff0 || arrays.size() > 0xffff ||
        name.size() > 0xffff)
      fail<ArgumentError>("write_npz",
                          fmt::format("expected less than 4 GiB for {}, got more", path));
    std::string common;                                    // of both headers: version … extra
    for (const unsigned value : {20U, 0U, 0U, 0U, 0x21U})  // the date is 1 January 1980
      append_little(common, static_cast<std::uint16_t>(value));
    append_little(common, checksum(bytes));
    append_little(common, static_cast<std::uint32_t>(bytes.size()));
    append_little(common, static_cast<std::uint32_t>(bytes.size()));
    append_little(common, static_cast<std::uint16_t>(name.size()));
    append_little(common, std::uint16_t{0});

    append_little(directory, kEntry);
    append_little(directory, std::uint16_t{20});
    directory += common + std::string(10, '\0');  // no comment, disk 0, no attributes
    append_little(directory, static_cast<std::uint32_t>(file.size()));
    directory += name;
    append_little(file, kLocal);
    file += common + name + bytes;
  }
  const std::size_t start = file.size(), size = directory.size();
  if (start + size > 0xfffffff0)
    fail<ArgumentError>("write_npz",
                        fmt::format("expected less than 4 GiB for {}, got more", path));
  file += directory;
  append_little(file, kEnd);
  append_little(file, std::uint32_t{0});
  append_little(file, static_cast<std::uint16_t>(arrays.size()));
  append_little(file, static_cast<std::uint16_t>(arrays.size()));
  append_little(file, static_cast<std::uint32_t>(size));
  append_little(file, static_cast<std::uint32_t>(start));
  append_little(file, std::uint16_t{0});
  write_file("write_npz", path, file);
}

}  // namespace gradus::data
