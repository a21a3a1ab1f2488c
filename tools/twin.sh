#!/bin/sh
# The full-size twin of the WiLLM data set: its four categories simulated until exactly as many RAN
# records exist as were released (290653 + 363906 + 430369 + 565068 = 1649996), written as CSV in
# the released spelling with "simulated" in every row, imported again, and compared with the runs.
# usage: twin.sh FOLDER [DIVISOR]   DIVISOR 10: a tenth of the records of each category
set -eu
out=$1
divisor=${2:-1}
BUILD=${BUILD:-build}
willmsim=${WILLMSIM:-$BUILD/willmsim}
mkdir -p "$out"
rm -f "$out/imported.sqlite"
records=0
files=
now() { date +%s%N; }
start=$(now)
for category in static-static:290653 dynamic-ue:363906 dynamic-gnb:430369 dynamic-dynamic:565068; do
    name=${category%:*}
    n=$((${category#*:} / divisor))
    # A record a millisecond. What is asked in the last 30 s (10 s of a short one) would not be
    # answered before the last record.
    quiet=30000
    [ "$n" -gt 60000 ] || quiet=10000
    "$willmsim" run "scenarios/willm-dataset/$name.json" --quiet --out "$out/$name.sqlite" \
        --set "duration_s=$((n / 1000)).$(printf %03d $((n % 1000)))" \
        --set "ues.0.ask_until_s=$(((n - quiet) / 1000))"
    records=$((records + n))
done
simulated=$(now)
for name in static-static dynamic-ue dynamic-gnb dynamic-dynamic; do
    "$willmsim" export "$out/$name.sqlite" records --csv --spelling willm \
        --label "simulated: willm-dataset-$name" --out "$out/$name.csv"
    files="$files $out/$name.csv"
done
written=$(now)
# shellcheck disable=SC2086
"$willmsim" import willm $files --db "$out/imported.sqlite" --quiet --strict
imported=$(now)
"$willmsim" import willm $files --db "$out/imported.sqlite" --resume --json >"$out/imported.json"
seen=$(sqlite3 "$out/imported.sqlite" 'SELECT count(*) FROM ran_records')
if [ "$seen" -ne "$records" ]; then
    echo "willmsim: twin: $seen records instead of $records" >&2
    exit 1
fi
worst=0
for name in static-static dynamic-ue dynamic-gnb dynamic-dynamic; do
    "$willmsim" metrics "$out/$name.sqlite" --by scenario --json >"$out/a.json"
    "$willmsim" metrics "$out/imported.sqlite" --by scenario --json |
        jq --arg key "simulated: willm-dataset-$name" \
            '.groups |= map(select(.key == $key))' >"$out/b.json"
    worst=$(jq -n --argjson worst "$worst" --slurpfile a "$out/a.json" --slurpfile b "$out/b.json" '
        def numbers: .groups[0] | [.n, .share_pct[], (.larei, .lseq | .mean, .p50),
                                   (.latency_ms.e2e, .latency_ms.uplink | .mean, .p95)];
        [$worst] + [[$a[0] | numbers] [0] as $x | [$b[0] | numbers] [0] as $y |
            range($x | length) | ($x[.] - $y[.] | fabs) / ([$x[.] | fabs, 1e-300] | max)] | max')
done
jq -n --argjson records "$records" --argjson worst "$worst" \
    --argjson sim "$((simulated - start))" --argjson csv "$((written - simulated))" \
    --argjson imp "$((imported - written))" '{records: $records,
        simulated_records_per_s: ($records / $sim * 1e9 | round),
        written_records_per_s: ($records / $csv * 1e9 | round),
        imported_records_per_s: ($records / $imp * 1e9 | round),
        worst_relative_difference: $worst}'
jq -en --argjson worst "$worst" '$worst <= 1e-9' >/dev/null || {
    echo "willmsim: twin: the imported records give other metrics than the runs" >&2
    exit 1
}
