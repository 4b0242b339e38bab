#!/usr/bin/env bash
# usage: deb.sh BUILD CPACK CMAKE COMPILER VERSION: makes the .deb of the build, and uses what it unpacks to: the program, a
# consumer by CMake's targets and one by pkg-config. Without dpkg-deb it is skipped.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}") build=$1 cpack=$2 cmake=$3 compiler=$4 version=$5
if ! command -v dpkg-shlibdeps >/dev/null; then
  echo "deb: skipped, there is no dpkg-shlibdeps (Debian: dpkg-dev)"
  exit 77
fi
fail() {
  echo "deb: $*" >&2
  exit 1
}
work=$TEST_TMPDIR/deb
rm -rf "$work"
mkdir -p "$work"
"$cpack" --config "$build/CPackConfig.cmake" -B "$work" >"$work/log" || fail "$(cat "$work/log")"
deb=$(ls "$work"/gradus_*.deb)
[[ $(dpkg-deb --field "$deb" Version) == "$version" ]] || fail "expected version $version, got $(dpkg-deb --field "$deb" Version)"
depends=$(dpkg-deb --field "$deb" Depends)
for package in libc6 libstdc++6 libfmt libeigen3-dev libboost-dev libboost-program-options; do
  [[ $depends == *$package* ]] || fail "expected $package among what it depends on, got $depends"
done
dpkg-deb --extract "$deb" "$work/root"
usr=$work/root/usr
[[ -z $(find "$work/root" -mindepth 1 -maxdepth 1 ! -name usr) ]] || fail "expected files in /usr only"
if grep -rn -e '-march' "$usr"/lib/*/cmake "$usr"/lib/*/pkgconfig; then
  fail "expected no choice of processor in what others compile with"
fi
LD_LIBRARY_PATH=$(dirname "$usr"/lib/*/pkgconfig)
export LD_LIBRARY_PATH
"$usr/bin/gradus" --version | grep -F "$version"
"$usr/bin/gradus" train --rows 100 --epochs 1 --quiet --out "$work/run"
"$cmake" -S "$here/find_package" -B "$work/consumer" -G Ninja -DCMAKE_PREFIX_PATH="$usr" -DCMAKE_CXX_COMPILER="$compiler" \
  --log-level=NOTICE
"$cmake" --build "$work/consumer"
"$work/consumer/consumer"
"$work/consumer/op_test" --gtest_brief=1
bash "$here/processors.sh" "$work/consumer/values" "$LD_LIBRARY_PATH" || (( $? == 77 ))
bash "$here/pkg_config.sh" "$usr" "$compiler" "$(command -v pkgconf || command -v pkg-config)"
rm -rf "$work"
