# The same seed gives the same run; with --deterministic whatever the number of threads.
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

train() { gradus train --epochs 2 --model "fc 256, bn, relu, dropout 0.2, fc 10" "$@" >/dev/null || fail "gradus train $*"; }
same() {
  cmp "$1/weights.safetensors" "$2/weights.safetensors" || fail "weights of $1 and $2 differ"
  [[ $(grep -v '"seconds"' "$1/summary.json") == $(grep -v '"seconds"' "$2/summary.json") ]] ||
    fail "summaries of $1 and $2 differ: $(cat "$1/summary.json" "$2/summary.json")"
}

train --seed 3 --out a
train --seed 3 --out b
same a b
train --seed 4 --out c
! cmp -s a/weights.safetensors c/weights.safetensors || fail "another seed gives the same weights"

train --seed 3 --deterministic --threads 1 --out one
train --seed 3 --deterministic --threads 2 --out two
same one two

convolve() {
  gradus train --data mnist:small --model "conv 4, bn, relu, pool 2, dropout 0.1, fc 10" --augment "flip, crop 1" \
    --epochs 3 --deterministic "$@" >/dev/null || fail "gradus train $*"
}
mnist_folder small
convolve --threads 1 --out one
convolve --threads 2 --out two
same one two

# Without it, rounding may differ, the random numbers don't.
train --seed 3 --threads 1 --out loose
difference=$(awk -v a="$(value loose/summary.json test_accuracy)" -v b="$(value a/summary.json test_accuracy)" \
  'BEGIN { print a > b ? a - b : b - a }')
above 0.005 "$difference" || fail "one thread more or less changes the accuracy by $difference"
finish
