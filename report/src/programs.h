#pragma once

#include <string>

namespace gradus::report {

/// Draws an SVG file as PNG, at twice its size, by librsvg's program rsvg-convert.
///   errors    IoError if that is not installed or fails
void png_of(const std::string& svg, const std::string& png);

}  // namespace gradus::report
