#!/usr/bin/env bash
# usage: comments_test.sh ROOT SCRATCH — comments.sh accepts headers with comments and finds each kind of name without one.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/tools.bash"
needs doxygen python3
tree=$2
rm -rf "$tree"
mkdir -p "$tree/room/include/gradus/room" "$tree/docs"
printf '# Tree\n\n| `room/` | things |\n' | tee "$tree"/{README,CHANGELOG,CONTRIBUTING,docs/design}.md >"$tree/page"

# header: standard input between what a header begins and ends with.
header() {
  {
    printf '#pragma once\n\nGRADUS_EXPORT_BEGIN\nnamespace gradus {\n\n'
    cat
    printf '\n}  // namespace gradus\nGRADUS_EXPORT_END\n'
  } >"$tree/room/include/gradus/room/$1.h"
}

header fine <<'END'
// About the header.

/// What is computed.
int f(int a);
int f(double a);
/// A convolution.
int conv1d(int a);
int conv2d(int a);
/// The larger, or smaller, one.
int maximum(int a, int b);
int minimum(int a, int b);

// Comparisons.
bool less(int a, int b);
bool greater(int a, int b);

namespace detail {
int hidden(int a);
}
struct GOptions {
  int a = 1;
};
/// Of a thing.
template <class T>
  requires(sizeof(T) > 1)
int g(T a, const GOptions& options = {}) {
  return a;
}
/// A result.
struct Result {
  int value;
  int member() const;

 private:
  int secret_;
};
Result h(int a);
/// Something.
class Thing {
 public:
  Thing();
  friend bool operator==(const Thing& a, const Thing& b) {
    return true;
  }
};
inline constexpr int kNoted = 1;  // a constant
/// One more.
enum class Kind { a, b };
inline int operator+(Kind a, Kind b) { return 1; }
END

header bare <<'END'
int first(int a);

/// A comment.

int apart(int a);

/// A comment.
int other(int a);
int below(int a);

class Bare {
 public:
  int member() const;
};

enum class Choice { a, b };

using Name = int;

inline constexpr int kConstant = 1;

template <class T>
concept Small = sizeof(T) < 4;

struct NobodysOptions {
  int a = 1;
};
/// A class that is documented, with a constructor and a friend.
class Seen {
 public:
  Seen();
  friend bool operator==(const Seen& a, const Seen& b) {
    return true;
  }

 private:
  int x_;
};

int behind(int a);
END

out=$(bash "$here/comments.sh" "$1" "$tree" 2>&1) && fail "names without a comment are accepted: $out"
for name in first apart below Bare Choice Name kConstant Small NobodysOptions behind; do
  grep -qE "gradus/room/bare.h:[0-9]+: .*\b$name\b" <<<"$out" || fail "$name is not found: $out"
done
[[ $(grep -c 'is not documented' <<<"$out") == 10 ]] || fail "other names are found too: $out"
grep -q ' bare.h:6: ' <<<"${out//include\/gradus\/room\// }" || fail "the line is wrong: $out"
rm "$tree/room/include/gradus/room/bare.h"
out=$(bash "$here/comments.sh" "$1" "$tree" 2>&1) || fail "names with comments are refused: $out"
echo "$out"
