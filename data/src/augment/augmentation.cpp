#include "gradus/data/augment.h"
#include "gradus/graph/arg.h"
#include "gradus/tensor/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

namespace gradus::data {

Augmentation::Augmentation(std::initializer_list<Augmentation> list) {
  std::vector<Function> steps;
  for (const Augmentation& step : list)
    if (step) steps.push_back(step.call_);
  if (steps.empty()) return;
  call_ = [steps = std::move(steps)](Batch batch, std::span<Generator> generators, std::int64_t classes) {
    for (const Function& step : steps) batch = step(std::move(batch), generators, classes);
    return batch;
  };
}

Batch Augmentation::operator()(const Batch& batch,
                               std::span<Generator> generators,
                               std::int64_t classes,
                               CallSite site) const {
  const gradus::detail::SitePin pin(site);
  const std::int64_t n = batch.inputs.rank() == 0 ? 0 : batch.inputs.size(0);
  if (static_cast<std::int64_t>(generators.size()) != n)
    fail<ArgumentError>("augmentation",
                        fmt::format("expected a generator for each of {} rows, got {}", n, generators.size()));
  return call_ ? call_(batch, generators, classes) : batch;
}

Batch Augmentation::operator()(const Batch& batch,
                               const Generator& generator,
                               std::int64_t classes,
                               CallSite site) const {
  std::vector<Generator> generators;
  const std::int64_t n = batch.inputs.rank() == 0 ? 0 : batch.inputs.size(0);
  for (std::int64_t i = 0; i < n; ++i) generators.push_back(generator.split(static_cast<std::uint64_t>(i)));
  return (*this)(batch, generators, classes, site);
}

namespace {

struct Word {
  std::string_view name, number;
  double otherwise;
  Augmentation (*make)(double number, CallSite site);
};

constexpr Word kWords[] = {
    {"flip", "P", 0.5, horizontal_flip},
    {"vflip", "P", 0.5, vertical_flip},
    {"crop",
     "PADDING",
     4,
     [](double n, CallSite site) { return random_crop({.padding = static_cast<std::int64_t>(n)}, site); }},
    {"resized_crop", "LEAST", 0.08, [](double n, CallSite site) { return random_resized_crop({.least = n}, site); }},
    {"rotate", "DEGREES", 15, random_rotation},
    {"color",
     "STRENGTH",
     0.4,
     [](double n, CallSite site) {
       return color_jitter({.brightness = n, .contrast = n, .saturation = n, .hue = n / 4}, site);
     }},
    {"lighting", "STD", 0.1, [](double n, CallSite site) { return lighting({.std = n}, site); }},
    {"erase", "P", 0.5, [](double n, CallSite site) { return random_erasing({.p = n}, site); }},
    {"mixup", "ALPHA", 0.2, mixup},
};

}  // namespace

Augmentation augmentation(const std::string& text, CallSite site) {
  const auto refuse = [&](const std::string& what, std::size_t at) {
    fail<ArgumentError>("augmentation", fmt::format("{} at position {} of '{}'", what, at + 1, text), site);
  };
  Augmentation result;
  std::size_t at = 0;
  while (true) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    std::vector<std::pair<std::string, std::size_t>> parts;  // and where they stand
    for (std::size_t i = at; i < end;) {
      const std::size_t stop = std::min({text.find_first_of(" \t", i), end});
      if (stop > i) parts.emplace_back(text.substr(i, stop - i), i);
      i = stop + 1;
    }
    if (parts.empty()) {
      if (at == 0 && end == text.size()) return result;  // no words at all
      refuse("expected a word, got none", at);
    }
    const auto& [name, place] = parts[0];
    const auto* const word =
        std::find_if(std::begin(kWords), std::end(kWords), [&, &n = name](const Word& w) { return w.name == n; });
    if (word == std::end(kWords)) refuse(gradus::detail::unknown_word("an augmentation", name, kWords), place);
    double number = word->otherwise;
    if (parts.size() > 1) {
      std::size_t used = 0;
      try {
        number = std::stod(parts[1].first, &used);
      } catch (const std::exception&) {
      }
      const bool whole = word->name != "crop" || (number == std::floor(number) && number < 1e6);
      if (parts.size() > 2 || used != parts[1].first.size() || !whole)
        refuse(fmt::format("expected '{} [{}]', got '{}'", word->name, word->number, text.substr(place, end - place)),
               parts[std::min<std::size_t>(parts.size() - 1, 2)].second);
    }
    try {
      result = Augmentation{std::move(result), word->make(number, site)};
    } catch (const ArgumentError& error) {
      refuse(error.message(), place);
    }
    if (end == text.size()) return result;
    at = end + 1;
  }
}

}  // namespace gradus::data
