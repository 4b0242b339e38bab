#include "gradus/tensor/mapped_file.h"

#include "gradus/tensor/error.h"
#include "gradus/tensor/foreign.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace gradus::detail {

struct MappedFile::Mapping {
  void* data = nullptr;
  std::size_t size = 0;

  Mapping() = default;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (data != nullptr) munmap(data, size);
  }
};

MappedFile::MappedFile(const char* op, const std::string& path) : mapping_(std::make_shared<Mapping>()) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat status{};
  int error = file < 0 || fstat(file, &status) != 0 ? errno : 0;
  if (error == 0 && S_ISDIR(status.st_mode)) error = EISDIR;
  if (error == 0 && status.st_size > 0) {
    mapping_->size = static_cast<std::size_t>(status.st_size);
    void* const data = mmap(nullptr, mapping_->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file, 0);
    if (data == MAP_FAILED)
      error = errno;
    else
      mapping_->data = data;
  }
  if (file >= 0) close(file);
  if (error != 0)
    fail<IoError>(op, fmt::format("expected a file that can be mapped, got \"{}\" for {}", std::strerror(error), path));
}

std::string_view MappedFile::bytes() const { return {static_cast<const char*>(mapping_->data), mapping_->size}; }

Tensor MappedFile::tensor(std::string_view part, DType dtype, const Shape& shape) const {
  Shape strides = shape;
  std::int64_t step = 1;
  for (int d = shape.rank() - 1; d >= 0; --d) {
    strides[d] = step;
    step *= shape[d] > 1 ? shape[d] : 1;
  }
  auto holder = std::make_unique<std::shared_ptr<Mapping>>(mapping_);
  Tensor x = foreign_tensor({const_cast<char*>(part.data()),
                             holder.get(),
                             [](void* held) { delete static_cast<std::shared_ptr<Mapping>*>(held); }},
                            dtype,
                            shape,
                            strides);
  (void)holder.release();
  return x;
}

}  // namespace gradus::detail
