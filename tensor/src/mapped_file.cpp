#include "gradus/tensor/mapped_file.h"

#include "gradus/tensor/error.h"
#include "gradus/tensor/foreign.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <iterator>
#include <map>
#include <mutex>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace gradus::detail {

struct MappedFile::Mapping {
  std::string path;
  char* data = nullptr;
  std::size_t size = 0;
  int file = -1;  // if it is kept open

  Mapping() = default;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (file >= 0) {
      const std::scoped_lock lock(kept_open().mutex);
      kept_open().by_begin.erase(data);
      close(file);
    }
    if (data != nullptr) munmap(data, size);
  }

  /// Mappings whose files are kept open, by their first byte.
  struct Registry {
    std::mutex mutex;
    std::map<const char*, std::weak_ptr<Mapping>> by_begin;
  };
  /// Never destroyed, as tensors may outlive what is static.
  static Registry& kept_open() {
    static auto* const registry = new Registry;
    return *registry;
  }
};

MappedFile::MappedFile(const char* op, const std::string& path) : mapping_(std::make_shared<Mapping>()) {
  mapping_->path = path;
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat status{};
  int error = file < 0 || fstat(file, &status) != 0 ? errno : 0;
  if (error == 0 && S_ISDIR(status.st_mode)) error = EISDIR;
  if (error == 0 && status.st_size > 0) {
    const auto size = static_cast<std::size_t>(status.st_size);
    void* const data = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file, 0);
    if (data == MAP_FAILED) {
      error = errno;
    } else {
      mapping_->data = static_cast<char*>(data);
      mapping_->size = size;
    }
  }
  if (error == 0 && mapping_->size >= kKeptOpen) {
    mapping_->file = file;
    const std::scoped_lock lock(Mapping::kept_open().mutex);
    Mapping::kept_open().by_begin[mapping_->data] = mapping_;
  } else if (file >= 0) {
    close(file);
  }
  if (error != 0)
    fail<IoError>(op, fmt::format("expected a file that can be mapped, got \"{}\" for {}", std::strerror(error), path));
}

std::optional<MappedFile> MappedFile::behind(const Tensor& x) {
  if (x.version() != 0) return {};
  const auto* const at = reinterpret_cast<const char*>(x.raw()->data);
  std::shared_ptr<Mapping> mapping;  // outlives the lock, which its end would take
  const std::scoped_lock lock(Mapping::kept_open().mutex);
  const auto& files = Mapping::kept_open().by_begin;
  const auto next = files.upper_bound(at);
  if (next != files.begin()) mapping = std::prev(next)->second.lock();
  if (mapping == nullptr || at >= mapping->data + mapping->size) return {};
  return MappedFile(std::move(mapping));
}

std::string_view MappedFile::bytes() const { return {mapping_->data, mapping_->size}; }

void MappedFile::read(const char* op, std::string_view part, void* to) const {
  const auto begin = static_cast<std::size_t>(part.data() - mapping_->data);
  for (std::size_t done = 0; done < part.size();) {
    const ssize_t n =
        pread(mapping_->file, static_cast<char*>(to) + done, part.size() - done, static_cast<off_t>(begin + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0)
      fail<IoError>(op,
                    fmt::format("expected {} bytes, got {} at byte {} of {}",
                                mapping_->size,
                                n < 0 ? fmt::format("\"{}\"", std::strerror(errno)) : "the end of the file",
                                begin + done,
                                mapping_->path));
    done += static_cast<std::size_t>(n);
  }
}

void MappedFile::expect(std::string_view part) const noexcept {
  posix_fadvise(mapping_->file, part.data() - mapping_->data, static_cast<off_t>(part.size()), POSIX_FADV_WILLNEED);
}

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
