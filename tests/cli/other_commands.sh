# Help, graph and gradcheck.
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

gradus --version | grep -qE '^gradus [0-9]+\.[0-9]+' || fail "--version"
for arguments in "" help --help; do
  gradus $arguments | grep -q "usage: gradus COMMAND" || fail "gradus $arguments"
done
for command in train tune graph gradcheck activations ops; do
  gradus help $command >a
  gradus $command --help >b
  cmp a b || fail "help of $command"
  grep -q "^usage: gradus $command" a || fail "no usage of $command"
  grep -q "^examples" a || fail "no examples of $command"
  [[ $(grep -cE "^options:?$" a) == 1 ]] || fail "'options' not once in the help of $command"
done
rm a b

model="fc 5, bn, relu, fc 2"
gradus graph --model "$model" --input 1,3,4 >net.dot || fail "graph"
head -1 net.dot | grep -q "digraph" || fail "no digraph: $(head -1 net.dot)"
grep -q "1.weight" net.dot || fail "no parameter's name in the graph"
grep -q "batch_norm" net.dot || fail "no batch_norm in the graph"
gradus graph --model "$model" --input 1,3,4 -o other.dot >/dev/null
cmp net.dot other.dot || fail "-o and standard output differ"
if command -v dot >/dev/null; then
  for format in svg png; do
    gradus graph --model "$model" --input 1,3,4 -o net.$format >/dev/null || fail "-o net.$format"
  done
  grep -q "</svg>" net.svg || fail "no picture in net.svg"
  [[ $(head -c 4 net.png | tail -c 3) == PNG ]] || fail "no picture in net.png"
fi
PROGRAM_PATH=/nonexistent refused "needs Graphviz's program dot" graph --model "$model" --input 12 -o net.svg

gradus gradcheck >table || fail "gradcheck: $(cat table)"
grep -qE "^softmax +[0-9]+ +[0-9.e-]+ +[0-9.e-]+ +ok$" table || fail "no softmax in: $(cat table)"
grep -qE "^argmax +- +- +- +no derivative$" table || fail "no argmax in: $(cat table)"
grep -q " ops, 0 wrong" table || fail "$(tail -1 table)"
gradus gradcheck soft >part
[[ $(grep -c " ok$" part) -lt $(grep -c " ok$" table) ]] || fail "the filter lets everything through"
grep -q "^softmax" part || fail "the filter keeps softmax back"
finish
