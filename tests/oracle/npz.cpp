#include "npz.h"

#include <fmt/format.h>

#include <cstring>
#include <fstream>
#include <iterator>

namespace oracle {
namespace {

using gradus::Tensor;

class Reader {
 public:
  Reader(std::string path, std::string bytes) : path_(std::move(path)), bytes_(std::move(bytes)) {}

  template <class T>
  T number(std::size_t at) const {
    T value;
    std::memcpy(&value, view(at, sizeof(T)).data(), sizeof(T));
    return value;
  }
  std::string_view view(std::size_t at, std::size_t n) const {
    if (at > bytes_.size() || n > bytes_.size() - at)
      fail(at,
           fmt::format(
               "expected {} more bytes, got {}", n, bytes_.size() - std::min(at, bytes_.size())));
    return std::string_view(bytes_).substr(at, n);
  }
  std::size_t size() const { return bytes_.size(); }
  [[noreturn]] void fail(std::size_t at, const std::string& message) const {
    gradus::detail::fail<gradus::IoError>("npz",
                                          fmt::format("{} (in {} at byte {})", message, path_, at));
  }

 private:
  std::string path_, bytes_;
};

/// One .npy at [at, at + n).
Tensor read_npy(const Reader& in, std::size_t at, std::size_t n) {
  if (n < 10 || in.view(at, 8) != std::string_view("\x93NUMPY\x01\x00", 8))
    in.fail(at, "expected a .npy of version 1.0");
  const std::size_t header_size = in.number<std::uint16_t>(at + 8);
  const std::string header(in.view(at + 10, header_size));
  const auto value_of = [&](const char* key) {
    const std::size_t found = header.find(fmt::format("'{}':", key));
    if (found == std::string::npos) in.fail(at, fmt::format("expected the key {}", key));
    return header.substr(header.find(':', found) + 1);
  };
  if (value_of("fortran_order").find("False") > 2) in.fail(at, "expected C order");
  const std::string sizes = value_of("shape");
  gradus::Shape shape;
  for (std::size_t i = sizes.find('(') + 1; i < sizes.size() && sizes[i] != ')';) {
    if (sizes[i] >= '0' && sizes[i] <= '9') {
      std::size_t used = 0;
      shape.push_back(std::stoll(sizes.substr(i), &used));
      i += used;
    } else {
      ++i;
    }
  }
  const std::string descr = value_of("descr").substr(0, 7);
  const auto dtype = descr.find("<f8") != std::string::npos   ? gradus::float64
                     : descr.find("<i8") != std::string::npos ? gradus::int64
                                                              : gradus::boolean;
  if (dtype == gradus::boolean && descr.find("|b1") == std::string::npos)
    in.fail(at, "expected <f8, <i8 or |b1, got " + descr);
  const std::size_t bytes = static_cast<std::size_t>(shape.numel()) * gradus::size_of(dtype);
  if (header_size + 10 + bytes != n) in.fail(at, fmt::format("expected {} bytes of data", bytes));
  const std::string_view data = in.view(at + 10 + header_size, bytes);
  Tensor result = gradus::empty(shape, dtype);
  gradus::dispatch(dtype,
                   [&]<class T>() { std::memcpy(result.mutable_data<T>(), data.data(), bytes); });
  return result;
}

}  // namespace

std::map<std::string, Tensor> read_npz(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) gradus::detail::fail<gradus::IoError>("npz", "expected a readable file, got " + path);
  const Reader in(path, std::string(std::istreambuf_iterator<char>(file), {}));
  // The end record stands last; its central directory lists the members.
  if (in.size() < 22) in.fail(0, "expected a zip file");
  std::size_t end = in.size() - 22;
  while (end > 0 && in.number<std::uint32_t>(end) != 0x06054b50) --end;
  if (in.number<std::uint32_t>(end) != 0x06054b50) in.fail(0, "expected a zip file");
  const std::size_t count = in.number<std::uint16_t>(end + 10);
  std::size_t at = in.number<std::uint32_t>(end + 16);
  std::map<std::string, Tensor> members;
  for (std::size_t i = 0; i < count; ++i) {
    if (in.number<std::uint32_t>(at) != 0x02014b50) in.fail(at, "expected a directory entry");
    if (in.number<std::uint16_t>(at + 10) != 0) in.fail(at, "expected a stored member");
    const std::size_t bytes = in.number<std::uint32_t>(at + 24);
    const std::size_t name_size = in.number<std::uint16_t>(at + 28);
    const std::size_t skip =
        in.number<std::uint16_t>(at + 30) + std::size_t{in.number<std::uint16_t>(at + 32)};
    const std::size_t local = in.number<std::uint32_t>(at + 42);
    std::string name(in.view(at + 46, name_size));
    const std::size_t data = local + 30 + in.number<std::uint16_t>(local + 26) +
                             std::size_t{in.number<std::uint16_t>(local + 28)};
    in.view(data, bytes);
    if (name.ends_with(".npy")) name.resize(name.size() - 4);
    members[name] = read_npy(in, data, bytes);
    at += 46 + name_size + skip;
  }
  return members;
}

}  // namespace oracle
