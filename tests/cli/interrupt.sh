# A signal ends the training with one line, and leaves a checkpoint to go on from and nothing half-written.
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

# only_checkpoint BEFORE FOLDER: nothing else has been written but, where no earlier run has its own, what was measured
only_checkpoint() {
  local checkpoint=./$2/checkpoint.safetensors
  [[ -s $checkpoint ]] || fail "no $checkpoint"
  rm -f "$checkpoint"
  [[ -e $2/config.json ]] || rm -f "$2"/{steps.jsonl,findings.jsonl,preprocess.npz}
  find . -depth -mindepth 1 -type d -empty -delete
  [[ $(inventory) == "$1" ]] || fail "left $(diff <(echo "$1") <(inventory))"
}

# interrupted SIGNAL CODE FOLDER ARGUMENT…
interrupted() {
  local signal=$1 expected=$2 folder=$3 code=0 before child
  shift 3
  before=$(inventory)
  begun epoch\ 2/ train --data moons --epochs 100000 "$@"
  kill "-$signal" $child
  wait $child || code=$?
  [[ $code == "$expected" ]] || fail "$signal: expected exit code $expected, got $code"
  [[ $(cat "$work.err") == "gradus: interrupted, --resume $folder/checkpoint.safetensors goes on" ]] ||
    fail "$signal: $(cat "$work.err")"
  only_checkpoint "$before" "$folder"
  rm -f "$work.out" "$work.err"
}

# (The shell has its background jobs ignore SIGINT.)
interrupted TERM 143 runs/0001
interrupted HUP 129 a/b/c --out a/b/c
gradus train --data moons --epochs 1 --out run >/dev/null
interrupted TERM 143 run --out run

# A reader of the output that goes away.
before=$(inventory)
timeout 300 "$GRADUS_BIN" train --data moons --epochs 100000 --out pipe 2>"$work.err" </dev/null | head -1 >/dev/null || code=$?
[[ ${code-0} == 141 ]] || fail "PIPE: expected exit code 141, got ${code-0}"
only_checkpoint "$before" pipe
rm -f "$work.err"

# other_threads_take_no_signals PID: those that end a program, HUP, INT, PIPE and TERM, are blocked in all threads but the first
other_threads_take_no_signals() {
  local task blocked
  for task in /proc/"$1"/task/*; do
    [[ ${task##*/} != "$1" ]] || continue
    blocked=$(sed -n 's/^SigBlk:\t*//p' "$task/status")
    (((0x$blocked & 0x5003) == 0x5003)) || fail "thread ${task##*/} takes signals: blocked are $blocked"
  done
}
# At any moment of steps that are products more than anything else: a handler has a stack of its own (cli/src/signals.h).
for ((i = 0; i < 20; ++i)); do
  code=0
  begun epoch\ 1/ train --data moons --model "fc 400, relu, fc 400, relu, fc 2" --batch 500 --epochs 100000 --out products --threads 2
  other_threads_take_no_signals $child
  sleep "0.0$((RANDOM % 90 + 10))"
  kill -TERM $child
  wait $child || code=$?
  [[ $code == 143 && $(cat "$work.err") == *"--resume products/checkpoint.safetensors goes on" ]] ||
    fail "TERM $i among products: exit code $code, $(cat "$work.err")"
  rm -rf products "$work.out" "$work.err"
done
finish
