# export: a run as an ONNX file, which gives in ONNX Runtime, where that is installed, what predict says.
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../exchange/runtime.bash"
runtime=
if has_onnxruntime; then runtime=yes; else echo "without ONNX Runtime"; fi

# Rows of a table, some without a value: what is missing is filled in as in training.
printf 'a,b,c,kind\n' >rows.csv
for i in {1..120}; do echo "$((1000 + i % 13)),$((i % 7)),$((i % 5 == 0 ? 99 : i % 3)),$((i % 2))" >>rows.csv; done
sed -i 's/,99,/,?,/' rows.csv
gradus train --data csv:rows.csv --missing "?" --model "fc 8, bn, relu, fc 2" --epochs 3 --out run >/dev/null
gradus export run >out || fail "export"
[[ $(cat out) == run/model.onnx && -s run/model.onnx ]] || fail "export: $(cat out)"
gradus export run --fold --out folded.onnx >out || fail "export --fold"
grep -q BatchNormalization run/model.onnx || fail "a batch norm is missing"
! grep -q BatchNormalization folded.onnx || fail "--fold has left a batch norm"
gradus export run --net --out net.onnx >/dev/null || fail "export --net"
grep -q scores net.onnx && grep -q probabilities run/model.onnx || fail "names of the results"
printf 'a,b,c\n1003,2,1\n1009,6,?\n1000,0,0\n' >new.csv
gradus predict run --data csv:new.csv --no-label >predicted.csv

# Rotated rows, and numbers in the unit of the table.
printf 'x,y,z\n' >line.csv
for i in {1..200}; do echo "$((i % 50)),$((i % 7)),$((1000 + 20 * (i % 50)))" >>line.csv; done
gradus train --data csv:line.csv --regression --preprocess "pca 2" --epochs 5 --out line >/dev/null
gradus export line --out line.onnx >/dev/null || fail "export of numbers"
printf 'x,y\n10,3\n40,1\n' >points.csv
gradus predict line --data csv:points.csv --no-label >numbers.csv

# Images, of which the file takes any number.
gradus train --epochs 1 --rows 200 --model "conv 4 3, relu, pool 2, fc 10" --out digits >/dev/null
gradus export digits --out digits.onnx >/dev/null || fail "export of images"

if [[ $runtime ]]; then
  node "$here/export.js" run/model.onnx new.csv predicted.csv 3 || fail "run/model.onnx gives other than predict"
  node "$here/export.js" folded.onnx new.csv predicted.csv 3 || fail "folded.onnx gives other than predict"
  node "$here/export.js" line.onnx points.csv numbers.csv 1 || fail "line.onnx gives other than predict"
fi

refused "export: expected the folder of a run first" export
refused "config.json is missing" export nowhere
refused "expected an option, got '--nets'" export run --nets
refused "expected a file that can be written" export run --out nowhere/model.onnx
mkdir empty
cp run/config.json empty
refused "weights.safetensors is missing" export empty
gradus export --help | grep -q "gradus export my-run --out digits.onnx" || fail "--help has no example"
finish
