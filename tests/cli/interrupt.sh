# A signal ends the training with one line, and leaves nothing half-written.
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

# interrupted SIGNAL CODE ARGUMENT…
interrupted() {
  local signal=$1 expected=$2 code=0 before child
  shift 2
  before=$(inventory)
  "$GRADUS_BIN" train --data moons --epochs 100000 "$@" >"$work.out" 2>"$work.err" </dev/null &
  child=$!
  for ((i = 0; i < 600; ++i)); do
    grep -q '^epoch 2/' "$work.out" && break
    sleep 0.1
  done
  kill "-$signal" $child
  wait $child || code=$?
  [[ $code == "$expected" ]] || fail "$signal: expected exit code $expected, got $code"
  [[ $(cat "$work.err") == "gradus: interrupted, nothing was written" ]] || fail "$signal: $(cat "$work.err")"
  [[ $(inventory) == "$before" ]] || fail "$signal: left $(diff <(echo "$before") <(inventory))"
  rm -f "$work.out" "$work.err"
}

# (The shell has its background jobs ignore SIGINT.)
interrupted TERM 143
interrupted HUP 129 --out a/b/c
gradus train --data moons --epochs 1 --out run >/dev/null
interrupted TERM 143 --out run

# A reader of the output that goes away.
before=$(inventory)
timeout 300 "$GRADUS_BIN" train --data moons --epochs 100000 --out pipe 2>"$work.err" </dev/null | head -1 >/dev/null || code=$?
[[ ${code-0} == 141 ]] || fail "PIPE: expected exit code 141, got ${code-0}"
[[ $(inventory) == "$before" ]] || fail "PIPE: left $(diff <(echo "$before") <(inventory))"
rm -f "$work.err"
finish
