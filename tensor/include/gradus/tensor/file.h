#pragma once

#include "gradus/tensor/error.h"
#include "gradus/tensor/export.h"

#include <exception>
#include <new>
#include <span>
#include <string>
#include <string_view>

GRADUS_EXPORT_BEGIN
namespace gradus::detail {

/// All bytes of a file. IoError, named by `op`, if it can't be read, is a folder, …
std::string read_file(const char* op, const std::string& path);

/// When what is written is forced to the disk, so that it outlasts a failure of the system: before it takes its place,
/// or by `force_to_disk`. A file that is only shown while something goes on needs neither.
enum class OnDisk { now, later };

/// Replaces a file by `bytes`, whole or not at all: what was there stays until all is written. A
/// device or pipe is written to as it is. IoError, named by `op`. A process that is killed meanwhile
/// may leave a file PATH.PID-N.part beside it.
void write_file(const char* op, const std::string& path, std::string_view bytes, OnDisk when = OnDisk::now);

/// The same of parts, one behind the other.
void write_file(const char* op,
                const std::string& path,
                std::span<const std::string_view> parts,
                OnDisk when = OnDisk::now);

/// Forces to the disk what a file holds, or what names a folder has. IoError, named by `op`.
void force_to_disk(const char* op, const std::string& path);

/// Where a file is, and what is to be in it.
struct FilePlan {
  std::string path;
  std::span<const std::string_view> parts;
};

/// Replaces a file and one that it refers to, both whole or neither. The file is away while the other is replaced: who
/// finds it finds what belongs to it. IoError, named by `op`, also if either is no regular file.
void write_files(const char* op, const FilePlan& file, const FilePlan& beside);

/// IoError as of `write_file` if that would fail now, except for want of room. Leaves all as it was.
void check_writable(const char* op, const std::string& path);

[[noreturn]] void fail_foreign(const char* op, const std::string& path, const char* what);

/// What `f()` gives. Whatever a library below throws over what is at `path` becomes an IoError that is
/// named by `op` and names the path: readers are called through this.
template <class F>
decltype(auto) at_boundary(const char* op, const std::string& path, F&& f) {
  try {
    return f();
  } catch (const Error&) {
    throw;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    fail_foreign(op, path, error.what());
  }
}

}  // namespace gradus::detail
GRADUS_EXPORT_END
