#include "gradus/nn/save.h"

#include "gradus/tensor/file.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string_view>
#include <utility>

namespace gradus::nn {
namespace {

using Json = nlohmann::json;

constexpr std::pair<DType, std::string_view> kNames[] = {
    {float32, "F32"}, {float64, "F64"}, {int64, "I64"}, {boolean, "BOOL"}};

[[noreturn]] void fail_file(const std::string& path,
                            std::uint64_t offset,
                            const std::string& message) {
  gradus::detail::fail<IoError>("load", fmt::format("{} in {} at byte {}", message, path, offset));
}

constexpr std::string_view kChecksum = "checksum of ";

/// Of what is said of a tensor and of its values. A single changed word always changes it.
std::string checksum(const Json& entry, std::string_view values) {
  std::uint64_t hash = 0xcbf29ce484222325;
  const auto add = [&](std::string_view bytes) {
    for (std::size_t i = 0; i < bytes.size(); i += sizeof(hash)) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes.data() + i, std::min(sizeof(word), bytes.size() - i));
      hash = (hash ^ word) * 0x9e3779b97f4a7c15;
      hash ^= hash >> 32;
    }
  };
  add(entry.dump());
  add(values);
  return fmt::format("{:016x}", hash);
}

}  // namespace

void save_tensors(const std::map<std::string, Tensor>& tensors, const std::string& path) {
  Json header = Json::object(), metadata = Json::object();
  std::size_t at = 0;
  std::string values;
  for (const auto& [name, given] : tensors) {
    const Tensor x = contiguous(given);
    const std::size_t bytes = static_cast<std::size_t>(x.numel()) * size_of(x.dtype());
    std::string_view dtype;
    for (const auto& [type, text] : kNames)
      if (type == x.dtype()) dtype = text;
    const Shape shape = x.shape();
    header[name] = {{"dtype", dtype},
                    {"shape", std::vector<std::int64_t>(shape.begin(), shape.end())},
                    {"data_offsets", {at, at + bytes}}};
    dispatch(x.dtype(), [&]<class T>() {
      if (bytes > 0) values.append(reinterpret_cast<const char*>(x.data<T>()), bytes);
    });
    metadata[std::string(kChecksum) + name] =
        checksum(header[name], std::string_view(values).substr(at, bytes));
    at += bytes;
  }
  header["__metadata__"] = std::move(metadata);
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');  // keeps the values aligned
  const std::uint64_t length = text.size();
  std::string file(sizeof(length), '\0');
  std::memcpy(file.data(), &length, sizeof(length));
  gradus::detail::write_file("save", path, file + text + values);
}

std::map<std::string, Tensor> load_tensors(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in)
    gradus::detail::fail<IoError>("load", fmt::format("expected a readable file, got {}", path));
  const std::string bytes(std::istreambuf_iterator<char>(in), {});
  std::uint64_t length = 0;
  if (bytes.size() < sizeof(length))
    fail_file(path, 0, "expected 8 bytes of header length, got fewer");
  std::memcpy(&length, bytes.data(), sizeof(length));
  if (length > bytes.size() - sizeof(length))
    fail_file(
        path, 0, fmt::format("expected a header no longer than the file, got {} bytes", length));
  const std::uint64_t start = sizeof(length) + length;
  const std::uint64_t room = bytes.size() - start;

  std::map<std::string, Tensor> tensors;
  try {
    const Json header = Json::parse(bytes.begin() + sizeof(length),
                                    bytes.begin() + static_cast<std::ptrdiff_t>(start));
    if (!header.is_object())
      fail_file(path, sizeof(length), "expected a JSON object as the header, got another value");
    const Json metadata = header.value("__metadata__", Json::object());
    std::size_t checked = 0;  // none in files of other programs
    for (const auto& [key, value] : metadata.items()) checked += key.starts_with(kChecksum);
    if (checked > 0 && checked != header.size() - 1)
      fail_file(path,
                sizeof(length),
                fmt::format("expected {} checksums, got {}", header.size() - 1, checked));
    for (const auto& [name, entry] : header.items()) {
      if (name == "__metadata__") continue;
      const auto sizes = entry.at("shape").get<std::vector<std::int64_t>>();
      const auto from = entry.at("data_offsets").at(0).get<std::uint64_t>();
      const auto to = entry.at("data_offsets").at(1).get<std::uint64_t>();
      const auto dtype_name = entry.at("dtype").get<std::string>();
      const std::pair<DType, std::string_view>* dtype = nullptr;
      for (const auto& known : kNames)
        if (known.second == dtype_name) dtype = &known;
      if (dtype == nullptr)
        fail_file(
            path,
            sizeof(length),
            fmt::format("expected dtype F32, F64, I64 or BOOL for {}, got {}", name, dtype_name));
      std::uint64_t numel = 1;
      for (std::int64_t size : sizes) {
        if (size < 0 || (size > 0 && numel > room / static_cast<std::uint64_t>(size)))
          fail_file(path,
                    sizeof(length),
                    fmt::format("expected a shape that the file can hold for {}", name));
        numel *= static_cast<std::uint64_t>(size);
      }
      if (from > to || to > room || to - from != numel * size_of(dtype->first))
        fail_file(path,
                  start + from,
                  fmt::format("expected {} bytes for {}, got offsets {} to {} of {}",
                              numel * size_of(dtype->first),
                              name,
                              from,
                              to,
                              room));
      if (checked > 0 &&
          metadata.value(std::string(kChecksum) + name, "") !=
              checksum(entry, std::string_view(bytes).substr(start + from, to - from)))
        fail_file(
            path, start + from, fmt::format("expected {} as it was written, got it damaged", name));
      Tensor x = empty(Shape(sizes), dtype->first);
      dispatch(x.dtype(), [&]<class T>() {
        T* out = x.mutable_data<T>();
        if constexpr (std::is_same_v<T, bool>) {
          for (std::uint64_t i = 0; i < numel; ++i) out[i] = bytes[start + from + i] != 0;
        } else if (numel > 0) {
          std::memcpy(out, bytes.data() + start + from, to - from);
        }
      });
      tensors[name] = std::move(x);
    }
  } catch (const Json::exception& error) {
    fail_file(path,
              sizeof(length),
              fmt::format("expected a safetensors header, got one with {}", error.what()));
  }
  return tensors;
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
      gradus::detail::fail<ArgumentError>(
          "load", fmt::format("expected {} in {}, got nothing of that name", name, from));
    const Tensor& x = at->second;
    if (x.shape() != own.shape())
      gradus::detail::fail<ShapeError>("load",
                                       fmt::format("expected {} {}, got {} in {}",
                                                   name,
                                                   to_string(own.shape()),
                                                   to_string(x.shape()),
                                                   from));
    if (x.dtype() != own.dtype())
      gradus::detail::fail<DTypeError>("load",
                                       fmt::format("expected {} {}, got {} in {}",
                                                   name,
                                                   to_string(own.dtype()),
                                                   to_string(x.dtype()),
                                                   from));
    copies.emplace_back(own, x);
    given.erase(at);
  };
  for (const NamedParameter& p : named_parameters(model)) take(p.name, p.parameter);
  for (const NamedBuffer& b : named_buffers(model)) take(b.name, b.buffer);
  if (!given.empty())
    gradus::detail::fail<ArgumentError>(
        "load",
        fmt::format("expected only what the model has, got {} in {}", given.begin()->first, from));
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
