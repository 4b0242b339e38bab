#!/usr/bin/env bash
# onnxruntime.sh PROGRAM: every layer and op that PROGRAM saves as ONNX passes onnx.checker, and gives in ONNX Runtime what
# it gives here, for batches of 1, 2 and 17. Skipped (77) where Python's onnx or Node's onnxruntime-node is missing.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=${TEST_TMPDIR:-$(mktemp -d)}/onnx
rm -rf "$folder"
mkdir -p "$folder"
"$1" "$folder"

skipped=
if python=$(command -v /usr/bin/python3 || command -v python3) && "$python" -c 'import onnx' 2>/dev/null; then
  "$python" "$here/check_onnx.py" "$folder"
else
  echo "skipped: onnx.checker (Debian: python3-onnx)"
  skipped=yes
fi

source "$here/runtime.bash"
if has_onnxruntime; then
  node "$here/onnxruntime.js" "$folder"
else
  echo "skipped: ONNX Runtime (scripts/onnxruntime.sh installs it)"
  skipped=yes
fi
if [[ $skipped ]]; then exit 77; fi
