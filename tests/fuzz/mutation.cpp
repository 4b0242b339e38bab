#include "mutation.h"

#include "files.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <utility>

namespace gradus::fuzz {
namespace {

constexpr std::uint64_t kNumbers[] = {0,
                                      1,
                                      0x7f,
                                      0x80,
                                      0xff,
                                      0x7fff,
                                      0xffff,
                                      0x7fffffff,
                                      0x80000000,
                                      0xffffffff,
                                      0x100000000,
                                      0x7fffffffffffffff,
                                      ~std::uint64_t{0}};
constexpr const char* kTexts[] = {"-1",
                                  "99999999999999999999",
                                  "1e400",
                                  "0.5",
                                  "\"",
                                  "\n",
                                  ",",
                                  "[",
                                  "{",
                                  "\xc3\x28",
                                  "]",
                                  "'",
                                  ":",
                                  "(",
                                  ")",
                                  "\r\n",
                                  "nan"};

std::size_t below(Generator& random, std::size_t n) {
  return static_cast<std::size_t>(random.below(static_cast<std::int64_t>(std::max<std::size_t>(n, 1))));
}

/// In either byte order.
void put_number(std::string& bytes, std::size_t at, Generator& random) {
  const std::uint64_t number = kNumbers[below(random, std::size(kNumbers))];
  const auto width = std::size_t{1} << random.below(4);
  const bool reversed = random.below(2) == 0;
  for (std::size_t i = 0; i < width && at + i < bytes.size(); ++i)
    bytes[at + i] = static_cast<char>(number >> 8 * (reversed ? width - 1 - i : i) & 0xff);
}

}  // namespace

void change(std::string& bytes, Generator& random, const std::vector<std::string>& words) {
  const std::size_t at = below(random, bytes.size());
  const std::size_t length = below(random, std::min<std::size_t>(bytes.size() - at, 64) + 1);
  switch (random.below(10)) {
    case 0:
      if (!bytes.empty()) bytes[at] = static_cast<char>(bytes[at] ^ (1 << random.below(8)));
      return;
    case 1:
      if (!bytes.empty()) bytes[at] = static_cast<char>(random.below(256));
      return;
    case 2: return put_number(bytes, at, random);
    case 3: bytes.erase(at, length); return;
    case 4: bytes.insert(at, bytes.substr(at, length)); return;
    case 5: bytes.insert(at, data::random_bytes(length, random.next())); return;
    case 6: bytes.resize(at); return;
    case 7: bytes.replace(at, std::min<std::size_t>(length, 4), kTexts[below(random, std::size(kTexts))]); return;
    case 8:
      if (!words.empty()) bytes.replace(at, std::min<std::size_t>(length, 8), words[below(random, words.size())]);
      return;
    default: {  // two parts change places
      const std::size_t other = below(random, bytes.size());
      for (std::size_t i = 0; i < length && std::max(at, other) + i < bytes.size(); ++i)
        std::swap(bytes[at + i], bytes[other + i]);
    }
  }
}

}  // namespace gradus::fuzz
