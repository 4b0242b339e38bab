# What the shell tests of the documentation share.
fail() {
  echo "FAILED: $1" >&2
  exit 1
}
needs() {
  local tool
  for tool; do
    command -v "$tool" >/dev/null || { echo "skipped: no $tool (scripts/setup.sh --docs)"; exit 77; }
  done
}
