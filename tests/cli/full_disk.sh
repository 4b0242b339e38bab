# What can't be written is an exit code and one line, whatever was to be written.
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

# full ARGUMENT…
full() {
  local code=0
  gradus "$@" 2>"$work.err" >/dev/full || code=$?
  [[ $code == 2 ]] || fail "gradus $*: expected exit code 2, got $code"
  [[ $(cat "$work.err") =~ ^gradus:\ .*(write|space) ]] || fail "gradus $*: $(cat "$work.err")"
  rm -f "$work.err"
}
full
full --version
full --help
full help
for command in train graph gradcheck activations ops; do
  full $command --help
  full help $command
done
full train --data moons --epochs 1 --out run
[[ -s run/weights.safetensors ]] || fail "a run that could be written was not"
full graph --model "fc 3" --input 3
full activations
full ops
full ops --markdown
full gradcheck relu

# Standard output that is closed.
code=0
"$GRADUS_BIN" --version >&- 2>"$work.err" </dev/null || code=$?
[[ $code == 2 ]] || fail "closed output: exit code $code"

# Files.
for arguments in "graph --model fc\ 3 --input 3 -o /proc/x.dot" "activations --out /proc/x"; do
  eval "gradus $arguments" 2>"$work.err" >/dev/null && fail "gradus $arguments"
  [[ $(wc -l <"$work.err") == 1 ]] || fail "gradus $arguments: $(cat "$work.err")"
done
code=0
gradus train --data moons --epochs 1 --checkpoint /dev/full --out other >/dev/null 2>"$work.err" || code=$?
[[ $code == 2 && $(cat "$work.err") =~ /dev/full ]] || fail "a checkpoint on a full disk: $code, $(cat "$work.err")"
rm -f "$work.err"
finish
