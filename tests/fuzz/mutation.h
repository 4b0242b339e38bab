#pragma once

#include "gradus/tensor/random.h"

#include <string>
#include <vector>

namespace gradus::fuzz {

/// One change of the kinds that break readers: a bit, a byte, a number at the end of its range, a sign or one of
/// `words` out of place, a part doubled, left out, moved, or the end missing.
void change(std::string& bytes, Generator& random, const std::vector<std::string>& words);

}  // namespace gradus::fuzz
