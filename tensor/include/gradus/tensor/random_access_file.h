#pragma once

#include "gradus/tensor/export.h"

#include <cstddef>
#include <cstdint>
#include <string>

GRADUS_EXPORT_BEGIN
namespace gradus::detail {

/// A file that is read at any place, by several threads at once if need be.
class RandomAccessFile {
 public:
  /// IoError, named by `op`, unless it is a regular file that can be read.
  RandomAccessFile(const char* op, const std::string& path);
  ~RandomAccessFile();
  RandomAccessFile(const RandomAccessFile&) = delete;
  RandomAccessFile& operator=(const RandomAccessFile&) = delete;

  const std::string& path() const { return path_; }
  /// In bytes, when it was opened.
  std::size_t size() const { return size_; }
  /// For what has no other name for it, such as `mmap`.
  int descriptor() const { return file_; }
  /// Whether it was written to since.
  bool has_changed() const noexcept;

  /// Copies bytes. IoError, named by `op`, if the file has become shorter or can't be read.
  void read(const char* op, std::size_t begin, std::size_t bytes, void* to) const;
  /// Has the system read bytes into its cache, in the background.
  void expect(std::size_t begin, std::size_t bytes) const noexcept;

 private:
  std::string path_;
  int file_;
  std::size_t size_ = 0;
  std::int64_t changed_ = 0;  // when it last was before, in ns
};

}  // namespace gradus::detail
GRADUS_EXPORT_END
