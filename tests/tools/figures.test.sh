#!/bin/sh
# willmsim figures: every figure from a small store, with the labels, counts and published bands that
# belong to it; the same bytes twice; what a store lacks; names that are no good for a script; the
# report; wrong calls. Which points a series is reduced to is pinned in tests/datasets/thin.c.
. tests/tools/lib.sh

call list figures --json
json figures-list '(.figures | length) == 18 and (.figures | map(.word) | index("19") != null) and
    (.figures | all(.doc | contains("needs")))' "$tmp/out"

command -v gnuplot >/dev/null 2>&1 || {
    skip figures "gnuplot is not installed"
    finish
    exit
}

simulate() { # NAME SCENARIO SECONDS [--set ...]
    name=$1 scenario=$2 seconds=$3
    shift 3
    call run "scenarios/$scenario.json" --set duration_s="$seconds" "$@" --out "$tmp/$name.sqlite" \
        --quiet
    [ "$rc" -eq 0 ] || not_ok "figures-run-$name" "$(cat "$tmp/err")"
}
simulate slices slices-30-60-90 100
simulate uplink smart-glasses-uplink 150
simulate downlink smart-glasses-downlink 150
simulate normal fig19-normal 20

# --- Every figure ------------------------------------------------------------------------------
call figures "$tmp/slices.sqlite" --out "$tmp/a" --fig 8,9,10,17,18,19,20,21 --json
same figures-status 0 "$rc"
json figures-json '(.figures | map(.figure)) == ["8", "9", "10", "17", "18", "19", "20", "21"] and
    .origin == "simulated" and .missing == [] and .report == null' "$tmp/out"
cp "$tmp/out" "$tmp/slices.json"
for figure in 8 9 10 17 18 19 20 21; do
    file=$tmp/a/figure-$figure.svg
    if grep -q "Figure $figure\." "$file" &&
        grep -q 'simulated: slices-30-60-90, seed 1' "$file" && tail -c 10 "$file" | grep -q '</svg>'; then
        ok "figures-$figure"
    else
        not_ok "figures-$figure" "$(head -c 200 "$file")"
    fi
done
for slice in 1221 1222 1223; do
    n=$(sql "$tmp/slices.sqlite" \
        "SELECT count(*) FROM requests WHERE slice_id = '$slice' AND status = 'completed'")
    holds "figures-8-n-$slice" grep -q ">n=$n<" "$tmp/a/figure-8.svg"
    n=$(sql "$tmp/slices.sqlite" "SELECT count(*) FROM ran_records WHERE slice_id = '$slice'")
    holds "figures-9-n-$slice" grep -q "$slice: n = $n," "$tmp/a/figure-9.svg"
done
holds figures-8-band grep -q 'uplink 28.9-54.7, inference 43.1-59.6 %' "$tmp/a/figure-8.svg"
# The bands are there, not only their words: uplink's and inference's colour at 0.22.
same figures-8-bands 2 "$(grep -c "fill-opacity *= *['\"]0.22" "$tmp/a/figure-8.svg")"
holds figures-9-units grep -q '>PRB<' "$tmp/a/figure-9.svg"
holds figures-10-threshold grep -q 'basic data: 233 bytes or less' "$tmp/a/figure-10.svg"
holds figures-17-units grep -q 'PUSCH SNR, 0.1 dB' "$tmp/a/figure-17.svg"
holds figures-17-band grep -q 'published: mean 150.76, std 21.61' "$tmp/a/figure-17.svg"
holds figures-18-band grep -q 'published: mean 59.41, std 2.41' "$tmp/a/figure-18.svg"
holds figures-19-band grep -q 'published: mean 275.07, std 104.39' "$tmp/a/figure-19.svg"
holds figures-20-units grep -q 'uplink bytes scheduled for the request, kB' "$tmp/a/figure-20.svg"
holds figures-21-units grep -q 'mean UL BLER, %' "$tmp/a/figure-21.svg"
# What a caption says is what the table says.
mean=$(sql "$tmp/slices.sqlite" "SELECT printf('%.5g', avg(ul_throughput)) FROM ran_records")
json figures-19-mean ".figures[] | select(.figure == \"19\") | .caption | contains(\"mean $mean,\")" \
    "$tmp/slices.json"
share=$(sql "$tmp/slices.sqlite" "SELECT printf('%.1f', min(share)) FROM (SELECT
    100.0 * sum(server_in_ns - born_ns) / sum(done_ns - born_ns) share FROM requests
    WHERE status = 'completed' GROUP BY slice_id)")
json figures-8-share ".figures[] | select(.figure == \"8\") | .caption |
    contains(\"uplink $share to \")" "$tmp/slices.json"

call figures "$tmp/uplink.sqlite" --fig 6 --out "$tmp/up"
same figures-6-status 0 "$rc"
holds figures-6-title grep -q 'Figure 6. Uplink scenario' "$tmp/up/figure-6.svg"
holds figures-6-size grep -q '>640x480<' "$tmp/up/figure-6.svg"
holds figures-6-band grep -q 'uplink 11-25, inference 74-87' "$tmp/up/figure-6.svg"
same figures-6-path "$tmp/up/figure-6.svg" "$(cat "$tmp/out")"
call figures "$tmp/downlink.sqlite" --fig 7 --out "$tmp/down"
holds figures-7-title grep -q 'Figure 7. Downlink scenario' "$tmp/down/figure-7.svg"
holds figures-7-size grep -q '>1280x720<' "$tmp/down/figure-7.svg"
holds figures-7-band grep -q 'inference 12-17, downlink 81-86 %' "$tmp/down/figure-7.svg"

# Figure 13 of a phone that learns: means and variances are those of the table, the caption names
# the slice that most of the last third went to; a run without a learner has none.
simulate learns smart-glasses-ucb 600
call figures "$tmp/learns.sqlite" --fig 13 --out "$tmp/learn" --json
same figures-13-status 0 "$rc"
first=$(sql "$tmp/learns.sqlite" "SELECT printf('%.4g', avg(s)) FROM
    (SELECT (done_ns - born_ns) / 1e9 AS s FROM requests WHERE status = 'completed'
     ORDER BY born_ns LIMIT (SELECT count(*) / 3 FROM requests WHERE status = 'completed'))")
json figures-13-mean ".figures[0].caption | contains(\"mean $first, \")" "$tmp/out"
json figures-13-arm '.figures[0].caption | contains("In the last third f5 has ")' "$tmp/out"
n=$(sql "$tmp/learns.sqlite" "SELECT count(*) FROM requests WHERE slice_id = 'f5' AND status = 'completed'")
holds figures-13-pulls grep -q ">n=$n<" "$tmp/learn/figure-13.svg"
refused figures-13-lacks 1 'slice_choice; this file has 0' figures "$tmp/slices.sqlite" --fig 13 \
    --out "$tmp/learn"

# A run without slices beside one with them.
call figures "$tmp/slices.sqlite" --normal "$tmp/normal.sqlite" --fig 19 --out "$tmp/both"
holds figures-normal grep -q 'normal is simulated: fig19-normal, seed 1' "$tmp/both/figure-19.svg"
holds figures-normal-panel grep -q '>normal: n = 10 000, mean' "$tmp/both/figure-19.svg"

# --- The same bytes ----------------------------------------------------------------------------
call figures "$tmp/slices.sqlite" --out "$tmp/b" --report
call figures "$tmp/slices.sqlite" --out "$tmp/c" --report
same figures-same-bytes 0 "$(diff -r "$tmp/b" "$tmp/c" | wc -l)"
same figures-no-leftovers 0 "$(find "$tmp/b" -name '*.part' -o -name '.fig*' | wc -l)"
for format in png pdf; do
    call figures "$tmp/slices.sqlite" --out "$tmp/d" --fig 8 --format $format
    case $(head -c 4 "$tmp/d/figure-8.$format" | tr -dc 'A-Z') in
    PNG | PDF) ok "figures-$format" ;;
    *) not_ok "figures-$format" "$(head -c 20 "$tmp/d/figure-8.$format")" ;;
    esac
done

# --- The report --------------------------------------------------------------------------------
page=$tmp/b/report.html
holds figures-report-heading grep -q '<h1>simulated: slices-30-60-90, seed 1</h1>' "$page"
same figures-report-svgs 9 "$(grep -c '<svg role="img" aria-label="' "$page")"
holds figures-report-viewport grep -q 'name="viewport"' "$page"
holds figures-report-verdicts grep -q '<td class="misses">misses by' "$page"
holds figures-report-scenario grep -q '&quot;slice_cycle_s&quot;' "$page"
holds figures-report-lacks grep -q '<li>Figure 7 needs' "$page"
same figures-report-ids '' "$(grep -o " id=[\"'][^\"']*" "$page" | tr -d "\"'" | sort | uniq -d)"
same figures-report-alone 0 "$(grep -Ec "(src|href)=[\"'](http|/|\.)|<script|@import" "$page")"

# --- Measured rows -----------------------------------------------------------------------------
cp "$tmp/slices.sqlite" "$tmp/measured.sqlite"
sqlite3 "$tmp/measured.sqlite" "UPDATE runs SET version = 'import 0.1.0', scenario = 'testbed'"
call figures "$tmp/measured.sqlite" --fig 8 --out "$tmp/m"
holds figures-measured grep -q '>measured: testbed; ' "$tmp/m/figure-8.svg"
sqlite3 "$tmp/measured.sqlite" "UPDATE runs SET version = '0.1.0', scenario = 'measured: x.csv'"
call figures "$tmp/measured.sqlite" --fig 8 --out "$tmp/m"
holds figures-measured-label grep -q '>measured: x.csv; ' "$tmp/m/figure-8.svg"
sqlite3 "$tmp/measured.sqlite" "UPDATE runs SET scenario = 'simulated: a twin'"
call figures "$tmp/measured.sqlite" --fig 8 --out "$tmp/m"
holds figures-simulated-label grep -q '>simulated: a twin; ' "$tmp/m/figure-8.svg"

sqlite3 "$tmp/measured.sqlite" "UPDATE ran_records SET slice_id = NULL"
call figures "$tmp/measured.sqlite" --fig 9 --out "$tmp/m"
holds figures-slice-by-limit grep -q '>max 30 %: n = ' "$tmp/m/figure-9.svg"

# Numbers that no run has: no time at all, stamps 2^63 apart, records at the ends of time.
cp "$tmp/slices.sqlite" "$tmp/odd.sqlite"
sqlite3 "$tmp/odd.sqlite" "UPDATE requests SET done_ns = born_ns, server_in_ns = born_ns,
    last_token_ns = born_ns, uplink_bytes = 5;
    UPDATE ran_records SET ul_throughput = 1e300, gnb_timestamp_ms = gnb_timestamp_ms * 1e10
    WHERE rowid % 7 = 0; UPDATE ran_records SET ph_db = -9e18, ul_throughput = 9e999 WHERE rowid % 5 = 0"
call figures "$tmp/odd.sqlite" --out "$tmp/odd" --report
same figures-odd "0 7" "$rc $(find "$tmp/odd" -name '*.svg' | wc -l)"
sqlite3 "$tmp/odd.sqlite" "UPDATE requests SET done_ns = 9223372036854775807, born_ns = -5 WHERE rowid < 30;
    UPDATE requests SET born_ns = 9223372036854775807 WHERE rowid = 4;
    UPDATE ran_records SET gnb_timestamp_ms = 9223372036854775807 - rowid"
call figures "$tmp/odd.sqlite" --fig 8,20,21 --out "$tmp/odd"
same figures-odd-stamps 0 "$rc"

# --- What a store lacks ------------------------------------------------------------------------
refused figures-lacks 1 'figure 8: needs completed requests with a slice; the file has none' \
    figures "$tmp/normal.sqlite" --fig 8 --out "$tmp/e"
call figures "$tmp/normal.sqlite" --fig 8,19 --out "$tmp/e"
same figures-lacks-one "1 $tmp/e/figure-19.svg" "$rc $(cat "$tmp/out")"
same figures-lacks-none 1 "$(find "$tmp/e" -type f | wc -l)"
sqlite3 "$tmp/measured.sqlite" "DELETE FROM ran_records; DELETE FROM requests"
call figures "$tmp/measured.sqlite" --out "$tmp/f" --report
same figures-empty 1 "$rc"
same figures-empty-nothing 0 "$(find "$tmp/f" -type f | wc -l)"

# --- Names that are no good for a script -------------------------------------------------------
cp "$tmp/slices.sqlite" "$tmp/names.sqlite"
sqlite3 "$tmp/names.sqlite" "UPDATE requests SET slice_id = 'a\"b''\`touch $tmp/owned\`@x <b>\$(id)'
    WHERE slice_id = '1221'; UPDATE ran_records SET slice_id = 'a\"b''\`touch $tmp/owned\`' || char(10)
    || '; system \"touch $tmp/owned\"' WHERE slice_id = '1221';
    UPDATE runs SET scenario = '\`touch $tmp/owned\`</title><script>', scenario_text = '</pre><i>'"
call figures "$tmp/names.sqlite" --out "$tmp/g's \$x" --report
same figures-names-status 0 "$rc"
same figures-names-owned 0 "$(find "$tmp" -name owned | wc -l)"
same figures-names-drawn 9 "$(find "$tmp/g's \$x" -name '*.svg' | wc -l)"
same figures-names-report 0 "$(grep -c '<script>\|</pre><i>' "$tmp/g's \$x/report.html")"
# Bytes that are no UTF-8, and a name that is cut within a letter.
sqlite3 "$tmp/names.sqlite" "UPDATE runs SET scenario = 'a' || replace(hex(zeroblob(60)), '00', 'ä');
    UPDATE requests SET slice_id = CAST(x'61ff62' AS TEXT) WHERE slice_id = '1222'"
call figures "$tmp/names.sqlite" --fig 8 --out "$tmp/u" --report
if iconv -f utf-8 -t utf-8 "$tmp/u/figure-8.svg" "$tmp/u/report.html" >/dev/null 2>&1; then
    ok figures-utf8
else
    not_ok figures-utf8
fi
holds figures-utf8-replaced grep -q 'a?b' "$tmp/u/figure-8.svg"
holds figures-names-label grep -q '@x &lt;b' "$tmp/g's \$x/figure-8.svg"

# --- Wrong calls -------------------------------------------------------------------------------
refused figures-no-file 2 'cannot be read' figures "$tmp/nothing.sqlite" --out "$tmp/h"
echo '{}' >"$tmp/text.sqlite"
refused figures-no-store 2 'not a store' figures "$tmp/text.sqlite" --out "$tmp/h"
refused figures-no-out 2 '\-\-out is missing' figures "$tmp/slices.sqlite"
refused figures-no-db 2 'one result file' figures --out "$tmp/h"
refused figures-word 2 "unknown --fig '11'" figures "$tmp/slices.sqlite" --fig 11 --out "$tmp/h"
refused figures-list-empty 2 'a number is missing' figures "$tmp/slices.sqlite" --fig 8,,9 --out "$tmp/h"
refused figures-format 2 "unknown --format 'gif'" figures "$tmp/slices.sqlite" --format gif --out "$tmp/h"
refused figures-run 2 'no run 7' figures "$tmp/slices.sqlite" --run 7 --out "$tmp/h"
refused figures-out-file 2 'there is a file' figures "$tmp/slices.sqlite" --out "$tmp/text.sqlite"
refused figures-out-deep 2 'cannot be made' figures "$tmp/slices.sqlite" --out "$tmp/no/such/h"
same figures-nothing-made 0 "$(find "$tmp/h" 2>/dev/null | wc -l)"
mkdir "$tmp/empty"
path=$PATH
PATH=$tmp/empty
"$willmsim" figures "$tmp/slices.sqlite" --out "$tmp/h" >"$tmp/out" 2>"$tmp/err"
rc=$?
PATH=$path
same figures-no-gnuplot 1 "$rc"
holds figures-no-gnuplot-says grep -q '^willmsim: gnuplot: cannot be run.*gnuplot-nox' "$tmp/err"
finish
