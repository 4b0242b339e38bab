#include "gradus/tensor/text.h"

#include <fmt/format.h>

namespace gradus::detail {

std::string in_quotes(std::string_view text) {
  constexpr std::size_t kShown = 24;
  std::string shown;
  for (const char c : text.substr(0, kShown)) {
    const bool plain =
        static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x7f;
    shown += plain ? std::string(1, c) : fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
  return fmt::format("\"{}{}\"", shown, text.size() > kShown ? "…" : "");
}

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i++]);
    const int more = lead < 0x80 ? 0 : lead < 0xc2 ? -1 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
    if (more < 0 || lead > 0xf4) return false;
    // The second byte's range depends on the first: that leaves out what is overlong or too large.
    unsigned low = lead == 0xe0   ? 0xa0
                   : lead == 0xf0 ? 0x90
                                  : 0x80,
             high = lead == 0xed   ? 0x9f
                    : lead == 0xf4 ? 0x8f
                                   : 0xbf;
    for (int k = 0; k < more; ++k, ++i, low = 0x80, high = 0xbf) {
      if (i == text.size()) return false;
      const auto c = static_cast<unsigned char>(text[i]);
      if (c < low || c > high) return false;
    }
  }
  return true;
}

}  // namespace gradus::detail
