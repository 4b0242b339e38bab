#pragma once

#include "gradus/tensor/tensor.h"

#include <memory>
#include <string>
#include <string_view>

GRADUS_EXPORT_BEGIN
namespace gradus::detail {

/// A file in memory, page by page as it is read. Writing to it makes a page the process's own; the file stays as it is.
class MappedFile {
 public:
  /// IoError, named by `op`, if it can't be read.
  MappedFile(const char* op, const std::string& path);
  std::string_view bytes() const;
  /// A part of `bytes`, aligned for the type, as a tensor, which keeps the file mapped.
  Tensor tensor(std::string_view part, DType dtype, const Shape& shape) const;

 private:
  struct Mapping;
  std::shared_ptr<Mapping> mapping_;
};

}  // namespace gradus::detail
GRADUS_EXPORT_END
