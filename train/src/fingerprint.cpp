#include "fingerprint.h"

#include "gradus/nn/save.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <string_view>

namespace gradus::train {
namespace {

using gradus::detail::fail;

/// A number that differs for other elements, another shape or another dtype (but for 1 in 2^64).
std::string digest(const Tensor& tensor) {
  if (!tensor.defined()) return "none";
  const Tensor x = contiguous(tensor);
  std::uint64_t h = 0xcbf29ce484222325;  // FNV-1a, eight bytes at a time
  const auto mix = [&h](std::uint64_t word) {
    h = (h ^ word) * 0x100000001b3;
    h ^= h >> 29;
  };
  dispatch(x.dtype(), [&]<class T>() {
    const std::span bytes = std::as_bytes(std::span(x.data<T>(), static_cast<std::size_t>(x.numel())));
    for (std::size_t at = 0; at < bytes.size(); at += sizeof(std::uint64_t)) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes.data() + at, std::min(sizeof(word), bytes.size() - at));
      mix(word);
    }
  });
  return fmt::format("{} {} {:016x}", to_string(x.dtype()), to_string(x.shape()), h);
}

/// Of inputs and targets of some rows, from the first to the last.
std::pair<std::string, std::string> digest(const data::Source& rows) {
  constexpr std::int64_t kRows = 16;
  if (rows.size == 0) return {"none", "none"};
  std::vector<std::int64_t> indices;
  for (std::int64_t i = 0; i < std::min(kRows, rows.size); ++i)
    indices.push_back(rows.size <= kRows ? i : i * ((rows.size - 1) / (kRows - 1)));
  data::Loader some(rows, {.batch = kRows, .seed = 0, .indices = from_vector(indices)});
  const data::Batch batch = *some.begin();
  const auto text = [&](const Tensor& x) { return fmt::format("{} rows, some {}", rows.size, digest(x)); };
  return {text(batch.inputs), text(batch.targets)};
}

/// Adds what is known of a part of the data; `tensors` hold it, if there are any.
void add_part(Fingerprint& result, const std::string& name, const data::Source& rows, const data::Dataset* tensors) {
  const auto [inputs, targets] =
      tensors != nullptr ? std::pair(digest(tensors->inputs), digest(tensors->targets)) : digest(rows);
  result.add(name + " inputs", inputs);
  result.add(name + " targets", targets);
}

std::string text_of(const Note& note) {
  return std::visit([](const auto& value) { return fmt::format("{}", value); }, note);
}

std::string text_of(const nn::ModuleRef& model) {
  std::string text;
  for (const nn::NamedModule& named : nn::detail::named_modules(model))
    text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", named.name, named.module.describe());
  return text;
}

}  // namespace

void Fingerprint::add(std::string name, std::string text) {
  std::replace(name.begin(), name.end(), '/', '.');  // which parts the names in a checkpoint
  // A note may be called like something else that is compared.
  while (std::any_of(items_.begin(), items_.end(), [&](const auto& i) { return i.first == name; })) name += '\'';
  items_.emplace_back(std::move(name), std::move(text));
}

optim::State Fingerprint::state() const {
  optim::State state;
  for (const auto& [name, text] : items_) {
    std::vector<std::int64_t> codes(text.begin(), text.end());
    codes.push_back(0);  // so that none is empty
    state[name] = from_vector(codes);
  }
  return state;
}

void Fingerprint::set_state(const optim::State& state) const {
  for (const auto& [name, text] : items_) {
    const auto at = state.find(name);
    std::string got = "none";
    if (at != state.end() && at->second.dtype() == int64) {
      const Tensor codes = contiguous(at->second);
      got.clear();
      for (std::int64_t i = 0; i + 1 < codes.numel(); ++i) got += static_cast<char>(codes.data<std::int64_t>()[i]);
    }
    if (got != text)
      fail<ArgumentError>("fit",
                          fmt::format("expected a checkpoint of a run with {} {}, got one with {}", name, text, got));
  }
}

void Fingerprint::check(const std::string& checkpoint, CallSite site) const {
  const std::string part = "options/";
  optim::State options;
  for (const auto& [name, text] : nn::load_tensors(checkpoint, site))
    if (name.starts_with(part)) options[name.substr(part.size())] = text;
  set_state(options);
}

Fingerprint fingerprint(const FitOptions& options,
                        const RunData& data,
                        nn::ModuleRef model,
                        const optim::Optimizer& optimizer) {
  Fingerprint result;
  for (const std::string& name : options.fixed_notes)
    if (const auto note = options.notes.find(name); note != options.notes.end())
      result.add(name, text_of(note->second));
  result.add("batch", std::to_string(options.batch));
  result.add("shuffle", options.sampler ? "by a sampler" : options.shuffle ? "on" : "off");
  if (options.schedule) result.add("epochs", std::to_string(options.epochs));
  // The curve, by some of its points.
  std::string curve = "constant";
  if (options.schedule) {
    curve = "with factors";
    for (const double t : {0.0, 0.1, 0.25, 0.5, 0.75, 0.9}) curve += fmt::format(" {:.6g}", (*options.schedule)(t));
  }
  result.add("schedule", curve);
  const data::Splits* const tensors = data.tensors;
  add_part(result, "training", data.rows.train, tensors == nullptr ? nullptr : &tensors->train);
  add_part(result, "validation", data.rows.validation, tensors == nullptr ? nullptr : &tensors->validation);
  add_part(result, "test", data.rows.test, tensors == nullptr ? nullptr : &tensors->test);
  const data::Batch& row = data.first;
  result.add("transform", options.transform ? digest(options.transform(row.inputs, {})) : std::string("none"));
  std::string augment = "none";
  if (options.augment) {
    // Three draws: a change that is made by chance is seen.
    augment.clear();
    for (const std::uint64_t seed : {1U, 2U, 3U})
      augment += digest(options
                            .augment({.inputs = row.inputs, .targets = row.targets},
                                     Generator(seed),
                                     std::max<std::int64_t>(data.rows.train.classes, 0))
                            .inputs);
  }
  result.add("augmentation", augment);
  result.add("layers", text_of(model));
  constexpr std::string_view groups = "groups.";
  for (const auto& [name, value] : optimizer.state())
    if (name.starts_with(groups))
      result.add("optimizer " + name.substr(groups.size()), fmt::format("{}", value.item<double>()));
  return result;
}

}  // namespace gradus::train
