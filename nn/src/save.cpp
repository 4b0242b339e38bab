#include "gradus/nn/save.h"

#include "flat_json.h"
#include "stored.h"

#include "gradus/tensor/file.h"
#include "gradus/tensor/mapped_file.h"
#include "gradus/tensor/text.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <zlib.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <set>
#include <string_view>
#include <tuple>
#include <unistd.h>
#include <utility>
#include <vector>

namespace gradus::nn {
namespace {

using gradus::detail::in_quotes;
using Json = nlohmann::json;
namespace fs = std::filesystem;

constexpr std::string_view kMetadata = "__metadata__", kChecksum = "crc32 of ";

/// What the header says of a tensor. Written without the JSON library, which leaks or ends the program where memory is
/// wanting for a list of values.
std::string entry_of(std::string_view dtype, const Shape& shape, std::uint64_t from, std::uint64_t to) {
  return fmt::format(R"({{"data_offsets":[{},{}],"dtype":"{}","shape":[{}]}})", from, to, dtype, fmt::join(shape, ","));
}

/// CRC-32 of what is said of a tensor, then its values, in hexadecimal digits.
std::string checksum(std::string_view entry, std::string_view values) {
  uLong crc = 0;
  for (const std::string_view part : {entry, values})
    crc = crc32_z(crc, reinterpret_cast<const Bytef*>(part.data()), part.size());
  return fmt::format("{:08x}", crc);
}

/// An object of members that are JSON, in the order of their names.
std::string object_of(const std::map<std::string, std::string>& members) {
  std::string text = "{";
  for (const auto& [name, value] : members)
    text += fmt::format("{}{}:{}", text.size() > 1 ? "," : "", Json(name).dump(), value);
  return text + "}";
}

/// A file of the format: eight bytes of header length, the header, the values without a gap.
class Reader {
 public:
  Reader(const std::string& path, std::string_view bytes) : path_(path), bytes_(bytes) {
    std::uint64_t length = 0;
    if (bytes_.size() < sizeof(length)) fail(0, "expected 8 bytes of header length, got fewer");
    std::memcpy(&length, bytes_.data(), sizeof(length));
    if (length > bytes_.size() - sizeof(length))
      fail(0, fmt::format("expected a header no longer than the file, got {} bytes", length));
    start_ = sizeof(length) + length;
    values_ = bytes_.substr(start_);
    parse(bytes_.substr(sizeof(length), length));
  }

  std::map<std::string, Tensor> tensors() {
    const std::vector<Entry> entries = read_entries();
    const auto checksums = read_checksums(entries.size());
    std::map<std::string, Tensor> tensors;
    for (const Entry& e : entries) {
      const std::string_view bytes = values_.substr(e.from, e.to - e.from);
      if (!checksums.empty()) {
        const auto given = checksums.find(std::string(kChecksum) + e.name);
        if (given == checksums.end() ||
            given->second != checksum(entry_of(e.stored->name, e.shape, e.from, e.to), bytes))
          fail(start_ + e.from, fmt::format("expected {} as it was written, got it damaged", in_quotes(e.name)));
      }
      tensors[e.name] = to_tensor(bytes, *e.stored, e.shape);
    }
    return tensors;
  }

  /// The same as parts of the file that the bytes are of, where they can be.
  std::map<std::string, Tensor> mapped_tensors(const gradus::detail::MappedFile& file) {
    std::map<std::string, Tensor> tensors;
    for (const Entry& e : read_entries()) {
      const std::string_view bytes = values_.substr(e.from, e.to - e.from);
      tensors[e.name] = can_be_mapped(bytes, *e.stored) ? file.tensor(bytes, e.stored->dtype, e.shape)
                                                        : to_tensor(bytes, *e.stored, e.shape);
    }
    return tensors;
  }

 private:
  struct Entry {
    std::string name;
    const Stored* stored = nullptr;
    Shape shape;
    std::uint64_t from = 0, to = 0;  // of its bytes among the values
  };

  [[noreturn]] void fail(std::uint64_t offset, const std::string& message) const {
    gradus::detail::fail<IoError>("load", fmt::format("{} in {} at byte {}", message, path_, offset));
  }
  [[noreturn]] void fail_header(const std::string& message) const { fail(sizeof(std::uint64_t), message); }

  void parse(std::string_view text) {
    if (!text.starts_with('{')) fail_header("expected a header that begins with {, got another");
    header_ = parse_flat(text, [&](const std::string& message) { fail_header(message); });
  }

  std::vector<Entry> read_entries() const {
    std::vector<Entry> entries;
    for (const auto& [name, entry] : header_->items())
      if (name != kMetadata) entries.push_back(read_entry(name, entry));
    check_layout(entries);
    return entries;
  }

  /// A whole number from 0 on; the JSON library would round others.
  std::uint64_t whole(const std::string& name, const Json& value) const {
    if (!value.is_number_unsigned())
      fail_header(fmt::format("expected whole numbers for {}, got another value", in_quotes(name)));
    return value.get<std::uint64_t>();
  }

  Entry read_entry(const std::string& name, const Json& entry) const {
    const Json &sizes = entry.at("shape"), &offsets = entry.at("data_offsets");
    const std::string dtype = entry.at("dtype").get<std::string>();
    const Stored* const stored = find_stored(dtype);
    if (stored == nullptr)
      fail_header(
          fmt::format("expected dtype F8_E4M3, F8_E5M2, F16, BF16, F32, F64, I8, I16, I32, I64, U8, U16, U32 or "
                      "BOOL for {}, got {}",
                      in_quotes(name),
                      in_quotes(dtype)));
    if (!sizes.is_array() || sizes.size() > kMaxRank)
      fail_header(fmt::format("expected at most 8 sizes for {}, got others", in_quotes(name)));
    if (!offsets.is_array() || offsets.size() != 2)
      fail_header(fmt::format("expected two offsets for {}, got others", in_quotes(name)));
    Entry e{name, stored, {}, whole(name, offsets[0]), whole(name, offsets[1])};
    constexpr std::uint64_t kMost = std::uint64_t{1} << 48;
    std::uint64_t elements = 1;  // were there no size 0
    for (const Json& size : sizes) {
      const std::uint64_t n = whole(name, size);
      if (n > kMost || elements > kMost / std::max<std::uint64_t>(n, 1))
        fail_header(fmt::format("expected a shape that a file can hold for {}", in_quotes(name)));
      elements *= std::max<std::uint64_t>(n, 1);
      e.shape.push_back(static_cast<std::int64_t>(n));
    }
    const std::uint64_t bytes = static_cast<std::uint64_t>(e.shape.numel()) * stored->bytes;
    if (e.from > e.to || e.to > values_.size() || e.to - e.from != bytes)
      fail(start_ + std::min<std::uint64_t>(e.from, values_.size()),
           fmt::format("expected {} bytes for {}, got offsets {} to {} of {}",
                       bytes,
                       in_quotes(name),
                       e.from,
                       e.to,
                       values_.size()));
    return e;
  }

  /// The tensors' bytes follow each other from the first byte to the last.
  void check_layout(std::vector<Entry>& entries) const {
    std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
      return std::tie(a.from, a.to) < std::tie(b.from, b.to);
    });
    std::uint64_t at = 0;
    for (const Entry& e : entries) {
      if (e.from != at)
        fail(start_ + at,
             fmt::format("expected {} to follow without {}, got it at {}",
                         in_quotes(e.name),
                         e.from < at ? "an overlap" : "a hole",
                         start_ + e.from));
      at = e.to;
    }
    if (at != values_.size()) fail(start_ + at, "expected the end of the file, got more");
  }

  /// Those in the metadata; none in files of other programs.
  std::map<std::string, std::string> read_checksums(std::size_t tensors) const {
    std::map<std::string, std::string> checksums;
    if (!header_->contains(kMetadata)) return checksums;
    const Json& metadata = header_->at(std::string(kMetadata));
    if (!metadata.is_object()) fail_header("expected an object as metadata, got another value");
    for (const auto& [key, value] : metadata.items()) {
      if (!value.is_string())
        fail_header(fmt::format("expected text as metadata, got another value for {}", in_quotes(key)));
      if (key.starts_with(kChecksum)) checksums[key] = value.get<std::string>();
    }
    if (!checksums.empty() && checksums.size() != tensors)
      fail_header(fmt::format("expected {} checksums, got {}", tensors, checksums.size()));
    return checksums;
  }

  std::string path_;
  std::string_view bytes_;
  std::uint64_t start_ = 0;  // of the values
  std::string_view values_;
  FlatJson header_;
};

constexpr std::string_view kWhole = "model.safetensors", kIndex = "model.safetensors.index.json";

/// Where the tensors of `path` stand: in it, or, of a folder, in its index or its only file.
fs::path file_of(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) return path;
  return path / (fs::exists(path / kIndex, ignored) ? kIndex : kWhole);
}

using ReadFile = std::map<std::string, Tensor>(const std::string& path);

std::map<std::string, Tensor> read_copied(const std::string& path) {
  const std::string bytes = gradus::detail::read_file("load", path);
  return Reader(path, bytes).tensors();
}
std::map<std::string, Tensor> read_mapped(const std::string& path) {
  const gradus::detail::MappedFile file("load", path);
  return Reader(path, file.bytes()).mapped_tensors(file);
}

/// The tensors by the files that an index says they are in.
std::map<std::string, std::set<std::string>> read_index(const std::string& path) {
  const auto fail = [&](const std::string& message) {
    gradus::detail::fail<IoError>("load", fmt::format("{} in {}", message, path));
  };
  const std::string text = gradus::detail::read_file("load", path);
  const FlatJson parsed = parse_flat(text, fail);
  const Json& index = *parsed;
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object())
    fail("expected an object with an object \"weight_map\", got another");
  std::map<std::string, std::set<std::string>> files;
  for (const auto& [name, file] : index["weight_map"].items()) {
    const std::string at = file.is_string() ? file.get<std::string>() : "";
    if (at.empty() || at == "." || at == ".." || at.find_first_of(std::string_view("/\0", 2)) != std::string::npos)
      fail(fmt::format("expected the name of a file beside the index for {}, got {}", in_quotes(name), file.dump()));
    files[at].insert(name);
  }
  return files;
}

std::map<std::string, Tensor> read_shards(const std::string& index, ReadFile* read) {
  std::map<std::string, Tensor> tensors;
  for (const auto& [file, names] : read_index(index)) {
    const std::string path = (fs::path(index).parent_path() / file).string();
    std::map<std::string, Tensor> shard = read(path);
    const auto fail = [&](const std::string& name, std::string_view got) {
      gradus::detail::fail<IoError>(
          "load", fmt::format("expected {} to have what {} says, got {} {}", path, index, in_quotes(name), got));
    };
    for (const std::string& name : names)
      if (!shard.contains(name)) fail(name, "missing");
    for (const auto& [name, x] : shard)
      if (!names.contains(name)) fail(name, "besides");
    tensors.merge(shard);
  }
  return tensors;
}

std::map<std::string, Tensor> read_all(const std::string& given, ReadFile* read, CallSite site) {
  const gradus::detail::SitePin pin(site);
  const std::string path = file_of(given).string();
  const bool is_index = path.ends_with(".index.json");
  return gradus::detail::at_boundary("load", path, [&] {
    try {
      return is_index ? read_shards(path, read) : read(path);
    } catch (const Json::exception& error) {
      gradus::detail::fail<IoError>("load",
                                    fmt::format("expected a safetensors {}, got one with {} in {} at byte {}",
                                                is_index ? "index" : "header",
                                                error.what(),
                                                path,
                                                is_index ? 0 : 8));
    }
  });
}

std::uint64_t bytes_of(const Tensor& x) { return static_cast<std::uint64_t>(x.numel()) * size_of(x.dtype()); }

/// In the order of the names, each with at most `most` bytes or one tensor.
std::vector<std::map<std::string, Tensor>> split(const std::map<std::string, Tensor>& tensors, std::uint64_t most) {
  std::vector<std::map<std::string, Tensor>> shards(1);
  std::uint64_t bytes = 0;
  for (const auto& [name, x] : tensors) {
    if (!shards.back().empty() && bytes_of(x) > most - std::min(bytes, most)) {
      shards.emplace_back();
      bytes = 0;
    }
    shards.back()[name] = x;
    bytes += bytes_of(x);
  }
  return shards;
}

void check_name(const std::string& name, const std::string& path) {
  if (name == kMetadata || !gradus::detail::is_utf8(name))
    gradus::detail::fail<ArgumentError>(
        "save", fmt::format("expected names in UTF-8 other than {} for {}, got {}", kMetadata, path, in_quotes(name)));
}

void write_shards(const std::map<std::string, Tensor>& tensors, std::uint64_t most, const fs::path& folder) {
  const auto shards = split(tensors, most);
  if (shards.size() == 1) return save_tensors(shards[0], (folder / kWhole).string());
  Json places = Json::object();
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const std::string file = fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, shards.size());
    save_tensors(shards[i], (folder / file).string());
    for (const auto& [name, x] : shards[i]) {
      places[name] = file;
      bytes += bytes_of(x);
    }
  }
  Json index = Json::object();
  index["metadata"]["total_size"] = bytes;
  index["weight_map"] = std::move(places);
  gradus::detail::write_file("save", (folder / kIndex).string(), index.dump(2) + "\n");
}

}  // namespace

void save_tensors(const std::map<std::string, Tensor>& tensors, const std::string& path, CallSite site) {
  const gradus::detail::SitePin pin(site);
  // Large elements first, so that all are aligned where the file is mapped.
  std::vector<std::pair<std::string, Tensor>> ordered(tensors.begin(), tensors.end());
  std::stable_sort(ordered.begin(), ordered.end(), [](const auto& a, const auto& b) {
    return size_of(a.second.dtype()) > size_of(b.second.dtype());
  });
  std::map<std::string, std::string> header, metadata;
  std::size_t at = 0;
  std::string values;
  for (const auto& [name, given] : ordered) {
    check_name(name, path);
    const Tensor x = contiguous(given);
    const std::size_t bytes = static_cast<std::size_t>(x.numel()) * size_of(x.dtype());
    header[name] = entry_of(name_of(x.dtype()), x.shape(), at, at + bytes);
    dispatch(x.dtype(), [&]<class T>() {
      if (bytes > 0) values.append(reinterpret_cast<const char*>(x.data<T>()), bytes);
    });
    metadata[std::string(kChecksum) + name] =
        fmt::format("\"{}\"", checksum(header[name], std::string_view(values).substr(at, bytes)));
    at += bytes;
  }
  header[std::string(kMetadata)] = object_of(metadata);
  std::string text = object_of(header);
  text.append((8 - text.size() % 8) % 8, ' ');  // keeps the values aligned
  const std::uint64_t length = text.size();
  std::string file(sizeof(length), '\0');
  std::memcpy(file.data(), &length, sizeof(length));
  gradus::detail::write_file("save", path, file + text + values);
}

void save_shards(const std::map<std::string, Tensor>& tensors,
                 const std::string& folder,
                 std::int64_t most,
                 CallSite site) {
  const gradus::detail::SitePin pin(site);
  if (most < 1)
    gradus::detail::fail<ArgumentError>("save", fmt::format("expected at least 1 byte for a file, got {}", most));
  for (const auto& [name, x] : tensors) check_name(name, folder);
  const auto check = [&](const std::error_code& error) {
    if (error)
      gradus::detail::fail<IoError>(
          "save", fmt::format("expected a new or an empty folder, got '{}' ({})", folder, error.message()));
  };
  fs::path target = folder;
  if (!target.has_filename()) target = target.parent_path();  // "folder/"
  std::error_code error, ignored;
  if (fs::exists(target, error) && !fs::is_empty(target, error))
    check(std::make_error_code(std::errc::directory_not_empty));
  check(error);
  static std::atomic<unsigned> count{0};
  const fs::path part = fmt::format("{}.{}-{}.part", target.string(), getpid(), count++);
  fs::create_directory(part, error);
  check(error);
  try {
    write_shards(tensors, static_cast<std::uint64_t>(most), part);
    fs::rename(part, target, error);
    check(error);
  } catch (...) {
    fs::remove_all(part, ignored);
    throw;
  }
}

std::map<std::string, Tensor> load_tensors(const std::string& path, CallSite site) {
  return read_all(path, read_copied, site);
}

std::map<std::string, Tensor> map_tensors(const std::string& path, CallSite site) {
  return read_all(path, read_mapped, site);
}

namespace detail {

std::map<std::string, Tensor> state(ModuleRef model) {
  std::map<std::string, Tensor> tensors;
  for (const NamedParameter& p : named_parameters(model)) tensors[p.name] = clone(p.parameter);
  for (const NamedBuffer& b : named_buffers(model)) tensors[b.name] = clone(b.buffer);
  return tensors;
}

void set_state(ModuleRef model, std::map<std::string, Tensor> given, const std::string& from) {
  std::vector<std::pair<Tensor, Tensor>> copies;  // to, from
  const auto take = [&](const std::string& name, const Tensor& own) {
    const auto at = given.find(name);
    if (at == given.end())
      gradus::detail::fail<ArgumentError>("load",
                                          fmt::format("expected {} in {}, got nothing of that name", name, from));
    const Tensor& x = at->second;
    if (x.shape() != own.shape())
      gradus::detail::fail<ShapeError>(
          "load",
          fmt::format("expected {} {}, got {} in {}", name, to_string(own.shape()), to_string(x.shape()), from));
    if (x.dtype() != own.dtype())
      gradus::detail::fail<DTypeError>(
          "load",
          fmt::format("expected {} {}, got {} in {}", name, to_string(own.dtype()), to_string(x.dtype()), from));
    copies.emplace_back(own, x);
    given.erase(at);
  };
  for (const NamedParameter& p : named_parameters(model)) take(p.name, p.parameter);
  for (const NamedBuffer& b : named_buffers(model)) take(b.name, b.buffer);
  if (!given.empty())
    gradus::detail::fail<ArgumentError>(
        "load", fmt::format("expected only what the model has, got {} in {}", given.begin()->first, from));
  for (auto& [to, values] : copies) copy_into(to, values);
}

void save(ModuleRef model, const std::string& path) {
  std::map<std::string, Tensor> tensors;
  for (const NamedParameter& p : named_parameters(model)) tensors[p.name] = p.parameter;
  for (const NamedBuffer& b : named_buffers(model)) tensors[b.name] = b.buffer;
  save_tensors(tensors, path);
}

void load(ModuleRef model, const std::string& path) { set_state(model, load_tensors(path), path); }

}  // namespace detail
}  // namespace gradus::nn
