# The search for hyper-parameters.
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

data=(--data moons --epochs 2 --seed 3)
search=(--search lr=1e-4..1 --search decay=1e-6..1e-2 --search "model=fc 4..64, relu, fc 2")

gradus tune "${data[@]}" "${search[@]}" --trials 12 --fine 4 --journal trials.jsonl --csv trials.csv >out || fail "a search"
grep -q '^  lr: log-uniform 0.0001..1$' out || fail "no logarithmic rate: $(cat out)"
grep -q '^  fc1: log-integer 4..64$' out || fail "no width: $(cat out)"
[[ $(grep -c '^trial  *[0-9]' out) == 16 ]] || fail "not 16 trials: $(cat out)"
grep -q '^best: trial [0-9]*, accuracy 0\.[0-9]*$' out || fail "no best: $(tail -3 out)"
grep -qE '^(lr|decay|fc1) explains [0-9]+ % of the order of 12 trials$' out || fail "no importances: $(cat out)"
[[ $(wc -l <trials.csv) == 17 && $(head -1 trials.csv) == *",reason,lr,decay,fc1" ]] || fail "trials.csv: $(cat trials.csv)"
[[ $(wc -l <trials.jsonl) == 17 ]] || fail "trials.jsonl: $(cat trials.jsonl)"
command=$(tail -1 out)
[[ $command =~ ^\ \ gradus\ train\ --data\ moons\ --epochs\ 2\ --model\ \'fc\ [0-9]+,\ relu,\ fc\ 2\'\ --optimizer\ adam\ --lr\  ]] ||
  fail "no command: $command"
eval "${command# *} --out best" >/dev/null || fail "the command of the best: $command"

# table FILE: what a search says at its end
table() { sed -n '/^trial  *value/,$p' "$1"; }
cp trials.jsonl before.jsonl
gradus tune "${data[@]}" "${search[@]}" --trials 12 --fine 4 --journal trials.jsonl >again || fail "the same again"
[[ $(grep -c '^trial  *[0-9]' again) == 0 ]] || fail "trials were run again: $(cat again)"
cmp trials.jsonl before.jsonl || fail "the journal has changed"
diff <(table out) <(table again) || fail "other results"
# Torn in the middle of a line, and in processes of one thread as before.
head -c $(($(wc -c <before.jsonl) / 2)) before.jsonl >trials.jsonl
gradus tune "${data[@]}" "${search[@]}" --trials 12 --fine 4 --journal trials.jsonl --threads 1 >again || fail "going on"
[[ $(wc -l <trials.jsonl) == 17 ]] || fail "going on: $(cat trials.jsonl)"

# Killed at 20 random moments: what a line of the journal holds is neither lost nor run twice.
rm -f trials.jsonl && touch trials.jsonl
long=("${data[@]}" --threads 1 "${search[@]}" --trials 300)
kills=0
for ((i = 0; i < 20; ++i)); do
  whole=$(wc -l <trials.jsonl)
  head -n "$whole" trials.jsonl >before.jsonl
  "$GRADUS_BIN" tune "${long[@]}" --journal trials.jsonl --processes $((1 + i % 2)) >/dev/null 2>&1 </dev/null &
  child=$!
  # At any moment, or soon after a trial has ended.
  for ((k = 0; i % 3 > 0 && k < 500; ++k)); do
    [[ $(wc -l <trials.jsonl) -gt $whole ]] && break
    sleep 0.005
  done
  sleep "0.0$((RANDOM % 60 + 10))"
  kill -KILL $child 2>/dev/null && kills=$((kills + 1))
  wait $child 2>/dev/null || true
  cmp -s before.jsonl <(head -n "$whole" trials.jsonl) || fail "kill $i has changed lines of the journal"
done
((kills >= 10)) || fail "killed $kills times only"
gradus tune "${long[@]}" --journal trials.jsonl >again || fail "after $kills kills"
[[ $(tail -n +2 trials.jsonl | sed 's/{"trial":\([0-9]*\),.*/\1/' | sort -n | uniq | wc -l) == 300 ]] || fail "not each trial once"
[[ $(wc -l <trials.jsonl) == 301 ]] || fail "after $kills kills: $(wc -l <trials.jsonl) lines"
gradus tune "${long[@]}" >whole || fail "a whole search"
diff <(table whole) <(table again) || fail "other results after $kills kills"

# Every method, words, folds, a number to predict.
gradus tune "${data[@]}" --search "optimizer=adam|sgd" --search momentum=0..0.99 --method sobol --trials 8 >out || fail "sobol"
grep -q '^  momentum: uniform 0..0.99 if optimizer = sgd$' out || fail "no condition: $(cat out)"
grep -qE '^trial .*optimizer = adam  \(' out || fail "adam has a momentum: $(cat out)"
gradus tune "${data[@]}" --search lr=1e-3..1e-1 --search batch=16..64 --method grid --points 2 >out || fail "grid"
[[ $(grep -c '^trial  *[0-9]' out) == 4 ]] || fail "no grid of 4: $(cat out)"
gradus tune --data moons --epochs 9 --search lr=1e-3..1e-1 --method hyperband >out || fail "hyperband"
[[ $(grep -c '^trial  *[0-9]' out) == 22 ]] || fail "hyperband: $(cat out)"
gradus tune "${data[@]}" --rows 100 --folds 3 --search "model=fc 2|fc 8, relu, fc 2" --search "schedule=constant|cosine" --trials 3 >out ||
  fail "folds"
grep -qE '^trial +value +± spread' out || fail "no spread: $(cat out)"
for i in {1..60}; do echo "$i,$((i % 7)),$((2 * i + i % 7))"; done >numbers.csv
gradus tune --data csv:numbers.csv --regression --epochs 5 --search lr=1e-3..1e-1 --trials 3 >out || fail "--regression"
grep -q '^best: trial [0-9]*, loss ' out || fail "no loss: $(cat out)"
# A trial that does worse than half of those before ends early.
gradus tune --data moons --epochs 3 --search lr=1e-4..1 --trials 30 --round 5 --csv pruned.csv >out || fail "pruning"
grep -q '"reported 0.*earlier trials were better"' pruned.csv || fail "no trial pruned: $(cat pruned.csv)"
[[ $(grep -c ',finished,' pruned.csv) -ge 5 ]] || fail "all trials pruned: $(cat pruned.csv)"
# A rate that explodes is no error.
gradus tune --data moons --epochs 3 --optimizer sgd --search lr=1e-3..1e6 --trials 12 >out || fail "exploding"
grep -qE 'condemned: epoch [0-9]+, step [0-9]+: ' out || fail "no trial condemned: $(cat out)"
rm -rf ./*

# ---- wrong options
refused "expected --search NAME=VALUES, got none" tune
refused "--search: expected NAME=VALUES, such as lr=1e-6..1e-1, got 'lr'" tune --search lr
refused "--search: expected something to search for, got 'lrr' \(did you mean 'lr'\?\)" tune --search lrr=1..2
refused "--search lr: expected LOW..HIGH, two numbers with LOW < HIGH, got '1e-3'" tune --search lr=1e-3
refused "--search lr: expected LOW..HIGH, .*got '1..1'" tune --search lr=1..1
refused "--search lr: expected LOW..HIGH, .*got 'a..b'" tune --search lr=a..b
refused "--search lr: expected numbers from 0 to .*, got '-1..1'" tune --search lr=-1..1
refused "--search batch: expected LOW..HIGH, two whole numbers with LOW < HIGH, got '1.5..3'" tune --search batch=1.5..3
refused "--search: expected lr once, got it twice" tune --search lr=1e-3..1 --search lr=1e-3..1
refused "--search: expected lr without --lr, got both" tune --search lr=1e-3..1 --lr 1
refused "--search: expected decay without --weight-decay, got both" tune --search decay=1e-3..1 --weight-decay 1
refused "--search optimizer: expected an optimizer, got 'sgdd' \(did you mean 'sgd'\?\)" tune --search "optimizer=adam|sgdd"
refused "--search schedule: expected a schedule, got ''" tune --search "schedule=cosine|"
refused "--weight-decay: expected with another optimizer than rprop" tune --search "optimizer=adam|rprop" --search decay=1e-4..1e-2
refused "--search momentum: expected with sgd only, got adam" tune --search momentum=0..0.9
refused "--search model: expected a range or several models, got 'fc 10'" tune --search "model=fc 10"
refused "--search model: in 'fc 4..': expected LOW..HIGH" tune --search "model=fc 4.., fc 10"
refused "--search: expected either ranges or several models with | between" tune --search "model=fc 4..8|fc 10"
refused "--model: expected 10 outputs, one a class, got 5 from 'fc 5'" tune --search "model=fc 10|fc 5"
refused "expected a layer, got 'rleu' \(did you mean 'relu'\?\)" tune --search "model=fc 4..8, rleu, fc 10"
refused "--method: expected a method, got 'rnadom' \(did you mean 'random'\?\)" tune --method rnadom --search lr=1e-3..1
refused "--points: expected with --method grid only" tune --points 3 --search lr=1e-3..1
refused "--round: expected with --method random or sobol only" tune --method grid --round 3 --search lr=1e-3..1
refused "--round: expected a whole number from 1 to .*, got '0'" tune --round 0 --search lr=1e-3..1
refused "--trials: expected without --method grid, which has its own number" tune --method grid --trials 3 --search lr=1e-3..1
refused "--trials: expected a whole number from 1 to .*, got '0'" tune --trials 0 --search lr=1e-3..1
refused "--folds: expected a whole number from 2 to .*, got '1'" tune --folds 1 --search lr=1e-3..1
refused "--validation: expected without --folds, got both" tune --folds 3 --validation 0.2 --search lr=1e-3..1
refused "--validation: expected a share over 0, as trials are judged by it, got '0'" tune --validation 0 --search lr=1e-3..1
refused "--rows: expected a whole number from 2 to 5000, got '9999999'" tune --rows 9999999 --search lr=1e-3..1
refused "--processes: expected a whole number from 1 to .*, got '0'" tune --processes 0 --search lr=1e-3..1
refused "--journal: expected a file, got ''" tune --journal "" --search lr=1e-3..1
refused "tune: expected an option, got '--trails' \(did you mean '--trials'\?\)" tune --trails 3
echo precious >file
refused "at 'file', got another file" tune --data moons --search lr=1e-3..1 --journal file
refused "nowhere/x" tune --data moons --search lr=1e-3..1 --journal nowhere/x
refused "nowhere/x" tune --data moons --search lr=1e-3..1 --csv nowhere/x
gradus tune "${data[@]}" --search lr=1e-3..1 --trials 1 --keep-on --journal journal >/dev/null || fail "one trial"
refused "expected a journal of a search with space lr: log-uniform 0.001..0.5, got one with lr: log-uniform 0.001..1" \
  tune "${data[@]}" --search lr=1e-3..0.5 --trials 1 --journal journal
refused "expected a journal of a search with batch 16, got one with" \
  tune "${data[@]}" --search lr=1e-3..1 --trials 1 --batch 16 --keep-on --journal journal
refused "expected a journal of a search with seed 4, got one with 3" \
  tune --data moons --epochs 2 --seed 4 --search lr=1e-3..1 --trials 1 --journal journal
finish
