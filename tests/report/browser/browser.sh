#!/usr/bin/env bash
# Opens the report of a run and a search in headless Chromium, at 1280 and 390 px, and walks through it: walk.js.
# usage: browser.sh WALK     SHOTS=DIR leaves screenshots there
set -euo pipefail
walk=$1
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || {
  echo "skipped: no Chromium (Debian: chromium)"
  exit 77
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# A name as bad as a folder's can be, and rows of CIFAR-10 where they are at hand.
run='a"<b>&'
cifar=${GRADUS_SHARED_DIR:-/nowhere}/data/cifar10-5000
if [[ -e $cifar/test_batch.bin ]]; then
  "$GRADUS_BIN" train --data "cifar10:$cifar" --model "conv 8 3, bn, relu, pool 4, fc 10" --epochs 3 --seed 1 --out "$run" >log
else
  "$GRADUS_BIN" train --model "conv 8 3, bn, relu, pool 2, fc 10" --epochs 3 --seed 1 --out "$run" >log
fi
"$GRADUS_BIN" train --epochs 3 --seed 2 --out second >log
"$GRADUS_BIN" tune --search lr=1e-4..1e-1 --search "optimizer=adam|sgd" --rows 300 --epochs 1 --trials 12 --journal search.jsonl >log
# What a babysitter writes, where `train` has none.
if [[ ! -s $run/steps.jsonl ]]; then
  for ((i = 1; i < 60; ++i)); do
    echo "{\"epoch\":1,\"step\":$i,\"loss\":$((300 / (i + 2) + 1)).5,\"lr\":0.01,\"parameters\":{\"0.weight\":{\"weight\":2.$i,\"gradient\":0.$i,\"update\":0.01},\"4.weight\":{\"weight\":3,\"gradient\":0.5,\"update\":0.002}},\"activations\":[{\"layer\":\"0\",\"op\":\"conv2d\",\"mean\":0.1,\"std\":1.$i},{\"layer\":\"2\",\"op\":\"relu\",\"mean\":0.4,\"std\":0.5,\"dead\":0.1,\"saturated\":0}]}"
  done >"$run/steps.jsonl"
fi
if ! grep -q '"layer":"[^"]' "$run/findings.jsonl" 2>/dev/null; then
  echo '{"severity":"warning","rule":"dead-units","layer":"0","site":"","epoch":1,"step":40,"value":0.75,"threshold":0.5,"text":"6 of 8 channels give 0 for every row: lower the rate, or use leaky_relu"}' >>"$run/findings.jsonl"
fi
"$GRADUS_BIN" report "$run" second search.jsonl -o report.html >log

# The same page, with the walk before its scripts.
awk -v walk="$walk" '/<script type="application\/json"/ && !done { print "<script>"; while ((getline line < walk) > 0) print line; print "</script>"; done = 1 } { print }' \
  report.html >walked.html

flags=(--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
  --disable-component-update --disable-sync --hide-scrollbars --allow-file-access-from-files --user-data-dir="$work/profile")
failures=0
for width in 1280 390; do
  # A window can't be as narrow as a telephone, a frame can.
  cat >frame.html <<END
<!DOCTYPE html><body style="margin:0"><iframe src="walked.html" style="border:0;width:${width}px;height:900px"></iframe>
<script>addEventListener('load', () => setTimeout(() => {
  const inner = document.querySelector('iframe').contentDocument.documentElement.dataset;
  document.body.innerHTML = ''; document.body.dataset.done = inner.done; document.body.dataset.wrong = inner.wrong; }, 20000))</script>
END
  timeout 300 "$browser" "${flags[@]}" --window-size=1400,1000 --virtual-time-budget=60000 --dump-dom "file://$work/frame.html" \
    >dom 2>browser.log || { echo "FAILED: the browser ended with $?: $(tail -3 browser.log)"; failures=1; }
  done=$(grep -o 'data-done="[^"]*"' dom || true)
  problems=$(tr '\n' '|' <dom | grep -o 'data-wrong="[^"]*"' || true)
  echo "$width px: $done"
  if [[ $done != *" $width px"* || $problems != 'data-wrong=""' ]]; then
    echo "FAILED at $width px: $problems"
    failures=1
  fi
done
if [[ -n ${SHOTS-} ]]; then
  cp report.html "$SHOTS/report.html"
fi
((failures == 0)) && echo passed
exit $failures
