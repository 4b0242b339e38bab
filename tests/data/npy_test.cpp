#include "gradus/data/npy.h"

#include "files.h"
#include "zips.h"

#include "gradus/tensor/memory.h"
#include "gradus/tensor/random.h"

#include <bit>
#include <cmath>

namespace gradus::data {
namespace {

/// A .npy file with the given header.
std::string npy(const std::string& header, const std::string& values, int version = 1) {
  std::string bytes = "\x93NUMPY";
  bytes += static_cast<char>(version);
  bytes += '\0';
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i) bytes += static_cast<char>(header.size() >> (8 * i) & 0xff);
  return bytes + header + values;
}
std::string npy(const std::string& type, const std::string& shape, const std::string& values, bool fortran) {
  return npy(
      "{'descr': '" + type + "', 'fortran_order': " + (fortran ? "True" : "False") + ", 'shape': " + shape + ", }\n",
      values);
}

TEST(Npy, ReadsEveryElementType) {
  const TempFolder folder;
  const auto read = [&](const std::string& type, const std::string& values) {
    return read_npy(folder.write("x.npy", npy(type, "(2,)", values, false)));
  };
  for (const int size : {1, 2, 4, 8}) {
    for (const bool big : {false, true}) {
      const std::string order = big ? ">" : size == 1 ? "|" : "<";
      const std::string values = bytes_of(100, size, big) + bytes_of(static_cast<std::uint64_t>(-3), size, big);
      EXPECT_TRUE(equal(read(order + "i" + std::to_string(size), values), tensor({100, -3})));
      const Tensor x = read(order + "u" + std::to_string(size), bytes_of(100, size, big) + bytes_of(200, size, big));
      EXPECT_TRUE(equal(x, tensor({100, 200})));
    }
  }
  const std::string floats =
      bytes_of(std::bit_cast<std::uint32_t>(1.5f), 4) + bytes_of(std::bit_cast<std::uint32_t>(-INFINITY), 4);
  EXPECT_TRUE(equal(read("<f4", floats), tensor({1.5, -INFINITY}, float32)));
  EXPECT_TRUE(equal(read(">f8",
                         bytes_of(std::bit_cast<std::uint64_t>(0.1), 8, true) +
                             bytes_of(std::bit_cast<std::uint64_t>(-2.0), 8, true)),
                    tensor({0.1, -2.0}, float64)));
  EXPECT_TRUE(equal(read("|b1", {'\x00', '\x01'}), tensor({false, true})));
  // Halves: 1.5, the smallest subnormal, the largest, minus infinity.
  EXPECT_TRUE(equal(read("<f2", bytes_of(0x3e00, 2) + bytes_of(0x0001, 2)), tensor({1.5, 0x1p-24}, float32)));
  EXPECT_TRUE(equal(read("<f2", bytes_of(0x7bff, 2) + bytes_of(0xfc00, 2)), tensor({65504.0, -INFINITY}, float32)));
  expect_error<IoError>([&] { read("<u8", bytes_of(1, 8) + bytes_of(~0ULL, 8)); },
                        {"integers that int64 holds, got 18446744073709551615", folder.path("x.npy")});
}

TEST(Npy, ReadsShapesOrdersAndVersions) {
  const TempFolder folder;
  const auto read = [&](const std::string& bytes) { return read_npy(folder.write("x.npy", bytes)); };
  const std::string six{'\x01', '\x02', '\x03', '\x04', '\x05', '\x06'};
  EXPECT_TRUE(equal(read(npy("|u1", "(2, 3)", six, false)), tensor({{1, 2, 3}, {4, 5, 6}})));
  EXPECT_TRUE(equal(read(npy("|u1", "(2, 3)", six, true)), tensor({{1, 3, 5}, {2, 4, 6}})));
  EXPECT_TRUE(equal(read(npy("|u1", "(1, 2, 3)", six, true)), tensor({{{1, 3, 5}, {2, 4, 6}}})));
  EXPECT_TRUE(equal(read(npy("|u1", "(6,)", six, true)), tensor({1, 2, 3, 4, 5, 6})));
  EXPECT_EQ(read(npy("|u1", "()", "\x07", false)).item(), 7);
  EXPECT_EQ(read(npy("|u1", "(3, 0)", "", false)).shape(), Shape({3, 0}));
  EXPECT_TRUE(equal(read(gzipped(npy("|u1", "(6,)", six, false))), tensor({1, 2, 3, 4, 5, 6})));
  for (const int version : {2, 3})
    EXPECT_EQ(read(npy("{'shape':(1,),'fortran_order':False,'descr':'<i2'}", {'\x02', '\x01'}, version)).item(), 258);
}

TEST(Npy, RejectsBadFiles) {
  const TempFolder folder;
  const std::string path = folder.path("bad.npy"), good = npy("<i4", "(2,)", "abcdefgh", false);
  struct Case {
    std::string bytes;
    std::vector<std::string> parts;
  };
  for (const Case& c : std::vector<Case>{
           {"", {"a .npy file", "byte 0"}},
           {good.substr(0, 9), {"a .npy file"}},
           {good.substr(0, 30), {"the header", "byte 10"}},
           {good.substr(0, good.size() - 1), {"8 bytes of values for [2], got 7"}},
           {good + "i", {"8 bytes of values for [2], got 9"}},
           {"\x94" + good.substr(1), {"a .npy file", "byte 0"}},
           {npy("{}", "", 4), {"version 1, 2 or 3", "got 4", "byte 6"}},
           {npy("{}", ""), {"the key 'fortran_order'"}},
           {npy("{'descr': '<i4', 'fortran_order': Maybe, 'shape': (), }", "abcd"), {"True or False"}},
           {npy("<c8", "()", "abcdefgh", false), {"numbers of 1 to 8 bytes or bool"}},
           {npy("|O", "()", "abcdefgh", false), {"numbers of 1 to 8 bytes or bool"}},
           {npy("<f16", "()", "abcdefgh", false), {"numbers of 1 to 8 bytes or bool"}},
           {npy("{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (), }", "abcd"),
            {"numbers of 1 to 8 bytes or bool"}},
           {npy("<i4", "2", "abcdefgh", false), {"a shape in brackets"}},
           {npy("<i4", "(2", "abcdefgh", false), {"a shape in brackets"}},
           {npy("<i4", "(-2,)", "abcdefgh", false), {"a shape of numbers"}},
           {npy("<i4", "(1,1,1,1,1,1,1,1,1,2)", "abcdefgh", false), {"at most 8 dimensions"}},
           {npy("<i4", "(99999999999999999999999,)", "abcdefgh", false), {"that a file can hold"}},
           {npy("<i4", "(281474976710656, 281474976710656, 0)", "", false), {"that a file can hold"}},
           {npy("<i4", "(1000000000,)", "abcdefgh", false), {"4000000000 bytes of values", "got 8"}},
           {random_bytes(500, 3), {"a .npy file"}},
       }) {
    SCOPED_TRACE(c.parts[0]);
    folder.write("bad.npy", c.bytes);
    auto parts = c.parts;
    parts.push_back(path);
    const std::int64_t before = memory_stats().live;
    reset_peak_memory();
    expect_error<IoError>([&] { read_npy(path); }, parts);
    EXPECT_LT(memory_stats().peak - before, 1000);
  }
  expect_error<IoError>([&] { read_npy(folder.path("none")); }, {"No such file"});
}

Arrays some_arrays() {
  Generator generator(2);
  return {{"weight", normal({5, 3}, 0, 1, float32, generator)},
          {"layer.0/bias", normal({4}, 0, 1, float64, generator)},
          {"steps", scalar(17, int64)},
          {"mask", tensor({{true}, {false}})},
          {"none", zeros({2, 0, 3})},
          {"turned", view_as(normal({6}, 0, 1, float32, generator), {3, 2}, {1, 3})}};
}

TEST(Npz, GivesBackWhatWasWritten) {
  const TempFolder folder;
  const std::string path = folder.path("x.npz");
  const Arrays arrays = some_arrays();
  write_npz(path, arrays);
  const Arrays got = read_npz(path);
  ASSERT_EQ(got.size(), arrays.size());
  for (const auto& [name, array] : arrays) {
    EXPECT_TRUE(equal(got.at(name), array)) << name;
    write_npy(folder.path("x.npy"), array);
    EXPECT_TRUE(equal(read_npy(folder.path("x.npy")), array)) << name;
    EXPECT_EQ(read_bytes(folder.path("x.npy")).find('\n') % 64, 63U);  // as NumPy aligns it
  }
  write_npz(path, {});
  EXPECT_TRUE(read_npz(path).empty());
  EXPECT_THROW(write_npz(folder.path("none/x.npz"), arrays), IoError);
}

TEST(Npz, ReadsDeflatedMembers) {
  const TempFolder folder;
  const std::string values(100'000, '\x05');
  const std::string member = npy("|u1", "(100000,)", values, false);
  const Arrays got = read_npz(folder.write("x.npz", zipped("a.npy", member, member.size())));
  EXPECT_TRUE(equal(got.at("a"), full({100'000}, 5, int64)));
  // A size that isn't true costs no memory.
  for (const std::size_t size : {std::size_t{0}, member.size() - 1, member.size() + 1, std::size_t{0xfffffffe}})
    expect_error<IoError>([&] { read_npz(folder.write("x.npz", zipped("a.npy", member, size))); },
                          {"a deflated member of " + std::to_string(size), "byte", folder.path("x.npz")});
}

TEST(Npz, RejectsBadFiles) {
  const TempFolder folder;
  const std::string path = folder.path("x.npz");
  write_npz(path, some_arrays());
  const std::string good = read_bytes(path);
  const auto expect_bad = [&](const std::string& bytes, std::vector<std::string> parts) {
    SCOPED_TRACE(parts[0]);
    folder.write("x.npz", bytes);
    parts.push_back("at byte ");
    parts.push_back(path);
    const std::int64_t before = memory_stats().live;
    reset_peak_memory();
    expect_error<IoError>([&] { read_npz(path); }, parts);
    EXPECT_LT(memory_stats().peak - before, 10'000);
  };
  const std::size_t end = good.size() - 22, directory = good.find("PK\x01\x02");
  const auto with = [&](std::size_t at, const std::string& bytes) {
    std::string changed = good;
    return changed.replace(at, bytes.size(), bytes);
  };
  expect_bad("", {"the end record of a zip file"});
  expect_bad(good.substr(0, good.size() / 2), {"the end record of a zip file"});
  expect_bad(good.substr(1), {"expected"});
  expect_bad(good + "x", {"the end record of a zip file"});
  expect_bad(with(0, "QK"), {"the member", "something else"});
  expect_bad(with(directory, "QK"), {"a directory entry"});
  expect_bad(with(end + 10, "\xff\xff"), {"expected a directory entry"});
  expect_bad(with(end + 10, std::string("\x01\x00", 2)), {"the directory to end"});
  expect_bad(with(end + 16, "\xf0\xff\xff\x7f"), {"a directory entry (46 bytes), got the end"});
  expect_bad(with(directory + 10, "\x0c"), {"a stored or deflated member"});
  expect_bad(with(directory + 8, "\x01"), {"a stored or deflated member"});
  expect_bad(with(directory + 20, "\xff\xff\xff\x7f"), {"a member", "got the end of the file"});
  expect_bad(with(directory + 24, "\xff\xff\xff\xff"), {"64-bit sizes"});
  expect_bad(with(directory + 42, "\xff\xff\xff\x7f"), {"a member (30 bytes)"});
  expect_bad(with(good.find("NUMPY"), "numpy"), {"the checksum"});
  expect_bad(with(directory + 46, std::string(good.find(".npy", directory) - directory - 46 + 4, 'a')),
             {"names ending in .npy"});
  expect_bad(random_bytes(2000, 4), {"the end record"});

  // Members that share their bytes: many entries for one.
  const std::string one = zipped("a.npy", npy("|u1", "(5000,)", std::string(5000, '\0'), false), 5070);
  const std::size_t entry = one.find("PK\x01\x02"), tail = one.size() - 22;
  std::string many = one.substr(0, entry);
  for (int i = 0; i < 1000; ++i) many += one.substr(entry, tail - entry);
  many += "PK\x05\x06" + bytes_of(0, 4) + bytes_of(1000, 2) + bytes_of(1000, 2) + bytes_of(1000 * (tail - entry), 4) +
          bytes_of(entry, 4) + bytes_of(0, 2);
  expect_bad(many, {"expected"});
}

}  // namespace
}  // namespace gradus::data
