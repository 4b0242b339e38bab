#pragma once

#include "bytes.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// Zip files (PKWARE's APPNOTE 6.3), with 64-bit sizes where they are needed.

namespace gradus::data {

struct ZipMember {
  std::string name;
  std::string_view packed = {};  // a part of the file
  bool deflated = false;
  std::size_t size = 0;  // unpacked
  std::uint32_t crc = 0;
  std::size_t at = 0;  // of `packed`
};

/// The members in the order of the directory. None shares bytes with another.
///   errors    IoError for damage
std::vector<ZipMember> read_zip_directory(const Bytes& in);

/// A member's bytes, its checksum compared. `buffer` keeps them if they are deflated.
std::string_view unpack(const Bytes& in, const ZipMember& member, std::string& buffer);

/// Puts a zip file together, its members stored.
class ZipWriter {
 public:
  /// `size`: no less than the file's.
  ZipWriter(std::size_t members, std::size_t size) : large_(members >= 0xffff || size >= 0xffffffff) {}
  /// How many bytes a member takes besides its own and its name, twice.
  static constexpr std::size_t kOverhead = 128;

  void add(const std::string& name, std::string_view bytes);
  std::string finish();

 private:
  bool large_;  // 64-bit sizes, in all headers
  std::size_t count_ = 0;
  std::string file_, directory_;
};

}  // namespace gradus::data
