#!/usr/bin/env bash
# Makes the .deb: build/package/gradus_VERSION_ARCHITECTURE.deb. On x86-64 it has the libraries three times, and the dynamic
# loader takes those for the processor: any since 2009, AVX2, AVX-512.
# usage: scripts/package.sh [--base]     --base: the first only
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

case "${1-}" in
  '') levels=(x86-64-v3 x86-64-v4) ;;
  --base) levels=() ;;
  *) echo "usage: scripts/package.sh [--base]" >&2; exit 2 ;;
esac

scripts/setup.sh --package
preset=x86-64-v2
options=()
if [[ $(uname -m) != x86_64 ]]; then  # the compiler's own choice of instructions
  levels=()
  options=(-DGRADUS_ARCH=)
fi
rm -rf build/x86-64-v3/cmake_install.cmake build/x86-64-v4/cmake_install.cmake  # what an earlier call left
for level in "${levels[@]}"; do
  cmake --preset "$level" --log-level=NOTICE
  cmake --build --preset "$level"
done
cmake --preset $preset "${options[@]}" --log-level=NOTICE
cmake --build --preset $preset --target gradus gradus_testing
rm -rf build/package
cpack --config build/$preset/CPackConfig.cmake -B build/package
rm -rf build/package/_CPack_Packages
ls build/package
