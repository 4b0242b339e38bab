# Where ONNX Runtime for Node.js is: GRADUS_ONNXRUNTIME_DIR, the folder of scripts/onnxruntime.sh, or NODE_PATH.
for place in "${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/gradus/onnxruntime" "${GRADUS_ONNXRUNTIME_DIR:-}"; do
  if [[ -d $place/node_modules ]]; then export NODE_PATH=$place/node_modules${NODE_PATH:+:$NODE_PATH}; fi
done
has_onnxruntime() { node -e 'require("onnxruntime-node")' 2>/dev/null; }
