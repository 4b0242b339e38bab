# check, lr, eval and predict: what is asked of data and of a trained model, on a terminal and without one.
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

# check: 0 where all is well, 1 for a finding above a note.
gradus check >out || fail "check: $(cat out)"
grep -q "^nothing found in 5000 rows" out || fail "check: $(cat out)"
printf 'a,b,kind\n' >raw.csv
for i in {1..60}; do echo "$((1000 + i % 13)),$((i % 7)),$((i % 2))" >>raw.csv; done
code=0
gradus check --data csv:raw.csv --preprocess none >out || code=$?
[[ $code == 1 ]] && grep -q "warning: inputs-off-centre\|warning: inputs-badly-scaled" out || fail "check: $code $(cat out)"
code=0
gradus check --data csv:raw.csv --preprocess none --json >out || code=$?
[[ $code == 1 && $(head -c 13 out) == '{"severity":"' ]] || fail "check --json: $(cat out)"
[[ ! -e runs ]] || fail "check has written something"

# lr: a curve, an interval and what to try; nothing is written.
gradus lr --data moons --steps 60 >out || fail "lr"
[[ $(wc -l <out) == 23 ]] || fail "lr: expected a table of 20 rates, got: $(cat out)"
grep -q "^try --optimizer adam --lr " out || fail "lr: $(cat out)"
rate=$(sed -n 's/^try .*--lr //p' out)
gradus train --data moons --lr "$rate" --epochs 20 --out tried >/dev/null
above "$(value tried/summary.json test_accuracy)" 0.95 || fail "with the rate $rate: $(cat tried/summary.json)"
gradus lr --data moons --steps 10 --json >out
[[ $(grep -c '"smooth"' out) == 10 ]] || fail "lr --json: $(cat out)"
refused "--low: expected a rate below --high, got 1 and 0.1" lr --low 1 --high 0.1
refused "--steps: expected a whole number from 10" lr --steps 1

# eval tells what the run has told; the run's own options hold unless others are given.
gradus train --epochs 2 --validation 0.1 --out run >/dev/null
gradus eval run --json >scores || fail "eval"
[[ $(value scores accuracy) == "$(value run/summary.json test_accuracy)" ]] || fail "eval: $(cat scores)"
[[ $(value scores rows) == 1000 ]] || fail "eval: $(cat scores)"
gradus eval run --part validation --json >scores
[[ $(value scores accuracy) == "$(value run/summary.json validation_accuracy)" ]] || fail "eval: $(cat scores)"
gradus eval run --confusion >out || fail "eval --confusion"
grep -q "^model accuracy 0.9" out && grep -q "recall  precision" out || fail "eval: $(cat out)"

# predict: each row's class is the likeliest, and as many are right as eval says.
gradus predict run >out || fail "predict"
[[ $(wc -l <out) == 1001 && $(head -1 out) == row,class,probability,p_0,* ]] || fail "predict: $(head -2 out)"
awk -F, 'NR > 1 { s = 0; for (k = 4; k <= 13; ++k) { s += $k; if ($k > $3) exit 1 } if (s < 0.999 || s > 1.001 || $(4 + $2) != $3) exit 1 }' out ||
  fail "predict: probabilities are not those of a class"
gradus predict run --format json --out rows.jsonl || fail "predict --format json"
[[ $(wc -l <rows.jsonl) == 1000 && $(head -c 18 rows.jsonl) == '{"row":"0","class"' ]] || fail "json: $(head -1 rows.jsonl)"

# Numbers come in the unit of the table; a table without labels will do, what is missing is filled in as in training.
printf 'x,y\n' >line.csv
for i in {1..200}; do echo "$((i % 50)),$((1000 + 20 * (i % 50)))" >>line.csv; done
gradus train --data csv:line.csv --regression --missing "?" --epochs 150 --out line >/dev/null
gradus eval line --json >scores
[[ $(value scores r2) == "$(value line/summary.json test_r2)" ]] || fail "eval of numbers: $(cat scores)"
awk -v a="$(value scores loss)" -v b="$(value line/summary.json test_loss)" 'BEGIN { exit !((a - b) ^ 2 < 1e-8 * b ^ 2) }' ||
  fail "loss $(value scores loss), in training $(value line/summary.json test_loss)"
printf 'x\n10\n40\n?\n' >new.csv
gradus predict line --data csv:new.csv --no-label >out || fail "predict without labels"
awk -F, 'NR == 2 { exit !($2 > 1150 && $2 < 1250) }' out || fail "expected about 1200: $(cat out)"
awk -F, 'NR == 3 { exit !($2 > 1750 && $2 < 1850) }' out || fail "expected about 1800: $(cat out)"
[[ $(wc -l <out) == 4 ]] || fail "a row that misses its value: $(cat out)"

# Rows that lack a class are numbered as those that were trained on.
printf 'x,kind\n' >three.csv
for i in {1..120}; do echo "$((i % 3)),$(cut -d' ' -f$((i % 3 + 1)) <<<"ash beech cedar")" >>three.csv; done
gradus train --data csv:three.csv --model "fc 16, relu, fc 3" --lr 0.05 --epochs 30 --out trees >/dev/null
printf 'x,kind\n1,beech\n2,cedar\n' >two.csv
gradus eval trees --data csv:two.csv --part train --json >scores || fail "eval without a class: $(cat scores)"
[[ $(value scores accuracy) == 1.0 || $(value scores accuracy) == 1 ]] || fail "eval without a class: $(cat scores)"
gradus eval trees --data csv:two.csv --part train --confusion --json | tr -d ' \n' | grep -q '"confusion":\[\[0,0,0\],\[0,1,0\],\[0,0,1\]\]' ||
  fail "confusion without a class"

refused "expected the folder of a run first, got nothing" eval
refused "expected the folder of a finished run, got 'nowhere'" predict nowhere
mkdir empty && echo '{}' >empty/config.json
refused "its config.json is of another program" eval empty
refused "--part: expected a part of the data, got 'tset' \(did you mean 'test'" eval run --part tset
refused "--data: expected rows \[1, 16, 16\], which the run was trained on, got \[2\]" eval run --data moons
refused "--format: expected a format, got 'xml'" predict run --format xml
refused "--image: expected a run that was trained on images" predict line --image a.png

# On a terminal nothing changes but the bar of `train`.
if script -qec true /dev/null </dev/null >/dev/null 2>&1; then
  for command in "check" "lr --steps 10" "eval run" "predict run" "ops relu" "graph --help"; do
    TERM=xterm script -qec "'$GRADUS_BIN' $command" /dev/null </dev/null | tr -d '\r' >there || fail "$command on a terminal"
    gradus $command >here
    cmp here there || fail "$command says something else on a terminal"
  done
  TERM=xterm script -qec "'$GRADUS_BIN' train --data moons --epochs 2 --out bar" /dev/null </dev/null >typescript
  grep -qE ' [0-9]+ rows/s  ETA ' typescript || fail "no rows a second in: $(cat -v typescript)"
fi
for command in train check lr tune predict eval graph gradcheck activations ops; do
  gradus $command --help >help || fail "$command --help"
  grep -q "gradus $command" help || fail "$command --help shows no example"
  refused "$command: expected an option, got '--hepl' \(did you mean '--help'" $command --hepl
done
finish
