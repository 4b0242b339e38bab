# `gradus ops --special` prints what is specified, of every op, and all of it is so.
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

gradus ops --special >table || fail "ops --special: $(grep wrong table)"
names=$(gradus ops --markdown | grep -c '^| `')
grep -qx "$names ops, 0 wrong" table || fail "$(tail -1 table) of $names"
gradus ops --special tanh >part || fail "ops --special tanh"
grep -qE '^  -0 +-0 +-0$' part || fail "no -0 of tanh: $(cat part)"
grep -qE '^  -inf +-1 +-1$' part || fail "no -inf of tanh: $(cat part)"
grep -qE '^  units in the last place 3 allowed, [0-9.]+ measured in float32; 3 allowed' part || fail "no units of tanh"
gradus ops --special logsumexp | grep -qF "(-inf, -inf) gives (-inf)" || fail "no row of logsumexp"
gradus ops --special matmul | grep -q "reaches each result that depends on it" || fail "no NaN of matmul"
refused "expected a part of the name of an op, got 'sofmax' \(did you mean 'softmax'\?\)" ops --special sofmax
refused "expected --markdown or --special, got both" ops --special --markdown
finish
