# Pictures of graphs: names, sizes, colours.
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

model="fc 5, bn, relu, fc 2"
gradus graph --model "$model" --input 1,3,4 >net.dot || fail "graph"
for part in "<b>1</b>  Linear 12 → 5" "<b>4</b>  Linear 5 → 2" "label=<weight<br/>" \
  "label=<input<br/>" "saves " "87 parameters"; do
  grep -qF "$part" net.dot || fail "no '$part' in the graph"
done
for colour in time bytes saved flops; do
  gradus graph --model "$model" --input 12 --colour $colour >$colour.dot || fail "--colour $colour"
  grep -q "coloured by $colour: red is [0-9]" $colour.dot || fail "no title for --colour $colour"
  grep -q "fillcolor=\"#f06e55\"" $colour.dot || fail "nothing is red with --colour $colour"
done
grep -q " FLOPs in [0-9.]* [um]s" time.dot || fail "no time on a node"
gradus graph --model "$model" --input 12 --colour none >none.dot || fail "--colour none"
! grep -q "fillcolor=\"#" none.dot || fail "--colour none has colours"
gradus graph --model "$model" --input 12 --colour kind >kind.dot
gradus graph --model "$model" --input 12 >default.dot
cmp kind.dot default.dot || fail "--colour kind is not what is drawn without it"
refused "--colour: expected a colour, got 'rainbow' \(known are kind, none, time, bytes, saved, flops\)" \
  graph --model "$model" --input 12 --colour rainbow
finish
