#pragma once

#include "gradus/tensor/tensor.h"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

GRADUS_EXPORT_BEGIN
namespace gradus::detail {

/// A file in memory, page by page as it is read. Writing to it makes a page the process's own; the file stays as it is.
class MappedFile {
 public:
  /// Files of so many bytes are kept open, for `behind`.
  static constexpr std::size_t kKeptOpen = std::size_t{1} << 26;

  /// The file that x is a part of, if it is kept open and nobody has written to x. Nothing for any other tensor.
  static std::optional<MappedFile> behind(const Tensor& x);

  /// IoError, named by `op`, if it can't be read.
  MappedFile(const char* op, const std::string& path);
  std::string_view bytes() const;
  /// A part of `bytes`, aligned for the type, as a tensor, which keeps the file mapped.
  Tensor tensor(std::string_view part, DType dtype, const Shape& shape) const;

  /// Copies a part of `bytes` of a file that is kept open, without its pages becoming resident in the process.
  /// IoError, named by `op`, if the file has become shorter or can't be read.
  void read(const char* op, std::string_view part, void* to) const;
  /// Has the system read a part of such a file into its cache, in the background.
  void expect(std::string_view part) const noexcept;

 private:
  struct Mapping;
  explicit MappedFile(std::shared_ptr<Mapping> mapping) : mapping_(std::move(mapping)) {}
  std::shared_ptr<Mapping> mapping_;
};

}  // namespace gradus::detail
GRADUS_EXPORT_END
