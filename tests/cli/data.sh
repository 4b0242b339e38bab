# Every source of data can be trained on.
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

# learns ACCURACY ARGUMENT…
learns() {
  local least=$1
  shift
  gradus train --out run "$@" >out 2>&1 || fail "gradus train $*: $(cat out)"
  above "$(value run/summary.json test_accuracy)" "$least" ||
    fail "gradus train $*: test accuracy $(value run/summary.json test_accuracy)"
}

learns 0.9 --data spiral
learns 0.97 --data moons --optimizer sgd --lr 0.1 --validation 0.2
grep -q "weights of epoch .* kept" out || fail "no word of the weights kept: $(cat out)"
mnist_folder small
gzip small/train-*
learns -1 --data mnist:small --epochs 1 --validation 0.25
grep -q "15 rows to train on, 5 to validate, 20 to test" out || fail "$(head -1 out)"

for ((i = 0; i < 200; ++i)); do echo "$((i % 7)) $((i * 13 % 10)) $((2 * (i % 7) - i * 13 % 10))"; done >numbers.txt
gradus train --data csv:numbers.txt --delimiter ' ' --regression --epochs 100 --out run >out || fail "regression"
above 0.5 "$(value run/summary.json test_loss)" || fail "regression: loss $(value run/summary.json test_loss)"
[[ $(value run/summary.json test_accuracy) == null ]] || fail "an accuracy of numbers"
# Prices: 3e5 + 1e5 (a - b) with noise of 1e4, so R² is at most about 0.99.
{
  echo a,b,price
  for ((i = 0; i < 400; ++i)); do
    a=$((i * 37 % 101)) b=$((i * 53 % 97))
    echo "0.$((a + 100)),0.$((b + 100)),$((300000 + 1000 * (a - b) + (i * 7919 % 2001 - 1000) * 10))"
  done
} >prices.csv
gradus train --data csv:prices.csv --label price --regression --out run >out || fail "prices: $(cat out)"
above "$(value run/summary.json test_r2)" 0.9 || fail "prices: R² $(value run/summary.json test_r2)"
above 3e8 "$(value run/summary.json test_loss)" || fail "prices: loss $(value run/summary.json test_loss)"
above "$(value run/summary.json test_loss)" 1e6 || fail "prices: a loss in other units"
above "$(value run/config.json target_mean)" 2e5 || fail "prices: no target_mean"
grep -Eq "^test R² 0\.9[0-9]+, root mean squared error [0-9.]+, loss " out || fail "prices: $(tail -3 out)"

# Far too high a rate: what was measured is kept.
code=0
gradus train --data csv:prices.csv --label price --regression --optimizer sgd --lr 1000 --out diverged >/dev/null 2>err ||
  code=$?
[[ $code == 2 && $(cat err) =~ expected\ a.*\ loss.*what\ was\ measured\ is\ in\ diverged ]] ||
  fail "diverged: $code $(cat err)"
[[ $(value diverged/summary.json status) == '"diverged"' ]] || fail "status: $(cat diverged/summary.json)"

refused "--model: expected 1 output, as the label is a number, got 3 from 'fc 3'" \
  train --data csv:numbers.txt --delimiter ' ' --regression --model "fc 3"

shared=${GRADUS_SHARED_DIR:-}/data
if [[ -d $shared ]]; then
  learns 0.8 --data "csv:$shared/tabular/iris.csv"
  learns 0.9 --data "csv:$shared/tabular/wine_data.csv" --label -1
  learns 0.92 --data "csv:$shared/tabular/breast_cancer.csv" --epochs 20
  learns 0.92 --data "csv:$shared/tabular/digits.csv.gz" --epochs 20
  paste -d' ' <(gzip -dc "$shared/tabular/diabetes_data_raw.csv.gz") \
    <(gzip -dc "$shared/tabular/diabetes_target.csv.gz") >diabetes.txt
  gradus train --data csv:diabetes.txt --delimiter ' ' --regression --epochs 20 --out run >out || fail "diabetes: $(cat out)"
  above "$(value run/summary.json test_r2)" 0.3 || fail "diabetes: R² $(value run/summary.json test_r2)"
  learns 0.7 --data "mnist:$shared/fashion-mnist-3600" --model "fc 64, relu, fc 10" --epochs 2
  learns 0.25 --data "cifar10:$shared/cifar10-5000" --model "fc 64, bn, relu, fc 10" --epochs 1
  learns 0.35 --data "cifar10:$shared/cifar10-5000" --augment flip,crop --epochs 1
fi
finish
