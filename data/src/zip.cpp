#include "zip.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <new>
#include <utility>

namespace gradus::data {
namespace {

constexpr std::uint32_t kEnd = 0x06054b50, kEntry = 0x02014b50, kLocal = 0x04034b50, kEnd64 = 0x06064b50,
                        kLocator = 0x07064b50;
constexpr std::size_t kEndSize = 22, kEntrySize = 46, kLocalSize = 30, kEnd64Size = 56, kLocatorSize = 20;
constexpr std::uint16_t kExtra64 = 1;  // the extra field with what is too large for 32 bits
constexpr std::uint32_t kLarge = 0xffffffff;

std::uint32_t checksum(std::string_view bytes) {
  return static_cast<std::uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

/// Where the directory is.
struct Directory {
  std::size_t count = 0, start = 0, end = 0;
};

/// The end record stands last, before a comment of the length it gives; that of 64 bits before it.
Directory find_directory(const Bytes& in) {
  std::size_t end = in.size();
  if (in.size() >= kEndSize)
    for (std::size_t k = 0; k <= std::min<std::size_t>(in.size() - kEndSize, 0xffff); ++k) {
      const std::size_t at = in.size() - kEndSize - k;
      if (in.little<std::uint32_t>(at) != kEnd || in.little<std::uint16_t>(at + 20) != k) continue;
      end = at;
      break;
    }
  if (end == in.size()) in.fail("expected the end record of a zip file, got none", end);
  Directory directory{in.little<std::uint16_t>(end + 10), in.little<std::uint32_t>(end + 16), end};
  const bool large =
      directory.count == 0xffff || directory.start == kLarge || in.little<std::uint32_t>(end + 12) == kLarge;
  if (!large) return directory;
  if (end < kLocatorSize || in.little<std::uint32_t>(end - kLocatorSize) != kLocator) {
    if (directory.count == 0xffff && directory.start != kLarge) return directory;  // 65,535 members
    in.fail("expected the 64-bit end record of a zip file, got none", end);
  }
  const std::size_t at = in.little<std::uint64_t>(end - kLocatorSize + 8);
  if (in.view(at, kEnd64Size, "the 64-bit end record").empty() || in.little<std::uint32_t>(at) != kEnd64)
    in.fail("expected the 64-bit end record of a zip file, got something else", at);
  return {in.little<std::uint64_t>(at + 32), in.little<std::uint64_t>(at + 48), at};
}

/// Replaces those of an entry's numbers that say so by the ones of its extra field.
void read_extra(const Bytes& in,
                std::size_t at,
                std::size_t size,
                const std::string& name,
                std::initializer_list<std::size_t*> numbers) {
  const auto large = [](const std::size_t* number) { return *number == kLarge; };
  if (std::none_of(numbers.begin(), numbers.end(), large)) return;
  in.view(at, size, "an extra field");
  const std::size_t end = at + size;
  while (end - at >= 4) {
    const auto id = in.little<std::uint16_t>(at);
    const std::size_t next = at + 4 + in.little<std::uint16_t>(at + 2);
    if (next > end) break;
    if (id != kExtra64) {
      at = next;
      continue;
    }
    at += 4;
    for (std::size_t* number : numbers) {
      if (!large(number)) continue;
      if (next - at < 8) in.fail(fmt::format("expected 64-bit sizes of {}, got fewer", in_quotes(name)), at);
      *number = in.little<std::uint64_t>(at);
      at += 8;
    }
    return;
  }
  in.fail(fmt::format("expected 64-bit sizes of {}, got none", in_quotes(name)), at);
}

/// A deflated member. Grows as far as there is data, so a size that isn't true costs nothing.
std::string inflate_member(const Bytes& in, const ZipMember& member) {
  z_stream stream{};
  if (inflateInit2(&stream, -15) != Z_OK) throw std::bad_alloc();
  std::string out;
  char buffer[1 << 14];
  std::string_view rest = member.packed;
  int code = Z_OK;
  while (code == Z_OK && out.size() <= member.size) {
    if (stream.avail_in == 0) {
      const std::string_view part = rest.substr(0, std::size_t{1} << 30);
      rest.remove_prefix(part.size());
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(part.data()));
      stream.avail_in = static_cast<uInt>(part.size());
    }
    stream.next_out = reinterpret_cast<Bytef*>(buffer);
    stream.avail_out = sizeof buffer;
    code = inflate(&stream, Z_NO_FLUSH);
    out.append(buffer, sizeof buffer - stream.avail_out);
  }
  const std::size_t unused = rest.size() + stream.avail_in;
  inflateEnd(&stream);
  if (code == Z_MEM_ERROR) throw std::bad_alloc();
  if (code != Z_STREAM_END || out.size() != member.size || unused != 0)
    in.fail(fmt::format("expected a deflated member of {} bytes, got {}",
                        member.size,
                        code == Z_STREAM_END ? "another size" : "damage"),
            member.at + member.packed.size() - unused);
  return out;
}

/// The member that the directory's entry at `at` tells of.
ZipMember read_entry(const Bytes& in, std::size_t at) {
  const auto flags = in.little<std::uint16_t>(at + 8), method = in.little<std::uint16_t>(at + 10);
  std::size_t packed_size = in.little<std::uint32_t>(at + 20), size = in.little<std::uint32_t>(at + 24),
              local = in.little<std::uint32_t>(at + 42);
  const std::size_t name_size = in.little<std::uint16_t>(at + 28);
  ZipMember member{.name = std::string(in.view(at + kEntrySize, name_size, "a name")),
                   .deflated = method == 8,
                   .crc = in.little<std::uint32_t>(at + 16)};
  const std::string name = in_quotes(member.name);
  if ((flags & 1) != 0 || (method != 0 && method != 8))
    in.fail(fmt::format("expected a stored or deflated member, got another kind for {}", name), at);
  read_extra(
      in, at + kEntrySize + name_size, in.little<std::uint16_t>(at + 30), member.name, {&size, &packed_size, &local});
  if (in.view(local, kLocalSize, "a member").empty() || in.little<std::uint32_t>(local) != kLocal)
    in.fail(fmt::format("expected the member {}, got something else", name), local);
  member.at =
      local + kLocalSize + in.little<std::uint16_t>(local + 26) + std::size_t{in.little<std::uint16_t>(local + 28)};
  member.packed = in.view(member.at, packed_size, "a member");
  if (method == 0 && packed_size != size)
    in.fail(fmt::format("expected {} bytes of {}, got {}", size, name, packed_size), at);
  member.size = size;
  return member;
}

}  // namespace

std::vector<ZipMember> read_zip_directory(const Bytes& in) {
  const Directory directory = find_directory(in);
  std::vector<ZipMember> members;
  std::size_t at = directory.start, total = 0;
  for (std::size_t i = 0; i < directory.count; ++i) {
    if (in.view(at, kEntrySize, "a directory entry").empty() || in.little<std::uint32_t>(at) != kEntry)
      in.fail("expected a directory entry of a zip file, got something else", at);
    members.push_back(read_entry(in, at));
    // Members that share bytes could unpack to far more than the file holds.
    total += members.back().packed.size() + kLocalSize;
    if (total > in.size()) in.fail("expected members one after the other, got them overlapping", at);
    at += kEntrySize + in.little<std::uint16_t>(at + 28) + std::size_t{in.little<std::uint16_t>(at + 30)} +
          std::size_t{in.little<std::uint16_t>(at + 32)};
  }
  if (at != directory.end) in.fail(fmt::format("expected the directory to end at byte {}", directory.end), at);
  return members;
}

std::string_view unpack(const Bytes& in, const ZipMember& member, std::string& buffer) {
  if (member.deflated) buffer = inflate_member(in, member);
  const std::string_view bytes = member.deflated ? std::string_view(buffer) : member.packed;
  if (checksum(bytes) != member.crc)
    in.fail(fmt::format("expected the checksum of {}, got another", in_quotes(member.name)), member.at);
  return bytes;
}

void ZipWriter::add(const std::string& name, std::string_view bytes) {
  const std::uint32_t size = large_ ? kLarge : static_cast<std::uint32_t>(bytes.size());
  const std::uint16_t version = large_ ? 45 : 20;
  std::string common;                                                  // of both headers: version … length of the name
  for (const unsigned value : {unsigned{version}, 0U, 0U, 0U, 0x21U})  // of 1 January 1980
    append_little(common, static_cast<std::uint16_t>(value));
  append_little(common, checksum(bytes));
  append_little(common, size);
  append_little(common, size);
  append_little(common, static_cast<std::uint16_t>(name.size()));
  const auto extra = [&](std::initializer_list<std::uint64_t> numbers) {
    std::string field;
    if (!large_) return field;
    append_little(field, kExtra64);
    append_little(field, static_cast<std::uint16_t>(8 * numbers.size()));
    for (const std::uint64_t number : numbers) append_little(field, number);
    return field;
  };
  const std::string in_directory = extra({bytes.size(), bytes.size(), file_.size()}),
                    in_file = extra({bytes.size(), bytes.size()});

  append_little(directory_, kEntry);
  append_little(directory_, version);
  directory_ += common;
  append_little(directory_, static_cast<std::uint16_t>(in_directory.size()));
  directory_ += std::string(10, '\0');  // no comment, disk 0, no attributes
  append_little(directory_, large_ ? kLarge : static_cast<std::uint32_t>(file_.size()));
  directory_ += name + in_directory;

  append_little(file_, kLocal);
  file_ += common;
  append_little(file_, static_cast<std::uint16_t>(in_file.size()));
  file_ += name + in_file;
  file_ += bytes;
  ++count_;
}

std::string ZipWriter::finish() {
  const std::size_t start = file_.size(), size = directory_.size();
  file_ += directory_;
  if (large_) {
    append_little(file_, kEnd64);
    append_little(file_, std::uint64_t{kEnd64Size - 12});
    append_little(file_, std::uint16_t{45});
    append_little(file_, std::uint16_t{45});
    append_little(file_, std::uint64_t{0});  // disk 0, all on it
    for (const std::uint64_t value : {count_, count_, size, start}) append_little(file_, value);
    append_little(file_, kLocator);
    append_little(file_, std::uint32_t{0});
    append_little(file_, std::uint64_t{start + size});
    append_little(file_, std::uint32_t{1});
  }
  append_little(file_, kEnd);
  append_little(file_, std::uint32_t{0});
  for (int i = 0; i < 2; ++i) append_little(file_, large_ ? std::uint16_t{0xffff} : static_cast<std::uint16_t>(count_));
  append_little(file_, large_ ? kLarge : static_cast<std::uint32_t>(size));
  append_little(file_, large_ ? kLarge : static_cast<std::uint32_t>(start));
  append_little(file_, std::uint16_t{0});
  return std::move(file_);
}

}  // namespace gradus::data
