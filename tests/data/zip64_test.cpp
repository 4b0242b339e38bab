#include "files.h"

#include "gradus/data/npy.h"

#include <fmt/format.h>

#include <cstdint>

// Archives with 64-bit sizes, by section 4.5.3 of PKWARE's APPNOTE 6.3.

namespace gradus::data {
namespace {

std::string little(std::uint64_t value, int size) {
  std::string bytes;
  for (int i = 0; i < size; ++i) bytes += static_cast<char>(value >> (8 * i) & 0xff);
  return bytes;
}

constexpr std::uint64_t kLarge = 0xffffffff;

/// What differs between the forms that an archive may have.
struct Form {
  std::uint64_t size = kLarge, packed = kLarge, local = kLarge;  // kLarge: in the extra field
  std::uint64_t count = 0xffff, start = kLarge;                  // of the last record
  std::string before = "";                                       // another extra field
  std::uint64_t extra_size = 0;                                  // what the field says; 0: the truth
};

/// An archive of the array "a", [1, 2, 3].
std::string archive(const Form& form) {
  std::string header = "{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }";
  header.append(63 - (10 + header.size()) % 64, ' ');
  header += '\n';
  const std::string bytes = std::string("\x93NUMPY\x01\x00", 8) + little(header.size(), 2) + header + little(1, 8) +
                            little(2, 8) + little(3, 8);
  const auto crc = crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
  // As NumPy writes it: the local header's sizes are in an extra field of its own.
  const std::string local = "PK\x03\x04" + little(45, 2) + little(0, 2) + little(0, 2) + little(0, 4) + little(crc, 4) +
                            little(kLarge, 4) + little(kLarge, 4) + little(5, 2) + little(20, 2) + "a.npy" +
                            little(1, 2) + little(16, 2) + little(bytes.size(), 8) + little(bytes.size(), 8) + bytes;
  std::string field;
  if (form.size == kLarge) field += little(bytes.size(), 8);
  if (form.packed == kLarge) field += little(bytes.size(), 8);
  if (form.local == kLarge) field += little(0, 8);
  const auto said = form.extra_size != 0 ? form.extra_size : field.size();
  const std::string extra = form.before + little(1, 2) + little(said, 2) + field;
  const auto or_size = [&](std::uint64_t value) { return value == 0 ? bytes.size() : value; };
  const std::string entry = "PK\x01\x02" + little(45, 2) + little(45, 2) + little(0, 2) + little(0, 2) + little(0, 4) +
                            little(crc, 4) + little(or_size(form.packed), 4) + little(or_size(form.size), 4) +
                            little(5, 2) + little(extra.size(), 2) + std::string(10, '\0') + little(form.local, 4) +
                            "a.npy" + extra;
  const std::string end64 = "PK\x06\x06" + little(44, 8) + little(45, 2) + little(45, 2) + little(0, 4) + little(0, 4) +
                            little(1, 8) + little(1, 8) + little(entry.size(), 8) + little(local.size(), 8);
  const std::string locator = "PK\x06\x07" + little(0, 4) + little(local.size() + entry.size(), 8) + little(1, 4);
  return local + entry + end64 + locator + "PK\x05\x06" + little(0, 4) + little(form.count, 2) + little(form.count, 2) +
         little(entry.size(), 4) + little(form.start == 0 ? local.size() : form.start, 4) + little(0, 2);
}

TEST(Zip64, IsReadInEveryForm) {
  const TempFolder folder;
  const auto check = [&](const Form& form) {
    const Arrays got = read_npz(folder.write("x.npz", archive(form)));
    ASSERT_EQ(got.size(), 1U);
    EXPECT_TRUE(equal(got.at("a"), tensor({1, 2, 3})));
  };
  check({});
  check({.size = 0});
  check({.packed = 0});
  check({.local = 0});
  check({.size = 0, .packed = 0});
  check({.count = 1});
  check({.start = 0});
  check({.before = little(0x5455, 2) + little(5, 2) + std::string(5, '\x07')});
}

TEST(Zip64, RejectsBadFiles) {
  const TempFolder folder;
  const auto refused = [&](const std::string& bytes, const std::string& part) {
    expect_error<IoError>([&] { read_npz(folder.write("x.npz", bytes)); }, {part, "at byte ", folder.path("x.npz")});
  };
  const std::string good = archive({});
  const auto with = [&](const std::string& mark, std::size_t offset, const std::string& bytes) {
    std::string changed = good;
    return changed.replace(good.rfind(mark) + offset, bytes.size(), bytes);
  };
  refused(archive({.extra_size = 16}), "64-bit sizes");
  refused(archive({.extra_size = 25}), "64-bit sizes");
  refused(archive({.before = little(9, 2) + little(60000, 2)}), "64-bit sizes");
  refused(with("PK\x06\x07", 0, "QK"), "64-bit end record");
  refused(with("PK\x06\x06", 0, "QK"), "64-bit end record");
  refused(with("PK\x06\x07", 8, std::string(8, '\xff')), "64-bit end record");
  refused(with("PK\x06\x06", 32, std::string(8, '\xff')), "a directory entry");
  refused(with("PK\x06\x06", 48, std::string(8, '\xff')), "a directory entry");
  const std::size_t extra = good.rfind("a.npy") + 9;
  for (const std::size_t number : {extra, extra + 8, extra + 16}) {
    std::string changed = good;
    refused(changed.replace(number, 8, std::string(8, '\xff')), "expected");
    refused(changed.replace(number, 8, std::string(7, '\0') + '\x7f'), "expected");
  }
}

TEST(Zip64, IsWrittenWhereThereAreTooManyMembers) {
  const TempFolder folder;
  Arrays arrays;
  for (std::int64_t i = 0; i < 65'536; ++i) arrays[fmt::format("x{}", i)] = scalar(1.0 * static_cast<double>(i), int64);
  write_npz(folder.path("x.npz"), arrays);
  const std::string bytes = read_bytes(folder.path("x.npz"));
  const std::size_t end64 = bytes.size() - 22 - 20 - 56;
  EXPECT_EQ(bytes.substr(end64, 4), "PK\x06\x06");
  EXPECT_EQ(bytes.substr(end64 + 32, 8), little(65'536, 8));
  EXPECT_EQ(bytes.substr(bytes.size() - 42, 4), "PK\x06\x07");
  EXPECT_EQ(bytes.substr(bytes.size() - 34, 8), little(end64, 8));
  const Arrays got = read_npz(folder.path("x.npz"));
  ASSERT_EQ(got.size(), arrays.size());
  for (const auto& [name, array] : arrays) ASSERT_TRUE(equal(got.at(name), array)) << name;
}

}  // namespace
}  // namespace gradus::data
