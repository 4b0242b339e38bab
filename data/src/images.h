#pragma once

#include "gradus/data/readers.h"

#include <initializer_list>
#include <string>

namespace gradus::data {

/// The first of folder/name and folder/name.gz, over the names in turn, that exists; "" if none
/// does.
std::string find_file(const std::string& folder, std::initializer_list<const char*> names);
/// The same; IoError if there is none.
std::string require_file(const char* op, const std::string& folder, std::initializer_list<const char*> names);

/// ArgumentError for an option that makes no sense.
void check_options(const char* op, const ImageOptions& options);
/// Training and test rows with the validation part cut off the end of the former.
Splits make_splits(const char* op, const Dataset& train, Dataset test, const ImageOptions& options);

}  // namespace gradus::data
