#!/usr/bin/env bash
# Gradus beside libtorch, workload by workload; see usage below.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
  cat <<'TEXT'
usage: scripts/bench.sh [--threads N] [--check | --expect] [FILTER]

Runs the workloads of Gradus and of libtorch in turn, prints the median times per iteration and
writes them to build/release/bench.json. The ratio is libtorch's time over Gradus' time.

  --threads N   threads of either side (default 1)
  --check       fails where a ratio is under 80 % of what bench/expected.json says
                of processors of this kind (avx512, avx2, other), also with those of
                two more runs of the workload
  --expect      puts the ratios there
  FILTER        regular expression of the workloads to run (default all)

  GRADUS_BENCH_ROUNDS   rounds, each running both programs once (default 5)

Builds the programs first; without libtorch only Gradus is measured.
TEXT
}

fail() {
  echo "bench.sh: $*" >&2
  exit 1
}

positive() { [[ $1 =~ ^[1-9][0-9]*$ ]]; }

threads=1
filter=
expected=()
while (($#)); do
  case $1 in
    -h | --help) usage; exit ;;
    --threads) threads=${2-}; shift 2 || fail "--threads needs a number" ;;
    --threads=*) threads=${1#*=}; shift ;;
    --check | --expect) expected=("$1" bench/expected.json); shift ;;
    -*) usage >&2; fail "unknown option $1" ;;
    *) [[ -z $filter ]] || fail "one filter only, got '$filter' and '$1'"; filter=$1; shift ;;
  esac
done
rounds=${GRADUS_BENCH_ROUNDS:-5}
positive "$threads" || fail "--threads: expected a positive number, got '$threads'"
positive "$rounds" || fail "GRADUS_BENCH_ROUNDS: expected a positive number, got '$rounds'"

build=build/release
gradus=$build/bin/gradus_bench
libtorch=$build/bin/gradus_bench_libtorch
compare=$build/bin/gradus_bench_compare

cmake --preset release --log-level=NOTICE >&2
cmake --build --preset release --target gradus_bench_all >&2
[[ -x $gradus && -x $compare ]] || fail "$gradus was not built: is Google Benchmark installed?"

programs=("$gradus")
if [[ -x $libtorch ]]; then
  programs+=("$libtorch")
else
  echo "libtorch is not installed: only Gradus is measured" >&2
fi

export OMP_NUM_THREADS=$threads OPENBLAS_NUM_THREADS=$threads
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

# measure FILTER: rounds more of the workloads that it matches
measured=0
measure() {
  local round program output
  for ((round = measured + 1; round <= measured + rounds; ++round)); do
    echo "round $round, $threads thread(s)" >&2
    for program in "${programs[@]}"; do
      output=$results/$(basename "$program").$round
      "$program" --benchmark_filter="$1" --benchmark_min_warmup_time=0.2 --benchmark_out_format=json \
        --benchmark_out="$output.json" >"$output.log" 2>&1 || {
        cat "$output.log" >&2
        fail "$program failed"
      }
    done
  done
  measured=$((measured + rounds))
}

compare() {
  local arguments=(--threads "$threads" --out "$build/bench.json" --gradus "$results"/gradus_bench.*.json)
  if [[ -x $libtorch ]]; then
    arguments+=(--libtorch "$results"/gradus_bench_libtorch.*.json)
  fi
  if ((${#expected[@]})); then
    local kind=other set
    for set in avx2 avx512f; do
      if grep -qwm1 "$set" /proc/cpuinfo; then kind=${set%f}; fi
    done
    arguments+=("${expected[@]}" --kind "$kind")
  fi
  "$compare" "${arguments[@]}" | tee "$results/table"
}

# What seems slower on a machine with other work is measured again, twice at most.
measure "${filter:-.}"
for again in 1 2 0; do
  if compare; then exit; fi
  slower=$(sed -n 's/^slower: \([^ ]*\) .*/\1/p' "$results/table" | paste -sd '|')
  if [[ $again == 0 || -z $slower ]]; then exit 1; fi
  measure "^($slower)\$"
done
