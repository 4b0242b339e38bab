#pragma once

#include <string_view>

/// The parts of the page, from report/assets; Chart.js is empty where it was not found.
namespace gradus::report {

extern const std::string_view page_html, style_css, app_js, chart_min_js;

}  // namespace gradus::report
