#include "collect.h"
#include "embedded.h"

#include <string>
#include <string_view>

namespace gradus::report {
namespace {

/// Names need not be UTF-8; the rest becomes U+FFFD.
std::string text_of(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

/// Within a script element "</script" and "<!--" would end it or hide what follows.
std::string for_script(const std::string& json) {
  std::string text;
  for (const char c : json) {
    if (c == '<')
      text += "\\u003c";
    else
      text += c;
  }
  return text;
}

}  // namespace

std::string to_json(const Subjects& subjects) { return text_of(collect(subjects)) + "\n"; }

std::string to_html(const Subjects& subjects, bool live) {
  const std::string data = for_script(text_of(collect(subjects)));
  std::string page;
  std::string_view rest = embedded("page.html");
  // Places to fill: {{name}}, of a file or the data. What is filled in is not searched again.
  for (std::size_t open = 0; (open = rest.find("{{")) != rest.npos;) {
    const std::size_t close = rest.find("}}", open);
    const std::string_view name = rest.substr(open + 2, close - open - 2);
    page += rest.substr(0, open);
    page += name == "data"   ? std::string_view(data)
            : name == "live" ? std::string_view(live ? "yes" : "no")
                             : embedded(name);
    rest.remove_prefix(close + 2);
  }
  page += rest;
  return page;
}

}  // namespace gradus::report
