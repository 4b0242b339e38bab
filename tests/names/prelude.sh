# Every public op of a tensor is in the prelude.
set -euo pipefail
cd "${BASH_SOURCE[0]%/*}/../.."
missing=0
while read -r name; do
  grep -qE "gradus::$name\b" include/gradus/prelude.h && continue
  echo "include/gradus/prelude.h lacks gradus::$name"
  missing=1
done < <(sed -snE '/^namespace detail \{/,/^\}  \/\/ namespace detail/!s/^[A-Z][A-Za-z]* ([a-z0-9_]+)\(Arg .*/\1/p' ops/include/gradus/ops/*.h |
  grep -v '_grad$' | sort -u)
exit $missing
