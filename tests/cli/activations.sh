# The table in docs/activations.md is what `gradus activations` prints, and there is a picture of each.
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

gradus activations >table || fail "activations"
while IFS= read -r line; do
  grep -qxF -- "$line" "$GRADUS_SOURCE_DIR/docs/activations.md" || fail "docs/activations.md lacks: $line"
done <table
[[ $(wc -l <table) -ge 22 ]] || fail "activations: $(wc -l <table) lines"
! grep -n "|  |" table || fail "an activation without a formula"

gradus activations --out pictures || fail "activations --out"
for name in $(sed -n 's/^| `\([a-z0-9_]*\)`.*/\1/p' table); do
  grep -q ">derivative</text>" "pictures/$name.svg" || fail "no picture of $name"
  [[ -f $GRADUS_SOURCE_DIR/docs/pictures/activations/$name.svg ]] || fail "docs: no picture of $name"
  grep -q "pictures/activations/$name.svg" "$GRADUS_SOURCE_DIR/docs/activations.md" || fail "docs: $name isn't shown"
done

gradus activations --time | grep -q '^| `relu` | [0-9.]* | [0-9.]* | [01]\.[0-9] | [01]\.[0-9] |$' ||
  fail "activations --time"
refused "expected an option, got '--sideways'" activations --sideways
refused "cannot|exist|[Nn]ot a directory|write" activations --out /dev/null/x
finish
