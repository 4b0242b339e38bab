# A run that was stopped goes on from its checkpoint as if it had never been.
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

options=(--model "conv 4, bn, relu, pool, dropout 0.1, fc 10" --augment "crop 2, rotate 10" --validation 0.1
  --epochs 3 --seed 5)
gradus train "${options[@]}" --out whole >/dev/null || fail "a whole run"

# stopped SIGNAL ARGUMENT…: after the second epoch has begun
stopped() {
  local signal=$1 code=0 child
  shift
  rm -f state
  begun epoch\ 1/ train "${options[@]}" --checkpoint state "$@"
  kill "-$signal" $child
  wait $child 2>/dev/null || code=$?
  ((code > 128)) || fail "$signal: exit code $code"
}
same() {
  cmp whole/weights.safetensors later/weights.safetensors || fail "$1: other weights"
  diff <(sed 's/, *"seconds.*//' whole/metrics.jsonl) <(sed 's/, *"seconds.*//' later/metrics.jsonl) ||
    fail "$1: other metrics"
}

stopped TERM --every 7
[[ $(cat "$work.err") == "gradus: interrupted, --resume state goes on" ]] || fail "TERM: $(cat "$work.err")"
gradus train "${options[@]}" --resume state --out later >/dev/null || fail "--resume"
same "every 7 steps"
stopped KILL
gradus train "${options[@]}" --resume state --checkpoint state --out later >out || fail "--resume"
! grep -q '^epoch 1/' out || fail "the first epoch was trained again"
same "every epoch"
gradus train "${options[@]}" --resume state --out later | grep -q '^epoch' && fail "a run that was over was trained"
same "at the end"

# differs MESSAGE OPTION VALUE: the other options as they were
differs() {
  local rest=() i
  for ((i = 0; i < ${#options[@]}; i += 2)); do
    [[ ${options[i]} == "$2" ]] || rest+=("${options[@]:i:2}")
  done
  refused "expected a checkpoint of a run with $1" train "${rest[@]}" --resume state "$2" "$3"
}
differs "batch 32, got one with 64" --batch 32
differs "augment flip, got one with crop 2, rotate 10" --augment flip
differs "model conv 4, bn, tanh, pool, dropout 0.1, fc 10, got one with conv 4, bn, relu" \
  --model "conv 4, bn, tanh, pool, dropout 0.1, fc 10"
differs "schedule linear, got one with cosine" --schedule linear
differs "optimizer sgd, got one with adam" --optimizer sgd
differs "optimizer 0.lr 0.002, got one with 0.001" --lr 0.002
differs "weight_decay 0.1, got one with 0" --weight-decay 0.1
differs "regularise l2=0.1, got one with" --regularise l2=0.1
differs "epochs 4, got one with 3" --epochs 4
differs "training inputs" --validation 0.2

# Without --checkpoint: from what a signal leaves in the run's folder.
rm -rf state later
begun epoch\ 1/ train "${options[@]}" --out later
kill -TERM $child
wait $child 2>/dev/null && fail "no exit code of a signal"
state=$(sed -n 's/^gradus: interrupted, --resume \(.*\) goes on$/\1/p' "$work.err")
[[ $state == later/checkpoint.safetensors ]] || fail "no checkpoint: $(cat "$work.err")"
mv "$state" state
gradus train "${options[@]}" --resume state --out later >/dev/null || fail "--resume after a signal"
same "a signal without --checkpoint"
cp state later/checkpoint.safetensors
gradus train "${options[@]}" --resume later/checkpoint.safetensors --out later >/dev/null || fail "--resume in place"
same "in place"
[[ ! -e later/checkpoint.safetensors ]] || fail "the checkpoint stays beside the run it led to"

refused "expected a checkpoint of a run with model .*, got one with conv 4" train --resume state --epochs 3 --seed 5
cp state damaged
printf '\xff\xff\xff' | dd of=damaged bs=1 seek=$(($(stat -c %s state) - 40)) conv=notrunc status=none
refused "it damaged in damaged at byte [0-9]+" train "${options[@]}" --resume damaged
head -c 1000 state >cut
refused "in cut at byte [0-9]+" train "${options[@]}" --resume cut
finish
