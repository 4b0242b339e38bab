#!/usr/bin/env bash
# Builds and tests Gradus where it should work; see usage below.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

steps=(debian-13 clang-libstdc++ clang-libc++ debian-12 x86-64-v2 avx512 arm64 package-12 package-13)
usage() {
  cat <<TEXT
usage: scripts/portability.sh [STEP…]     as root, on Debian; without names, every step in this order:

  debian-13         README's two commands in a bare Debian 13 (GCC 14, fmt 10, oneDNN 3)
  clang-libstdc++   the room programs and the op suite by Clang 16
  clang-libc++      the same with libc++, fmt from its headers and GoogleTest from its sources; no program gradus
  debian-12         README's two commands in a bare Debian 12 (GCC 12, fmt 9, oneDNN 2)
  x86-64-v2         the room programs and the op suite for processors without AVX
  avx512            the same for AVX-512, warnings as errors; compiled only where the processor has none
  arm64             the same for 64-bit Arm, under emulation
  package-12        the .deb, made in one bare Debian 12, installed and used by a program in another
  package-13        the same of Debian 13

Each step works in a folder that debootstrap makes below GRADUS_PORTABILITY_DIR (default build/portability)
and that is removed at the end; bare systems and what ccache keeps stay there for the next time. A step's line goes into the
table of docs/portability.md; its output is in GRADUS_PORTABILITY_DIR/<step>.log.
TEXT
}

fail() {
  echo "portability: $*" >&2
  exit 1
}

work=$(realpath -m "${GRADUS_PORTABILITY_DIR:-build/portability}")
page=docs/portability.md

# The mirror that this machine's own apt takes its suite from.
mirror() {
  apt-get indextargets --format '$(SITE) $(RELEASE)' 'Identifier: Packages' |
    awk '$2 ~ /^(bookworm|trixie)$/ { print $1; exit }'
}

# folder SUITE: unpacks a bare system into $root, with the sources of this tree in /gradus.
folder() {
  local suite=$1 bare=$work/$1.tar site
  if [[ ! -f $bare ]]; then
    site=$(mirror)
    [[ $site ]] || fail "apt knows no Debian mirror"
    rm -rf "$work/bare"
    debootstrap --variant=minbase "$suite" "$work/bare" "$site"
    cp /etc/resolv.conf "$work/bare/etc/"
    tar -C "$work/bare" -cf "$bare.part" .
    mv "$bare.part" "$bare"
    rm -rf "$work/bare"
  fi
  rm -rf "$root"
  mkdir -p "$root/gradus" "$root/ccache" "$root/shared" "$work/ccache/$suite"
  tar -C "$root" -xf "$bare"
  git ls-files -z | tar --null --files-from=- -c | tar -C "$root/gradus" -x
}

# inside SUITE COMMAND: runs a script in the folder. What is mounted for it goes with the namespace it is mounted in.
inside() {
  local shared=${GRADUS_SHARED_DIR:-../shared}
  [[ -d $shared ]] || shared=$root/shared
  unshare --mount bash -euc '
    mount -t proc proc "$1/proc"
    mount --rbind /dev "$1/dev"
    mount --bind "$2" "$1/ccache"
    mount --bind "$3" "$1/shared"
    exec chroot "$1" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin CCACHE_DIR=/ccache GRADUS_SHARED_DIR=/shared \
      bash -euxc "cd /gradus; $4"' _ "$root" "$work/ccache/$1" "$(realpath "$shared")" "$2"
}

install='apt-get install -y -qq --no-install-recommends'
programs='for room in tensor kernels graph inspect ops autograd nn exchange optim data train report testing; do all+=(gradus_${room}_test); done'
# What a step of room programs does once it is configured in build/there.
rooms="$programs; cmake --build build/there --target \"\${all[@]}\" -- -k 0; ctest --test-dir build/there -L room --output-on-failure \
  --no-tests=error || code=\$?; awk -f scripts/cases.awk build/there/Testing/Temporary/LastTest.log; exit \${code:-0}"
lean='-DCMAKE_BUILD_TYPE=Release -DGRADUS_BUILD_CLI=OFF -DGRADUS_BUILD_BENCH=OFF -DGRADUS_BUILD_EXAMPLES=OFF -DGRADUS_INSTALL=OFF'

# README's two commands; the first must be quiet.
commands() {
  folder "$1"
  inside "$1" 'scripts/quickstart.sh >quickstart.log 2>&1 || { cat quickstart.log; exit 1; }
    cat quickstart.log
    echo "quick start: $(wc -l <quickstart.log) lines"
    (( $(wc -l <quickstart.log) < 60 ))
    scripts/test.sh'
}
run_debian-12() { commands bookworm; }
run_debian-13() { commands trixie; }

# The package of a suite: made unless it is there, and used where nothing but it and a compiler is.
package() {
  local made=$work/package-$1
  if [[ ! $(find "$made" -name '*.deb' 2>/dev/null) ]]; then
    folder "$1"
    inside "$1" scripts/package.sh
    rm -rf "$made"
    cp -r "$root/gradus/build/package" "$made"
  fi
  folder "$1"
  find "$root/gradus" -mindepth 1 -maxdepth 1 ! -name tests ! -name docs -exec rm -rf {} +
  mkdir "$root/first"
  cp "$made"/gradus_*.deb "$root/first/"
  inside "$1" "apt-get update -qq; $install sudo pkgconf
    bash tests/package/first_project.sh docs/first-project.md /first
    gradus train --epochs 2 --quiet --out /tmp/run
    gradus report /tmp/run
    LD_DEBUG=libs gradus --version 2>&1 | grep -o 'calling init: .*/libgradus_ops.*'
    cmake -G Ninja -S tests/package/find_package -B /tmp/consumer
    cmake --build /tmp/consumer
    ctest --test-dir /tmp/consumer --output-on-failure
    TEST_TMPDIR=/tmp bash tests/package/processors.sh /tmp/consumer/values /usr/lib/*-linux-gnu || (( \$? == 77 ))
    TEST_TMPDIR=/tmp bash tests/package/pkg_config.sh /usr g++ /usr/bin/pkgconf"
}
run_package-12() { package bookworm; }
run_package-13() { package trixie; }

run_clang-libstdc++() {
  folder bookworm
  inside bookworm "scripts/setup.sh; $install clang-16 libomp-16-dev
    cmake -G Ninja -B build/there $lean -DCMAKE_CXX_COMPILER=clang++-16 -DGRADUS_ARCH=native; $rooms"
}

run_clang-libc++() {
  folder bookworm
  # Libraries in C++ are of the other kind: fmt is taken from its headers, GoogleTest built.
  mkdir -p "$root/libc++/fmt"
  cat >"$root/libc++/fmt/fmt-config.cmake" <<'TEXT'
add_library(fmt::fmt INTERFACE IMPORTED)
set_target_properties(fmt::fmt PROPERTIES INTERFACE_COMPILE_DEFINITIONS FMT_HEADER_ONLY)
TEXT
  echo 'set(PACKAGE_VERSION_COMPATIBLE TRUE)' >"$root/libc++/fmt/fmt-config-version.cmake"
  inside bookworm "scripts/setup.sh; $install clang-16 libomp-16-dev libc++-16-dev libc++abi-16-dev googletest
    export CXXFLAGS='-stdlib=libc++ -D_LIBCPP_ENABLE_CXX17_REMOVED_UNARY_BINARY_FUNCTION'  # for Boost 1.74
    common='-G Ninja -DCMAKE_CXX_COMPILER=clang++-16 -DCMAKE_PREFIX_PATH=/libc++'
    cmake -S /usr/src/googletest -B build/googletest \$common -DCMAKE_INSTALL_PREFIX=/libc++
    cmake --build build/googletest --target install
    cmake -B build/there $lean \$common -Dfmt_DIR=/libc++/fmt -DGRADUS_ARCH=native; $rooms"
}

run_x86-64-v2() {
  folder bookworm
  inside bookworm "scripts/setup.sh
    cmake -G Ninja -B build/there $lean -DGRADUS_WERROR=ON -DGRADUS_ARCH=x86-64-v2; $rooms"
}

run_avx512() {
  local then=$rooms
  grep -qw avx512vl /proc/cpuinfo || then="$programs; cmake --build build/there --target \"\${all[@]}\" -- -k 0; echo 'compiled only'"
  folder bookworm
  inside bookworm "scripts/setup.sh
    cmake -G Ninja -B build/there $lean -DGRADUS_WERROR=ON -DGRADUS_ARCH=skylake-avx512; $then"
}

run_arm64() {
  folder bookworm
  inside bookworm "scripts/setup.sh
    dpkg --add-architecture arm64
    apt-get update -qq
    apt-get remove -y -qq libdnnl-dev  # its files are those of arm64's
    $install g++-aarch64-linux-gnu qemu-user-static libfmt-dev:arm64 libgtest-dev:arm64 zlib1g-dev:arm64 libpng-dev:arm64 \
      libjpeg-dev:arm64 libdnnl-dev:arm64 libboost-dev:arm64
    cmake -G Ninja -B build/there $lean -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 \
      -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++ -DCMAKE_LIBRARY_ARCHITECTURE=aarch64-linux-gnu \
      -DCMAKE_CROSSCOMPILING_EMULATOR='/usr/bin/qemu-aarch64-static;-L;/' -DGRADUS_ARCH=
    $rooms"
}

# report STEP RESULT: puts the step's line into the table of the page.
report() {
  local log=$work/$1.log cases lines line
  cases=$(sed -n 's/^GoogleTest cases: //p' "$log" | tail -n 1)
  lines=$(sed -n 's/^quick start: \([0-9]*\) lines$/, quick start of \1 lines/p' "$log")
  if grep -q '^compiled only$' "$log"; then cases="compiled only"; fi
  line="| \`$1\` | $2$lines | ${cases:--} | $((SECONDS / 60)) min | $(date +%F) |"
  echo "$line"
  awk -v line="$line" -v step="| \`$1\` |" '
    /^## The last run/ { runs = 1 } runs && index($0, step) == 1 { $0 = line } { print }' "$page" >"$work/page"
  cat "$work/page" >"$page"
}

chosen=()
for step; do
  case $step in
    -h | --help) usage; exit ;;
    *) [[ " ${steps[*]} " == *" $step "* ]] || { usage >&2; fail "unknown step '$step'"; }; chosen+=("$step") ;;
  esac
done
(( ${#chosen[@]} )) || chosen=("${steps[@]}")
(( EUID == 0 )) || fail "chroot needs root"
command -v debootstrap >/dev/null || { apt-get update -qq; $install debootstrap >/dev/null; }

mkdir -p "$work"
root=$work/root
trap 'rm -rf --one-file-system "$root"' EXIT
failed=()
for step in "${chosen[@]}"; do
  SECONDS=0
  set +e  # within a condition it would have no effect on what the step runs
  (set -e; "run_$step") >"$work/$step.log" 2>&1
  code=$?
  set -e
  if (( code == 0 )); then
    report "$step" passed
  else
    report "$step" failed
    tail -n 30 "$work/$step.log"
    failed+=("$step")
  fi
done
(( ${#failed[@]} == 0 )) || fail "failed: ${failed[*]}"
