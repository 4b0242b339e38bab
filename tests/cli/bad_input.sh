# Each kind of bad input gives one line and exit code 2, and changes nothing.
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

# ---- the command line
refused "expected a command, got 'trian' \(did you mean 'train'\?\)" trian
refused "expected a command, got 'xyzzyxyzzy' \(known are train, check, lr, tune, predict, eval, export, report, graph, gradcheck, activations, ops\)" xyzzyxyzzy
refused "--optimizer: .*\(known are adam, sgd, adamw, amsgrad, nadam, radam, adamax, adagrad, adadelta, rmsprop, rprop, lion\)" train --optimizer xyzzyxyzzy
refused "--schedule: .*\(known are constant, linear, cosine, step, exponential, 1/t, warmup\)" train --schedule xyzzyxyzzy
refused "--augment: .*\(known are flip, vflip, crop, resized_crop, rotate, color, lighting, erase, mixup\)" train --augment xyzzyxyzzy
refused "--data: .*\(known are digits, spiral, moons, mnist, cifar10, csv\)" train --data xyzzyxyzzy
refused "train: expected an option, got '--modle' \(did you mean '--model'\?\)" train --modle "fc 10"
refused "train: .*'--lr'.*missing" train --lr
refused "train: unexpected argument 'mnist'" train mnist
refused "--lr: expected a number from 0 to .*, got 'fast'" train --lr fast
refused "--lr: expected .*got '-1'" train --lr=-1
refused "--lr: expected .*got 'nan'" train --lr nan
refused "--epochs: expected a whole number from 1 to .*, got '0'" train --epochs 0
refused "--epochs: expected .*got '2.5'" train --epochs 2.5
refused "--batch: expected .*got '0'" train --batch 0
refused "--seed: expected .*got '-1'" train --seed=-1
refused "--threads: expected .*got '0'" train --threads 0
refused "--weight-decay: expected .*got '-1'" train --weight-decay=-1
refused "--momentum: expected a number from 0 to 1, got '2'" train --optimizer sgd --momentum 2
refused "--momentum: expected with --optimizer sgd only" train --momentum 0.9
refused "--optimizer: expected an optimizer, got 'adma' \(did you mean 'adam'\?\)" train --optimizer adma
refused "--schedule: expected a schedule, got 'cosin' \(did you mean 'cosine'\?\)" train --schedule cosin
refused "--augment: expected an augmentation, got 'flop' \(did you mean 'flip'\?\) at position 1 of 'flop'" train --augment flop
refused "--augment: expected 'crop \[PADDING\]', got 'crop x' at position 12 of 'flip, crop x'" train --augment "flip, crop x"
refused "--augment: expected .*flip -1" train --augment "flip -1"
refused "--augment: expected a word, got none" train --augment "flip,,crop"
refused "--augment: expected .*got none" train --augment ""
refused "--augment: expected .*\[N, C, H, W\].*got" train --data moons --augment flip
refused "--every: expected with --checkpoint FILE only" train --every 3
refused "--every: expected a whole number from 1 to .*, got '0'" train --checkpoint x --every 0
refused "--checkpoint: expected a file, got ''" train --checkpoint ""
# Before training: it would take hours.
refused "expected a file that can be written, got 'nowhere/x'" train --checkpoint nowhere/x --epochs 1000000
mkdir a_folder
refused "expected a file that can be written, got 'a_folder'" train --checkpoint a_folder --epochs 1000000
refused "expected a file that can be written, got '/proc/x'" train --checkpoint /proc/x --epochs 1000000
refused "expected a file that can be written" train --checkpoint "$(printf 'x%.0s' {1..300})" --epochs 1000000
rmdir a_folder
refused 'expected a readable file, got "No such file or directory" for nothing' train --resume nothing
refused "--validation: expected .*got '1'" train --validation 1
for option in label delimiter decimal header missing columns skip; do
  refused "--$option: expected with --data csv:FILE only" train --$option x
done

# ---- the model
refused "expected a layer, got 'rleu' \(did you mean 'relu'\?\) at position 9" train --model "fc 512, rleu, fc 10"
refused "expected 'fc N', got 'fc' at position 7" train --model "relu, fc"
refused "expected a number for 'fc N', got 'fc ten' at position 1" train --model "fc ten"
refused "expected a whole number >= 1 for 'fc N', got 'fc 2.5'" train --model "fc 2.5"
refused "expected a layer at position 1 of '', got none" train --model ""
refused "--model: expected 10 outputs, one a class, got 5 from 'fc 5'" train --model "fc 5"

# ---- data
refused "--data: expected a data set, got 'mnits' \(did you mean 'mnist'\?\)" train --data mnits
refused "--data: expected 'mnist:DIR', got 'mnist'" train --data mnist
refused "--data: expected 'spiral', got 'spiral:3'" train --data spiral:3
refused "nowhere" train --data mnist:nowhere
refused "nothing.csv" train --data csv:nothing.csv

mnist_folder good
gradus train --data mnist:good --epochs 1 --out ok >/dev/null || fail "the small data set is good"
rm -rf ok

mnist_folder cut
gzip cut/train-images-idx3-ubyte
truncate -s -20 cut/train-images-idx3-ubyte.gz
refused "cut/train-images-idx3-ubyte.gz" train --data mnist:cut
mnist_folder short
truncate -s -20 short/t10k-images-idx3-ubyte
refused "short/t10k-images-idx3-ubyte" train --data mnist:short
mnist_folder kind
cp kind/train-labels-idx1-ubyte kind/train-images-idx3-ubyte
refused "kind/train-images-idx3-ubyte" train --data mnist:kind
mnist_folder text
echo "not an IDX file at all" >text/train-labels-idx1-ubyte
refused "text/train-labels-idx1-ubyte" train --data mnist:text
mnist_folder labels 11
refused "expected a label below 10, got 11 .*labels/t.*-labels-idx1-ubyte" train --data mnist:labels

rows() { for i in 1 2 3 4 5 6 7 8 9; do echo "$i,0.5,$((i % 2))"; done; }
{ rows; echo "1,2"; rows; } >ragged.csv
refused "expected 3 fields, got 2 in line 10, .*ragged.csv" train --data csv:ragged.csv
{ rows; echo "1,two,0"; rows; } >words.csv
refused "expected a number, got \"two\" in line 10, column 2 of words.csv" train --data csv:words.csv
rows >fine.csv
refused "species" train --data csv:fine.csv --label species
refused "--delimiter: expected one character" train --data csv:fine.csv --delimiter ";;"
refused "--decimal: expected '.' or ',', got 'x'" train --data csv:fine.csv --decimal x
refused "--decimal: expected another character than --delimiter" train --data csv:fine.csv --decimal ,
refused "--header: expected a kind of header, got 'no' \(known are detect, none, names, counts\)" train --data csv:fine.csv --header no
refused "expected a column below 3 for fine.csv, got 3" train --data csv:fine.csv --skip 3
refused "expected a column of fine.csv, got \"width\"" train --data csv:fine.csv --columns width
refused "expected a label column of fine.csv, got \"\"" train --data csv:fine.csv --label ""
{ rows; echo "1e39,2,0"; } >large.csv
refused "got \"1e39\", which overflows float32 in line 10, column 1 of large.csv" train --data csv:large.csv
{ rows; printf '1,2,caf\xe9\n'; } >latin.csv
refused "expected text in UTF-8, .* in line 10, column 3 of latin.csv" train --data csv:latin.csv
mkdir folder.csv
refused "folder.csv" train --data csv:folder.csv
: >empty.csv
refused "empty.csv" train --data csv:empty.csv

# ---- where the run goes
echo precious >file
refused "'file' \(not a folder\)" train --data spiral --out file
refused "'file/run'" train --data spiral --out file/run
refused "/dev/null/" train --data spiral --out /dev/null/run
mkdir other
echo precious >other/summary.json
refused "'other' \(it holds other files" train --data spiral --out other
refused "--out: expected a folder, got ''" train --data spiral --out ""
mkdir occupied
echo precious >occupied/runs
cd occupied
refused "'runs' \(not a folder\)" train --data spiral
cd ..

# ---- training itself
code=0
gradus train --data spiral --optimizer sgd --lr 1e5 --weight-decay 1e5 --out wild >/dev/null 2>wild.err || code=$?
exploded='fit: expected a .*loss.*, got .* in epoch [0-9]+, step [0-9]+; a learning rate below 100000 may help'
[[ $code == 2 && $(cat wild.err) =~ $exploded ]] || fail "wild: $code $(cat wild.err)"
[[ $(cat wild.err) == *"; what was measured is in wild" ]] || fail "wild: $(cat wild.err)"
[[ $(value wild/summary.json status) == '"diverged"' && ! -e wild/weights.safetensors ]] || fail "wild: $(ls wild)"
refused "--lr: expected a number from 0 to .*, got '1e400'" train --data spiral --lr 1e400

# ---- graph and gradcheck
refused "graph: expected --model" graph --input 3
refused "graph: expected --input" graph --model "fc 3"
refused "--input: expected the shape of a row, such as 1,28,28, got ''" graph --model "fc 3" --input ""
for shape in x 3, 0 -3 3,,3 99999999,99999999 1,1,1,1,1,1,1,1; do
  refused "--input: expected the shape of a row, such as 1,28,28, got '$shape'" graph --model "fc 3" "--input=$shape"
done
refused "--out: expected a name in .dot, .svg, .png or .pdf, got 'net.txt'" graph --model "fc 3" --input 3 -o net.txt
refused "nowhere/net.dot" graph --model "fc 3" --input 3 -o nowhere/net.dot
refused "nowhere/net.svg" graph --model "fc 3" --input 3 -o nowhere/net.svg
refused "got 'rleu'" graph --model "rleu" --input 3
refused "gradcheck: expected a part of the name of an op, got 'rleu' \(did you mean 'relu'\?\)" gradcheck rleu

finish
