#!/usr/bin/env bash
# Installs what Gradus needs on Debian 12 and 13 and Ubuntu 24.04, by package name; what is there already is left alone.
# usage: scripts/setup.sh [--bench|--docs|--package|--ci|--fuzz]     --bench adds libtorch, for the comparison in scripts/bench.sh,
# --package what scripts/package.sh makes the .deb with, and --ci what formats and lints the sources, counts instructions, a
# browser to look at reports with, what checks and runs saved ONNX files (npm for scripts/onnxruntime.sh), and all of --package
# and --docs; that has only what scripts/docs.sh builds the site with. --fuzz adds Clang with libFuzzer, for scripts/fuzz.sh
set -euo pipefail

packages=(
  g++ cmake ninja-build ccache
  libeigen3-dev libboost-dev libboost-program-options-dev libfmt-dev nlohmann-json3-dev zlib1g-dev libpng-dev libjpeg-dev
  libdnnl-dev libopenblas0-openmp
  libgtest-dev libbenchmark-dev
  graphviz libjs-chart.js librsvg2-bin
)
docs=(doxygen doxygen-awesome-css python3)
package=(dpkg-dev file pkgconf)
case "${1-}" in
  '') ;;
  --bench) packages+=(libtorch-dev libopenblas0-pthread) ;;  # without the second, libtorch has a slow BLAS
  --docs) packages=("${docs[@]}") ;;
  --package) packages+=("${package[@]}") ;;
  --fuzz) packages+=(clang-19 libclang-rt-19-dev) ;;
  --ci) packages+=(clang-format-19 clang-tidy-19 libomp-19-dev chromium valgrind python3-onnx "${package[@]}" "${docs[@]}")
    command -v npm >/dev/null || packages+=(nodejs npm) ;;  # which may come as one package
  *) echo "usage: scripts/setup.sh [--bench|--docs|--package|--ci|--fuzz]" >&2; exit 2 ;;
esac

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  echo "setup: this is neither Debian nor Ubuntu (no apt-get); install the equivalents of: ${packages[*]}" >&2
  exit 1
fi

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null) || true
  [[ $status == installed ]] || missing+=("$package")
done
(( ${#missing[@]} )) || exit 0

root=()
if (( EUID != 0 )); then
  if ! command -v sudo >/dev/null; then
    echo "setup: root or sudo is needed to install: ${missing[*]}" >&2
    exit 1
  fi
  root=(sudo)
fi
echo "setup: installing ${missing[*]}"
"${root[@]}" apt-get update -qq
"${root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
