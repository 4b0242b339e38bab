#include "onnx/load/wire.h"

#include "gradus/tensor/error.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>

namespace gradus::onnx {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers of an ONNX file are little-endian");

const char* spell(int type) {
  constexpr const char* names[] = {"a varint", "64 bits", "bytes", "a group", "the end of a group", "32 bits"};
  return type >= 0 && type < 6 ? names[type] : "an unknown type";
}

template <class T>
T number_of(std::string_view bytes) {
  T value{};
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

}  // namespace

void Source::fail(std::string_view expected, std::string_view got, const char* at) const {
  const auto place = at == nullptr ? 0 : at - bytes.data();
  detail::fail<IoError>("load_onnx", fmt::format("expected {}, got {} at byte {} of {}", expected, got, place, path));
}

std::uint64_t Fields::varint() {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 70; shift += 7) {
    const auto byte = static_cast<unsigned char>(cut(1)[0]);
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  fail("a number of at most 10 bytes", "a longer one");
}

std::string_view Fields::cut(std::uint64_t count) {
  if (count > left_.size()) fail(fmt::format("{} bytes", count), fmt::format("{} to the end", left_.size()));
  const std::string_view head = left_.substr(0, static_cast<std::size_t>(count));
  left_.remove_prefix(head.size());
  return head;
}

bool Fields::next() {
  if (left_.empty()) return false;
  begin_ = left_.data();
  const std::uint64_t key = varint();
  type_ = static_cast<int>(key & 7);
  if (key >> 3 == 0 || key >> 3 > 0x1fffffff) fail("a field's number", fmt::format("{}", key >> 3));
  number_ = static_cast<int>(key >> 3);
  switch (type_) {
    case kVarint: integer_ = varint(); break;
    case kFixed64: value_ = cut(8); break;
    case kBytes: value_ = cut(varint()); break;
    case kFixed32: value_ = cut(4); break;
    default: fail("a varint, 32 bits, 64 bits or bytes", spell(type_));
  }
  return true;
}

void Fields::expect(int type) const {
  if (type_ != type) fail(fmt::format("{} in field {}", spell(type), number_), spell(type_));
}

std::int64_t Fields::integer() const {
  expect(kVarint);
  return static_cast<std::int64_t>(integer_);
}
double Fields::float32() const {
  expect(kFixed32);
  return static_cast<double>(number_of<float>(value_));
}
double Fields::float64() const {
  expect(kFixed64);
  return number_of<double>(value_);
}
std::string_view Fields::bytes() const {
  expect(kBytes);
  return value_;
}

}  // namespace gradus::onnx
