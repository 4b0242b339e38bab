#include "gradus/data/augment.h"
#include "gradus/graph/arg.h"
#include "gradus/tensor/from_chars.h"
#include "gradus/tensor/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
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
  const auto phrases = gradus::detail::phrases(text);
  Augmentation result;
  if (phrases.size() == 1 && phrases[0].words.empty()) return result;
  for (const auto& phrase : phrases) {
    const auto& words = phrase.words;
    if (words.empty()) refuse("expected a word, got none", phrase.at);
    const auto* const word =
        std::find_if(std::begin(kWords), std::end(kWords), [&](const Word& w) { return w.name == words[0]; });
    if (word == std::end(kWords)) refuse(gradus::detail::unknown_word("an augmentation", words[0], kWords), phrase.at);
    double number = word->otherwise;
    if (words.size() > 1) {
      const std::optional<double> given = gradus::detail::from_text<double>(words[1]);
      const bool whole = word->name != "crop" || (given && *given == std::floor(*given) && *given < 1e6);
      if (words.size() > 2 || !given || !whole)
        refuse(fmt::format("expected '{} [{}]', got '{}'", word->name, word->number, spell(phrase)),
               static_cast<std::size_t>(words[words.size() > 2 ? 2 : 1].data() - text.data()));
      number = *given;
    }
    try {
      result = Augmentation{std::move(result), word->make(number, site)};
    } catch (const ArgumentError& error) {
      refuse(error.message(), phrase.at);
    }
  }
  return result;
}

}  // namespace gradus::data
