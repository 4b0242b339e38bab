# Options from a file, and all that `train` can be told.
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

# setting FILE KEY: of a run's config.json, beside the options that are kept in it
setting() { sed -n "s/^  \"$2\": *\(.*[^,]\),\{0,1\}$/\1/p" "$1"; }

# The config.json of a run repeats it to the last bit, whatever it was told.
options=(--data moons --epochs 2 --validation 0.2 --preprocess whiten --init "orthogonal 1.4" --dropout 0.1
  --optimizer nadam --schedule "warmup 0.1" --regularise l1=1e-5,l2=1e-4 --batch 32 --seed 3 --metric loss)
gradus train "${options[@]}" --out first >/dev/null || fail "all options"
gradus train --config first/config.json --out again >/dev/null || fail "--config"
cmp first/weights.safetensors again/weights.safetensors || fail "--config did not repeat the run"
[[ $(value first/summary.json validation_loss) == "$(value again/summary.json validation_loss)" ]] || fail "other scores"

# What stands on the command line holds; a file of one's own need not be of a run.
gradus train --config first/config.json --epochs 1 --out fewer >/dev/null
[[ $(value fewer/summary.json epochs) == 1 ]] || fail "--epochs beside --config"
echo '{"data": "moons", "epochs": 1, "lr": 0.02, "deterministic": true}' >mine.json
gradus train --config mine.json --out mine >/dev/null || fail "a file of options"
[[ $(setting mine/config.json lr) == 0.02 && $(setting mine/config.json deterministic) == true ]] || fail "options of a file"
echo '{"epoch": 1}' >typo.json
echo '{"epochs": [1]}' >list.json
echo '{"deterministic": 1}' >flag.json
echo 'epochs = 1' >text.json
refused "in typo.json expected an option, got '--epoch' \(did you mean '--epochs'" train --config typo.json
refused "--config: expected a text or a number for epochs, got \[1\]" train --config list.json
refused "--config: expected true or false for deterministic, got 1" train --config flag.json
refused "--config: expected an object in JSON" train --config text.json
refused "--config: expected a file that can be read, got 'none.json'" train --config none.json

# Every optimizer, schedule, initialiser and preprocessing that the help names trains.
quick=(--data moons --epochs 2 --batch 16 --rows 64 --quiet --no-watch)
for optimizer in adam sgd adamw amsgrad nadam radam adamax adagrad adadelta rmsprop rprop lion; do
  gradus train "${quick[@]}" --optimizer $optimizer --out o-$optimizer || fail "--optimizer $optimizer"
  [[ $(setting o-$optimizer/config.json optimizer) == "\"$optimizer\"" ]] || fail "not put down: $optimizer"
done
[[ $(md5sum o-*/weights.safetensors | cut -d' ' -f1 | sort -u | wc -l) -ge 11 ]] ||
  fail "optimizers give the same"  # but for amsgrad, which differs from adam where gradients shrink
for schedule in constant linear cosine step "step 0.5 0.2" exponential 1/t "warmup 0.2" "plateau 0.5 1"; do
  gradus train "${quick[@]}" --schedule "$schedule" --out s || fail "--schedule $schedule"
done
for init in he he_uniform xavier xavier_uniform lecun lecun_uniform normal truncated_normal uniform orthogonal sparse \
  identity "constant 0.1" ones; do
  gradus train "${quick[@]}" --init "$init" --out i 2>/dev/null || fail "--init $init"
done
for preprocess in standardise centre minmax pca "pca 1" whiten zca none; do
  gradus train "${quick[@]}" --preprocess "$preprocess" --out p || fail "--preprocess $preprocess"
  gradus eval p --json >scores || fail "eval after --preprocess $preprocess"
  [[ $(value scores accuracy) == "$(value p/summary.json test_accuracy)" ]] || fail "eval after $preprocess: $(cat scores)"
done
refused "--optimizer: expected an optimizer, got 'adm' \(did you mean 'adam'" train --optimizer adm
refused "--optimizer: expected an optimizer, got 'lbfgs'" train --optimizer lbfgs
refused "--schedule: expected a schedule, got 'cosin' \(did you mean 'cosine'" train --schedule cosin
refused "--schedule: expected 'step \[SHARE \[FACTOR\]\]', got 'step 1 2 3'" train --schedule "step 1 2 3"
refused "--schedule: expected a number, got 'fast'" train --schedule "step fast"
refused "--schedule: expected 'plateau" train --schedule "plateau 2"
refused "--init: expected a way to draw weights, got 'hee' \(did you mean 'he'" train --init hee
refused "--preprocess: expected a kind of preprocessing, got 'zcaa' \(did you mean 'zca'" train --preprocess zcaa
refused "--preprocess: .*components" train --data moons --preprocess "pca 5"
refused "--regularise: expected l1=STRENGTH" train --regularise l3=1
refused "--regularise: expected l1=STRENGTH" train --regularise l2=-1
refused "--weight-decay: expected with another optimizer than rprop" train --optimizer rprop --weight-decay 1
refused "--metric: expected with validation rows" train --metric loss
refused "--metric: expected one for classes: accuracy or loss, got r2" train --validation 0.1 --metric r2
refused "--early-stop: expected with validation rows" train --early-stop 2
refused "--rows: expected a whole number from 1 to 5000, got '0'" train --rows 0
refused "--dropout: expected a number from 0 to 1, got '2'" train --dropout 2
refused "--quiet: expected without --json" train --quiet --json

# Few rows are learnt by heart; training ends when it gets no better, and both weights are kept.
gradus train --data moons --rows 20 --epochs 60 --lr 0.05 --json --out few >few.json || fail "--rows"
above "$(sed -n '/"train"/,/}/p' few.json >part; value part accuracy)" 0.99 || fail "20 rows: $(cat few.json)"
gradus train --data moons --validation 0.2 --early-stop 3 --epochs 500 --out early >/dev/null || fail "--early-stop"
above 500 "$(value early/summary.json epochs)" || fail "--early-stop: $(value early/summary.json epochs) epochs"
[[ $(value early/summary.json epochs) == $(($(value early/summary.json best_epoch) + 3)) ]] || fail "not 3 epochs later"
[[ -s early/last.safetensors ]] && ! cmp -s early/last.safetensors early/weights.safetensors || fail "last weights"

# --quiet says nothing but findings, --json nothing but the summary, --confusion a table.
[[ -z $(gradus train "${quick[@]}" --out q) ]] || fail "--quiet"
gradus train --epochs 1 --confusion --out c >confusion || fail "--confusion"
grep -q "recall  precision" confusion || fail "--confusion: $(cat confusion)"
[[ $(grep -cE '^ +[0-9]( +[0-9]+){10} ' confusion) == 10 ]] || fail "--confusion: $(cat confusion)"

# What goes wrong is said once, with what to do, and kept.
gradus train --data moons --lr 30 --epochs 3 --schedule constant --out wild >/dev/null 2>said || true
grep -qE "^(warning|error)" said || fail "no finding at a rate of 30: $(cat said)"
[[ -s wild/findings.jsonl && -s wild/steps.jsonl ]] || fail "findings and steps are not kept"
gradus train --data moons --lr 30 --epochs 3 --schedule constant --no-watch --keep-on --out blind >/dev/null 2>said || true
[[ ! -s said || $(cat said) == gradus:* ]] || fail "--no-watch: $(cat said)"
[[ ! -e blind/steps.jsonl ]] || fail "--no-watch"
finish
