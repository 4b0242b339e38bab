#pragma once

#include "gradus/report/svg.h"

/// Pictures of lines and histograms, in files that browsers show.
namespace lecture6 {

using gradus::report::Draw, gradus::report::Series, gradus::report::Panel, gradus::report::Layout,
    gradus::report::write_svg, gradus::report::histogram;

}  // namespace lecture6
