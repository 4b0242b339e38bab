#!/usr/bin/env bash
# Installs ONNX Runtime for Node.js, with which the tests run saved models. It needs npm.
# usage: scripts/onnxruntime.sh [FOLDER]     gradus/onnxruntime in the user's cache if none is given; of another folder the
# tests are told by GRADUS_ONNXRUNTIME_DIR
set -euo pipefail

version=1.22.0
folder=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/gradus/onnxruntime}
if ! command -v npm >/dev/null; then
  echo "onnxruntime: npm is missing (Debian: nodejs npm)" >&2
  exit 1
fi
mkdir -p "$folder"
cd "$folder"
if NODE_PATH=node_modules node -e "process.exit(require('onnxruntime-node/package.json').version === '$version' ? 0 : 1)" 2>/dev/null; then
  exit 0
fi
# Without what its package would fetch for graphics cards.
npm install --silent --no-save --no-audit --no-fund --onnxruntime-node-install=skip "onnxruntime-node@$version"
NODE_PATH=node_modules node -e "require('onnxruntime-node')"
echo "onnxruntime: $version is in $folder"
