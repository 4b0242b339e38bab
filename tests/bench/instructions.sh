# Instructions of a step of the tape, counted by valgrind, beside bench/instructions.txt: a fifth more is refused.
# usage: instructions.sh PROGRAM EXPECTED [--write]
set -euo pipefail
program=$1 expected=$2
export OMP_NUM_THREADS=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# instructions NAME N: those of a process that takes N steps
instructions() {
  valgrind --tool=cachegrind --cache-sim=no --cachegrind-out-file=/dev/null --log-file="$work/log" "$program" "$1" "$2" || {
    cat "$work/log" >&2
    return 1
  }
  sed -n 's/.*I *refs: *//p' "$work/log" | tr -d ,
}

declare -A most=()
while read -r name count; do most[$name]=$count; done < <(grep -v '^#' "$expected")
failures=0
for name in $("$program"); do
  few=$(instructions "$name" 5)
  many=$(instructions "$name" 25)
  count=$(((many - few) / 20))
  if [[ ${3-} == --write ]]; then
    echo "$name $count"
  elif [[ -z ${most[$name]-} ]]; then
    echo "FAILED: $name has $count instructions and no line in $expected"
    failures=$((failures + 1))
  elif ((count * 5 > most[$name] * 6)); then
    echo "FAILED: $name has $count instructions, expected about ${most[$name]}"
    failures=$((failures + 1))
  else
    echo "$name: $count instructions, expected about ${most[$name]}"
  fi
done
((failures == 0))
