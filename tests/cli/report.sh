#!/usr/bin/env bash
# gradus report: right and wrong options, what is printed, what is left.
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

gradus train --data spiral --epochs 2 --out run >/dev/null
gradus train --data spiral --epochs 2 --seed 1 --out other >/dev/null

[[ $(gradus report run) == "report written to report.html" ]] || fail "report run: $(gradus report run)"
[[ $(head -c 15 report.html) == "<!DOCTYPE html>" ]] || fail "no page: $(head -c 100 report.html)"
gradus report run other -o both.html >/dev/null
[[ -s both.html ]] || fail "-o writes nothing"
gradus report run other --json >both.json
! command -v python3 >/dev/null || python3 -c '
import json
report = json.load(open("both.json"))
assert [run["name"] for run in report["runs"]] == ["run", "other"], report["runs"]
assert report["runs"][0]["epochs"]["epoch"] == [1, 2]
assert report["runs"][0]["summary"]["status"] == "finished"
assert sum(map(sum, report["runs"][0]["rows"]["confusion"])) == report["runs"][0]["config"]["test_rows"]
' || fail "--json"
gradus report run --tensorboard events >/dev/null
[[ -s events/run/events.out.tfevents.0.gradus ]] || fail "--tensorboard writes nothing"
if command -v rsvg-convert >/dev/null; then
  gradus report run --plots figures >/dev/null
  [[ $(head -c 4 figures/loss.png | tail -c 3) == PNG && $(head -c 4 figures/loss.svg) == "<svg" ]] || fail "--plots"
fi
# --open hands the page to the desktop, and keeps it where that fails.
mkdir desktop
printf '#!/bin/sh\necho "$1" >opened\n' >desktop/xdg-open && chmod +x desktop/xdg-open
PATH="$PWD/desktop:$PATH" gradus report run --open -o shown.html >/dev/null || fail "--open"
[[ $(cat opened) == *shown.html && -s $(cat opened) ]] || fail "--open has opened $(cat opened)"
printf '#!/bin/sh\nexit 3\n' >desktop/xdg-open
code=0
PATH="$PWD/desktop:$PATH" gradus report run --open -o kept.html >/dev/null 2>err || code=$?
[[ $code == 2 && -s kept.html ]] && grep -q "expected xdg-open to work on" err || fail "--open that fails: $code $(cat err)"

gradus report --help | grep -q 'gradus report runs/latest' || fail "--help shows no example"

printf '{"epoch":1' >torn
refused "expected a run's folder or a journal of a search, got none" report
refused "got 'missing' \(" report missing
refused "another file" report torn
mkdir empty
refused "no file of a run in it" report empty
refused "did you mean '--json'" report run --jsn
refused "--json: expected alone" report run --json --out x.html
refused "--serve: expected without --out" report run --serve 0 --out x.html
refused "--serve: expected" report run --serve 70000
refused "got 'no/such/x.html'" report run --out no/such/x.html
finish
