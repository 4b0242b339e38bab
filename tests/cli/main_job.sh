# `gradus train` alone learns the built-in data, and leaves a complete run.
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

gradus train >out 2>err || fail "exit code $?: $(cat err)"
[[ ! -s err ]] || fail "expected nothing on stderr, got: $(cat err)"
[[ $(readlink runs/latest) == 0001 ]] || fail "expected runs/latest to be a link to 0001"
files="config.json findings.jsonl metrics.jsonl preprocess.npz steps.jsonl summary.json weights.safetensors "
[[ $(ls -A runs/0001 | tr '\n' ' ') == "$files" ]] ||
  fail "the run holds: $(ls -A runs/0001)"
summary=runs/latest/summary.json
above "$(value $summary test_accuracy)" 0.97 || fail "test accuracy $(value $summary test_accuracy)"
for key in test_loss train_loss epochs seconds parameters; do
  above "$(value $summary $key)" 0 || fail "$key is $(value $summary $key)"
done
[[ $(value $summary seed) == 0 ]] || fail "seed is $(value $summary seed)"
epochs=$(value $summary epochs)
[[ $(wc -l <runs/0001/metrics.jsonl) == "$epochs" ]] || fail "expected $epochs lines in metrics.jsonl"
grep -q '"data": "digits"' runs/0001/config.json || fail "config.json: $(cat runs/0001/config.json)"

# Elsewhere than on a terminal: lines, one an epoch, and no bar.
[[ $(grep -c '^epoch ' out) == "$epochs" ]] || fail "expected $epochs lines, got: $(cat out)"
! grep -q $'[\r\x1b]' out || fail "a bar although standard output is a file"
grep -q "^test accuracy 0.9[0-9]*, loss " out || fail "no test accuracy in: $(cat out)"
grep -q "run written to runs/0001$" out || fail "no word of the run in: $(cat out)"
grep -q "^to look at it: gradus report runs/0001 --open$" out || fail "no word of the report in: $(cat out)"

# A second run takes the next number; one into a folder replaces what is there.
gradus train --data moons --epochs 1 >/dev/null
[[ $(readlink runs/latest) == 0002 ]] || fail "expected runs/latest to be a link to 0002"
gradus train --data moons --epochs 1 --out runs/0001 >/dev/null
[[ $(value runs/0001/summary.json epochs) == 1 ]] || fail "runs/0001 was not replaced"

# On a terminal, where one can be had: a bar, then one line an epoch.
if script -qec true /dev/null </dev/null >/dev/null 2>&1; then
  TERM=xterm script -qec "'$GRADUS_BIN' train --data moons --epochs 2 --out bar" /dev/null </dev/null >typescript
  grep -q $'\r\x1b\[Kepoch 1/2 \[' typescript || fail "no bar in: $(cat -v typescript)"
  [[ $(grep -c 'epoch ./2  train loss' typescript) == 2 ]] || fail "not one line an epoch: $(cat -v typescript)"
  TERM=dumb script -qec "'$GRADUS_BIN' train --data moons --epochs 2 --out bar" /dev/null </dev/null >typescript
  ! grep -q $'\x1b' typescript || fail "escape codes for a dumb terminal: $(cat -v typescript)"
  [[ $(grep -c '^epoch ./2  train loss' typescript) == 2 ]] || fail "not one line an epoch: $(cat -v typescript)"
fi
finish
