#!/usr/bin/env bash
# Runs clang-tidy (.clang-tidy) over the rooms' sources that changed since a commit: by default since the branch left
# main, or on main since the commit before.
# usage: scripts/tidy.sh [base]     needs scripts/setup.sh --ci and a configured preset ci. After TIDY_SECONDS (240) no
# more files are begun, and it is said how many were left out.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tool=$(command -v clang-tidy-19 || command -v clang-tidy) || { echo "tidy: clang-tidy is missing" >&2; exit 1; }
export tool TIDY_SECONDS=${TIDY_SECONDS:-240}
start=$(date +%s)
export start
base=${1-}
if [[ -z $base ]]; then
  base=$(git merge-base HEAD main 2>/dev/null || git merge-base HEAD origin/main 2>/dev/null || true)
  if [[ -z $base || $base == "$(git rev-parse HEAD)" ]]; then base=HEAD~1; fi
fi
git rev-parse --quiet --verify "$base^{commit}" >/dev/null || { echo "tidy: nothing checked, for lack of commit $base"; exit 0; }
mapfile -t files < <(git diff --name-only --diff-filter=d "$base" -- '*/src/*.cpp')
(( ${#files[@]} )) || { echo "tidy: no source changed since $base"; exit 0; }
[[ -f build/ci/compile_commands.json ]] || cmake --preset ci --log-level=NOTICE
mkdir -p build/tidy  # without the flags that are GCC's alone (cmake/GradusModule.cmake)
sed -E 's/ -m(move|store)-max=[0-9]+//g' build/ci/compile_commands.json >build/tidy/compile_commands.json

check() {
  if (( $(date +%s) - start > TIDY_SECONDS )); then
    echo "tidy: no time for $1"
  else
    local said  # libstdc++ 12 itself uses what it calls deprecated
    said=$("$tool" -p build/tidy --quiet --extra-arg=-Wno-unknown-warning-option --extra-arg=-Wno-deprecated-declarations "$1" 2>&1) || { echo "$said"; return 1; }
  fi
}
export -f check
printf '%s\0' "${files[@]}" | xargs -0 -n 1 -P "$(nproc)" bash -c 'check "$1"' _
echo "tidy: ${#files[@]} sources that changed since $base"
