# gradus_bench_compare: medians, ratios, and what it says of ratios that fell.
set -euo pipefail
compare=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

failures=0
fail() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}

# round FILE, then pairs NAME NANOSECONDS
round() {
  local file=$1 separator=""
  shift
  printf '{"benchmarks": [' >"$file"
  while (($#)); do
    printf '%s{"name": "%s", "real_time": %s, "time_unit": "ns"}' "$separator" "$1" "$2" >>"$file"
    separator=", "
    shift 2
  done
  printf ']}' >>"$file"
}
round g1 add 1000 mul 5000
round g2 add 3000 mul 5000
round g3 add 2000 mul 5000
round t1 add 8000 mul 5000
results=(--threads 1 --gradus g1 g2 g3 --libtorch t1 --out out.json)

"$compare" "${results[@]}" --expect expected.json --kind avx2 >table
grep -qE '^add +2\.0 +8\.0 +4\.00$' table || fail "medians and their ratio: $(cat table)"
"$compare" "${results[@]}" --check expected.json --kind avx2 >said || fail "the same ratios are refused: $(cat said)"
grep -q '^0 of 2 workloads' said || fail "nothing slower: $(cat said)"

# A ratio of 3.3 is within a fifth of 4; one of 3.1 is not.
round g1 add 2400 mul 5000
"$compare" --threads 1 --gradus g1 --libtorch t1 --out out.json --check expected.json --kind avx2 >said ||
  fail "a ratio of 3.3 is refused: $(cat said)"
round g1 add 2600 mul 5000
code=0
"$compare" --threads 1 --gradus g1 --libtorch t1 --out out.json --check expected.json --kind avx2 >said || code=$?
[[ $code == 1 ]] || fail "a ratio of 3.1: exit code $code"
grep -q '^slower: add has the ratio 3.08, expected 4.00$' said || fail "which is slower: $(cat said)"

# Other processors and numbers of threads have ratios of their own, which a second --expect leaves alone.
code=0
"$compare" "${results[@]}" --check expected.json --kind avx512 2>said || code=$?
[[ $code == 1 ]] || fail "a kind of which nothing is known: exit code $code"
grep -q 'nothing is expected of avx512 with 1 thread' said || fail "a kind of which nothing is known: $(cat said)"
round g1 add 1000 mul 5000
"$compare" --threads 2 --gradus g1 --libtorch t1 --out out.json --expect expected.json --kind avx512 >table
"$compare" "${results[@]}" --check expected.json --kind avx2 >said || fail "the first kind is gone: $(cat said)"

code=0
"$compare" --threads 1 --gradus g1 --out out.json --check expected.json --kind avx2 2>said || code=$?
[[ $code == 2 ]] || fail "without libtorch: exit code $code"

((failures == 0)) || exit 1
echo passed
