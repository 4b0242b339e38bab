#!/usr/bin/env bash
# usage: first_project.sh PAGE FOLDER: does what the page says, in the folder: a fenced block goes into the file that the words
# before it name, an indented block is commands. With GRADUS_INSTALLED nothing is installed by apt and npm: the prefix it names has
# Gradus, and what is to be run by ONNX Runtime waits for scripts/onnxruntime.sh.
set -euo pipefail
page=$(realpath "$1") here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "$2"
cd "$2"

steps=0
run() {
  steps=$((steps + 1))
  echo "\$ $1"
  bash -euo pipefail -c "$1"
}
command=run
if [[ ${GRADUS_INSTALLED-} ]]; then
  export CMAKE_PREFIX_PATH=$GRADUS_INSTALLED
  source "$here/../exchange/runtime.bash"
  command=unless_installed
fi
unless_installed() {
  case $1 in
    *"apt install"* | "npm install"*) ;;
    node* | diff*) if has_onnxruntime; then run "$1"; else echo "without ONNX Runtime: $1"; fi ;;
    *) run "$1" ;;
  esac
}

file='' within='' before=''
while IFS= read -r line; do
  if [[ $within ]]; then
    if [[ $line == '```' ]]; then within=''; else printf '%s\n' "$line" >>"$file"; fi
  elif [[ $line == '```'* ]]; then
    [[ $before =~ \`([A-Za-z_.]+)\`:$ ]] || { echo "first_project: expected the name of a file before a block, got '$before'" >&2; exit 1; }
    file=${BASH_REMATCH[1]} within=yes
    : >"$file"
  elif [[ $line == '    '* ]]; then
    $command "${line#    }"
  elif [[ $line ]]; then
    before=$line
  fi
done <"$page"
(( steps > 3 )) || { echo "first_project: expected commands in $page, got $steps" >&2; exit 1; }
