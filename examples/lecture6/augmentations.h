#pragma once

#include <gradus/gradus.h>

#include <string>
#include <vector>

/// What each augmentation makes of a few pictures.
namespace lecture6::augmentations {

struct Case {
  std::string name;
  gradus::data::Batch before, after;  // inputs [N, 3, H, W]
  double change;                      // mean of |after - before| over all pixels
};

/// Digits drawn in a colour on another, row i showing i.
gradus::data::Batch pictures(std::int64_t count);

/// Each word of data::augmentation alone.
std::vector<Case> run(std::int64_t count = 8);
/// Prints the changes and writes folder/augment_NAME.png, and augment_none.png: the pictures side by side.
void show(const std::vector<Case>& result, const std::string& folder);

}  // namespace lecture6::augmentations
