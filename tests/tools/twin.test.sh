#!/bin/sh
# The twin of the WiLLM data set at a sixteenth of its size: simulated, written as CSV, imported,
# and the metrics are the runs' own. `make twin` does the same at full size.
. tests/tools/lib.sh

if WILLMSIM=$willmsim sh tools/twin.sh "$tmp/twin" 16 >"$tmp/json" 2>"$tmp/err"; then
    ok twin-runs
else
    not_ok twin-runs "$(head -c 300 "$tmp/err")"
fi
# 290653/16 + 363906/16 + 430369/16 + 565068/16, each cut to a whole number
json twin-count '.records == 18165 + 22744 + 26898 + 35316' "$tmp/json"
json twin-same-metrics '.worst_relative_difference <= 1e-9' "$tmp/json"
for name in static-static dynamic-ue dynamic-gnb dynamic-dynamic; do
    csv=$tmp/twin/$name.csv
    same "twin-$name-labelled" "$(($(wc -l <"$csv") - 1))" \
        "$(grep -c ",simulated: willm-dataset-$name\$" "$csv")"
    # Every request ends before the last record, so that none is lost on the way.
    same "twin-$name-all-answered" "0" "$(sql "$tmp/twin/$name.sqlite" "SELECT count(*) FROM requests
        WHERE status <> 'completed' OR done_ns > (SELECT max(gnb_timestamp_ms) FROM ran_records) * 1000000")"
done
# ues.0.ask_until_s: 18.165 s less 10 s, cut to whole seconds.
same twin-stops-asking 1 "$(sql "$tmp/twin/static-static.sqlite" 'SELECT max(born_ns) < 8000000000 AND count(*) >= 1 FROM requests')"
same twin-requests "$(for name in static-static dynamic-ue dynamic-gnb dynamic-dynamic; do
    sql "$tmp/twin/$name.sqlite" 'SELECT count(*), sum(ul_sched_bytes), sum(done_ns) FROM requests'
done)" "$(sql "$tmp/twin/imported.sqlite" 'SELECT count(*), sum(ul_sched_bytes), sum(done_ns)
    FROM requests GROUP BY run_id ORDER BY run_id')"
same twin-slices-cycle '1221 1222' "$(sql "$tmp/twin/imported.sqlite" "SELECT group_concat(slice_id, ' ')
    FROM (SELECT DISTINCT slice_id FROM ran_records WHERE run_id = 4 AND slice_id NOT NULL ORDER BY 1)")"
json twin-nothing-bad '.bad_rows == 0 and .was_complete' "$tmp/twin/imported.json"

# What is drawn of them is the same, but for the heading: a CSV holds no seed.
if command -v gnuplot >/dev/null 2>&1; then
    call figures "$tmp/twin/dynamic-gnb.sqlite" --fig 6,10,17,18,19 --out "$tmp/own"
    call figures "$tmp/twin/imported.sqlite" --run 3 --fig 6,10,17,18,19 --out "$tmp/back"
    for n in 6 10 17 18 19; do
        same "twin-figure-$n" "$(sed 's/, seed 1;/;/' "$tmp/own/figure-$n.svg" | digest)" \
            "$(digest <"$tmp/back/figure-$n.svg")"
    done
else
    skip twin-figures "no gnuplot"
fi

# The 58 metrics alone: stamps and radio are then derived, and come near.
cols=$(head -1 "$tmp/twin/dynamic-ue.csv" | tr , '\n' | grep -vn '^sim_' | cut -d: -f1 | paste -sd,)
cut -d, -f"$cols" "$tmp/twin/dynamic-ue.csv" >"$tmp/58.csv"
call import willm "$tmp/58.csv" --db "$tmp/58.sqlite" --json
json twin-58-columns '.files[0].missing == [] and .contradictions == 0 and .bad_rows == 0' "$tmp/out"
call metrics "$tmp/58.sqlite" --json
jq .groups[0] "$tmp/out" >"$tmp/58.json"
call metrics "$tmp/twin/dynamic-ue.sqlite" --json
jq .groups[0] "$tmp/out" >"$tmp/exact.json"
jq -n --slurpfile d "$tmp/58.json" --slurpfile x "$tmp/exact.json" '$d[0] as $d | $x[0] as $x |
    {n: ($d.n == $x.n), uplink_pct: ($d.share_pct.uplink - $x.share_pct.uplink),
     inference_pct: ($d.share_pct.inference - $x.share_pct.inference),
     larei: ($d.larei.mean / $x.larei.mean - 1), lseq: ($d.lseq.mean / $x.lseq.mean - 1)}' >"$tmp/gap.json"
# Durations are exact, so shares are; scheduled bytes come out of the average UL throughput.
json twin-58-shares '.n and (.uplink_pct | fabs) < 0.01 and (.inference_pct | fabs) < 0.01' "$tmp/gap.json"
json twin-58-indices '(.larei | fabs) < 0.1 and (.lseq | fabs) < 0.1' "$tmp/gap.json"
[ "${TWIN_GAP:-}" = "" ] || jq -c . "$tmp/gap.json"
finish
