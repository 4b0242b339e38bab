#pragma once

#include <gradus/gradus.h>

namespace lecture6 {

/// `rows` pictures of digits as rows of numbers from 0 to 1: MNIST's from GRADUS_SHARED_DIR/data/mnist if they are
/// there, else drawn ones.
gradus::data::Dataset digits(std::int64_t rows);

}  // namespace lecture6
