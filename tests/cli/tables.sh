# Tables as they come: columns chosen and skipped, values missing, decimal commas, headers.
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

rows=""
for i in {1..40}; do
  rows+="row $i;$((i % 7)),5;$([[ $((i % 5)) == 0 ]] && echo "?" || echo "-$((i % 3)),25e1");$((i % 2 == 0 ? 1 : 2))"$'\n'
done
printf 'name;width;height;kind\n%s' "$rows" >named.csv
printf '%s' "$rows" >bare.csv
options=(--delimiter ";" --decimal , --missing "?,NA" --epochs 1 --seed 1)

gradus train --data csv:named.csv "${options[@]}" --skip name --out skipped >/dev/null || fail "--skip"
[[ $(value skipped/config.json standardize_mean | head -1) ]] || fail "no statistics"
grep -A3 '"impute_mean"' skipped/config.json | grep -qE -- '-[0-9]' || fail "no mean for what is missing"
gradus train --data csv:named.csv "${options[@]}" --columns width,height --label kind --out chosen >/dev/null ||
  fail "--columns"
gradus train --data csv:bare.csv "${options[@]}" --header none --skip 0 --out places >/dev/null || fail "--header none"
for run in chosen places; do
  cmp skipped/weights.safetensors $run/weights.safetensors || fail "$run differs"
done
gradus train --data csv:named.csv "${options[@]}" --columns 1 --out one >/dev/null || fail "--columns 1"
grep -A1 '"input_shape"' one/config.json | grep -q 1 || fail "not one feature"
refused "expected a number, got \"\?\" in line 6, column 3" train --data csv:named.csv "${options[@]:0:4}" --skip name
refused "expected a number, got \"row 1\" in line 2, column 1" train --data csv:named.csv "${options[@]}"

# Names that are not UTF-8 are a path like any other.
cp named.csv $'l\xe4nge.csv'
gradus train --data csv:$'l\xe4nge.csv' "${options[@]}" --skip name --out latin >/dev/null || fail "a path in Latin-1"
[[ -s latin/config.json ]] || fail "no config.json"
finish
