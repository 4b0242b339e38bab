#include "gradus/tensor/mapped_file.h"

#include "gradus/tensor/error.h"
#include "gradus/tensor/foreign.h"
#include "gradus/tensor/random_access_file.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <iterator>
#include <map>
#include <mutex>
#include <sys/mman.h>

namespace gradus::detail {

struct MappedFile::Mapping {
  char* data = nullptr;
  std::size_t size = 0;
  std::unique_ptr<RandomAccessFile> file;  // if it is kept open

  Mapping() = default;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (file != nullptr) {
      const std::scoped_lock lock(kept_open().mutex);
      kept_open().by_begin.erase(data);
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
  auto file = std::make_unique<RandomAccessFile>(op, path);
  const std::size_t size = file->size();
  if (size == 0) return;
  void* const data = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file->descriptor(), 0);
  if (data == MAP_FAILED)
    fail<IoError>(op, fmt::format("expected a file that can be mapped, got \"{}\" for {}", std::strerror(errno), path));
  mapping_->data = static_cast<char*>(data);
  mapping_->size = size;
  if (size < kKeptOpen) return;
  mapping_->file = std::move(file);
  const std::scoped_lock lock(Mapping::kept_open().mutex);
  Mapping::kept_open().by_begin[mapping_->data] = mapping_;
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
  mapping_->file->read(op, static_cast<std::size_t>(part.data() - mapping_->data), part.size(), to);
}

void MappedFile::expect(std::string_view part) const noexcept {
  mapping_->file->expect(static_cast<std::size_t>(part.data() - mapping_->data), part.size());
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
