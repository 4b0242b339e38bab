# docs/ops.md is what `gradus ops --markdown` prints, and no cell of it is empty.
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

gradus ops --markdown >table || fail "ops --markdown"
cmp table "$GRADUS_SOURCE_DIR/docs/ops.md" ||
  fail "docs/ops.md is not what \`gradus ops --markdown\` prints"
! grep -n "|  |" table || fail "an op without a formula: its row in the table of its family names none"
gradus ops softmax | grep -q "^  value     e^x / Σ e^x$" || fail "ops softmax: $(gradus ops softmax)"
refused "expected a part of the name of an op, got 'sofmax' \(did you mean 'softmax'\?\)" ops sofmax
finish
