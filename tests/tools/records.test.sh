#!/bin/sh
# The view of all 58 metrics: what `export DB records` prints is what SQL's view says, one row per RAN
# record, from a simulated run.
. tests/tools/lib.sh

call run scenarios/smart-glasses-uplink.json --quiet --set duration_s=40 --set ues.0.count=3 \
    --set output.ran_records_ms=10 --out "$tmp/a.sqlite"
same records-run 0 "$rc"
"$willmsim" export "$tmp/a.sqlite" records --csv >"$tmp/records.csv"
"$willmsim" export "$tmp/a.sqlite" ran_records --csv >"$tmp/ran.csv"
same records-one-per-ran-record "$(wc -l <"$tmp/ran.csv")" "$(wc -l <"$tmp/records.csv")"
same records-columns 60 "$(head -n 1 "$tmp/records.csv" | tr ',' '\n' | sort -u | wc -l)"

# Columns of a CSV by their names; fields of these tables hold no commas.
columns() { # FILE NAME...
    file=$1
    shift
    awk -F, -v names="$*" '
        NR == 1 { n = split(names, want, " "); for (i = 1; i <= NF; i++) at[$i] = i }
        NR > 1 { line = ""; for (i = 1; i <= n; i++) line = line "|" $at[want[i]]; print line }' "$file"
}
ran='run_id gnb_timestamp_ms rnti ue_id cqi ul_throughput dl_bler secondary_slice_max_pct'
same records-keep-the-radio "$(columns "$tmp/ran.csv" $ran | cksum)" \
    "$(columns "$tmp/records.csv" $ran | cksum)"
joined=$(columns "$tmp/records.csv" request_id | grep -c '|.')
rows=$(($(wc -l <"$tmp/records.csv") - 1))
holds records-some-without-request test "$joined" -lt "$rows"
holds records-most-with-request test "$((joined * 2))" -gt "$rows"

if command -v sqlite3 >/dev/null; then
    whole='gnb_timestamp_ms, ue_id, request_id, output_tokens, uplink_bytes, timestamp_ms, llm_model'
    sqlite3 "$tmp/a.sqlite" "SELECT '', $whole FROM records ORDER BY gnb_timestamp_ms, rnti" \
        >"$tmp/view"
    columns "$tmp/records.csv" $(echo "$whole" | tr -d ,) >"$tmp/ours"
    holds records-equal-the-view cmp "$tmp/view" "$tmp/ours"
else
    skip records-equal-the-view 'no sqlite3'
fi

call export "$tmp/a.sqlite" record --csv
same records-misspelt 2 "$rc"
holds records-suggested grep -q "use 'records'" "$tmp/err"
call export --help
holds records-in-help grep -q '58 metrics' "$tmp/out"
finish
