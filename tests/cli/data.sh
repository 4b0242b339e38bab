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
refused "--model: expected 1 output, as the label is a number, got 3 from 'fc 3'" \
  train --data csv:numbers.txt --delimiter ' ' --regression --model "fc 3"

shared=${GRADUS_SHARED_DIR:-}/data
if [[ -d $shared ]]; then
  learns 0.8 --data "csv:$shared/tabular/iris.csv"
  learns 0.9 --data "csv:$shared/tabular/wine_data.csv" --label -1
  learns 0.92 --data "csv:$shared/tabular/breast_cancer.csv" --epochs 20
  learns 0.92 --data "csv:$shared/tabular/digits.csv.gz" --epochs 20
  learns 0.7 --data "mnist:$shared/fashion-mnist-3600" --model "fc 64, relu, fc 10" --epochs 2
  learns 0.25 --data "cifar10:$shared/cifar10-5000" --model "fc 64, bn, relu, fc 10" --epochs 1
  learns 0.35 --data "cifar10:$shared/cifar10-5000" --augment flip,crop --epochs 1
fi
finish
