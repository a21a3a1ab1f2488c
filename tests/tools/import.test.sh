#!/bin/sh
# willmsim import: what it makes of good files, of the testbed's own and of damaged ones, and that a
# killed import can go on. What is made of a row is pinned in tests/datasets/import*.c.
. tests/tools/lib.sh

header='Timestamp,Total Comm Time,Tx Image Resolution,LLM Model,Uplink Time,Downlink Time,Uplink Bytes,Server Processing Time,Output Tokens,Response Text,gNB Timestamp,RNTI,UID,UL_THR,ul_BLER,ulsch_current_bytes,ulsch_current_rbs'
# rows FROM TO: RAN instants of two UEs, 100 ms apart, with a request of 1 s each 5 s. (awk without
# interval expressions or bit tricks: mawk is all that a fresh Debian has.)
rows() {
    awk -v from="$1" -v to="$2" 'BEGIN { for (i = from; i <= to; i++) for (u = 0; u < 2; u++) {
        k = int((i * 100 - 1000 - 50 * u) / 5000); has = i * 100 >= 1000 + 50 * u;
        if (has) printf "%.0f,1000,%s,llava,%g,10,%d,%g,100,\"words, \"\"%d\"\"\"", 1740700000000 + k * 5000 + 50 * u,
            u ? "640x480" : "320x240", 200 + u, 100000 + k, 790 - u, k; else printf ",,,,,,,,,";
        printf ",%.0f,%s,%d,%.17g,%g,%d,%d\n", 1740700000000 + i * 100, u ? "46a1" : "1001", u, 50 + i / 7, 0.1, 233, 10 } }'
}
{ echo "$header"; rows 0 200; } >"$tmp/good.csv" # 402 rows, 8 requests

call import willm "$tmp/good.csv" --db "$tmp/good.sqlite" --json
same good-status 0 "$rc"
json good-report '.rows == 402 and .requests == 8 and .bad_rows == 0 and .contradictions == 0 and
    (.files[0].mapped | length) == 17 and (.files[0].missing | length) == 41' "$tmp/out"
same good-run 'measured: good.csv|1' "$(sql "$tmp/good.sqlite" 'SELECT scenario, complete FROM runs')"
same good-request '1|640x480|R6|1740700000050000000|201000000|789000000|10000000|7241732096.0|0.1|words, "0"' \
    "$(sql "$tmp/good.sqlite" 'SELECT r.ue_id, tx_image, resolution, born_ns, server_in_ns - born_ns,
        last_token_ns - server_in_ns, done_ns - last_token_ns, llm_parameters, ul_bler, response_text
        FROM requests r JOIN server_records USING (run_id, request_id) WHERE r.ue_id = 1 ORDER BY born_ns LIMIT 1')"
call metrics "$tmp/good.sqlite" --by resolution --json
json good-metrics '[.groups[] | .key, .n] == ["R1", 4, "R6", 4] and
    (.groups[0].share_pct | .uplink == 20 and .inference == 79 and .downlink == 1)' "$tmp/out"

# --- A second time, other options ---------------------------------------------------------------
refused again 2 'is in it already, as run 1' import willm "$tmp/good.csv" --db "$tmp/good.sqlite"
call import willm "$tmp/good.csv" --db "$tmp/good.sqlite" --resume --json
json again-resume '.was_complete and .runs == 0' "$tmp/out"
cp "$tmp/good.csv" "$tmp/other.csv"
call import willm "$tmp/other.csv" --db "$tmp/good.sqlite" --quiet
same another-is-added '2|804' "$(sql "$tmp/good.sqlite" 'SELECT max(run_id), count(*) FROM ran_records')"
refused no-db 2 'add --db' import willm "$tmp/good.csv"
refused no-kind 2 "did you mean 'willm'" import wilm "$tmp/good.csv" --db "$tmp/x.sqlite"
refused no-file 2 'cannot be read' import willm "$tmp/none.csv" --db "$tmp/x.sqlite"
refused not-a-store 2 'is not a store' import willm "$tmp/good.csv" --db "$tmp/good.csv"
same nothing-made no "$([ -e "$tmp/x.sqlite" ] && echo yes || echo no)"

# --- Headers ------------------------------------------------------------------------------------
sed '1s/UL_THR/my throughput/' "$tmp/good.csv" >"$tmp/mine.csv"
call import willm "$tmp/mine.csv" --db "$tmp/mine.sqlite"
holds unknown-header-told grep -q 'skipped: my throughput' "$tmp/out"
echo '{"my throughput": "ul_throughput", "Output Tokens": null}' >"$tmp/map.json"
call import willm "$tmp/mine.csv" --db "$tmp/map.sqlite" --map "$tmp/map.json" --json
json mapped '.files[0].mapped["my throughput"] == "ul_throughput" and
    (.files[0].skipped | has("Output Tokens"))' "$tmp/out"
same mapped-values "$(sql "$tmp/good.sqlite" 'SELECT sum(ul_throughput) FROM ran_records WHERE run_id = 1')|" \
    "$(sql "$tmp/map.sqlite" 'SELECT sum(ul_throughput), (SELECT max(output_tokens) FROM requests) FROM ran_records')"
echo '{"my throughput": "ul_thruput"}' >"$tmp/map.json"
refused map-wrong-column 2 "did you mean 'ul_throughput'" import willm "$tmp/mine.csv" --db "$tmp/x.sqlite" --map "$tmp/map.json"
echo '{"your throughput": "ul_throughput"}' >"$tmp/map.json"
refused map-no-header 2 'no column "your throughput"' import willm "$tmp/mine.csv" --db "$tmp/x.sqlite" --map "$tmp/map.json"
# Percent, told by the header or by the values; both become fractions.
sed '1s/ul_BLER/UL BLER (%)/' "$tmp/good.csv" >"$tmp/pct.csv"
call import willm "$tmp/pct.csv" --db "$tmp/pct.sqlite" --quiet
same percent-by-header '0.001|0.001' "$(sql "$tmp/pct.sqlite" 'SELECT max(ul_bler), (SELECT max(ul_bler) FROM requests) FROM ran_records')"
sed '300s/,0.1,233,10/,12.5,233,10/' "$tmp/good.csv" >"$tmp/late.csv"
call import willm "$tmp/late.csv" --db "$tmp/late.sqlite" --quiet
same percent-by-value '0.125|0.001' "$(sql "$tmp/late.sqlite" 'SELECT max(ul_bler), min(ul_bler) FROM ran_records')"

# --- kill -9 and --resume -----------------------------------------------------------------------
# Repeated under many different times, so that the file takes a while.
awk -v n=120 'BEGIN { FS = OFS = "," } NR == 1 { print; next } { row[NR] = $0 }
    END { for (k = 0; k < n; k++) for (i = 2; i <= NR; i++) { line = row[i]
        while (match(line, /17407[0-9]+/)) { printf "%s%.0f", substr(line, 1, RSTART - 1),
            substr(line, RSTART, RLENGTH) + k * 25000; line = substr(line, RSTART + RLENGTH) }
        print line } }' "$tmp/good.csv" >"$tmp/long.csv"
call import willm "$tmp/long.csv" --db "$tmp/whole.sqlite" --json
json long-report '.rows == 48240 and .requests == 960' "$tmp/out"
sums() {
    for t in requests ue_records ran_records server_records; do
        call export "$1" $t --csv
        echo "$t $(wc -l <"$tmp/out") $(digest <"$tmp/out")"
    done
}
sums "$tmp/whole.sqlite" >"$tmp/whole.sums"
# Killed when the file has grown to so many bytes: SIGXFSZ, which nobody catches, is as good as -9.
resumed=0
for blocks in 200 4000 7000 8000; do
    rm -f "$tmp"/cut.sqlite*
    sh -c 'ulimit -c 0; ulimit -f "$1"; "$2" import willm "$3/long.csv" --db "$3/cut.sqlite" --quiet; :' \
        sh "$blocks" "$willmsim" "$tmp" >/dev/null 2>&1
    same "cut-at-$blocks-says-so" 0 "$(sql "$tmp/cut.sqlite" 'SELECT count(*) FROM runs WHERE complete = 1' | grep -c '^1')"
    call import willm "$tmp/long.csv" --db "$tmp/cut.sqlite" --resume --json
    resumed=$((resumed + $(jq 'if .kept > 0 then 1 else 0 end' "$tmp/out")))
    sums "$tmp/cut.sqlite" >"$tmp/cut.sums"
    same "cut-at-$blocks" "$(cat "$tmp/whole.sums")" "$(cat "$tmp/cut.sums")"
done
holds cut-in-the-middle [ "$resumed" -ge 1 ]
# By the clock too, whatever it hits.
for delay in 0.02 0.06 0.12; do
    rm -f "$tmp"/cut.sqlite*
    "$willmsim" import willm "$tmp/long.csv" --db "$tmp/cut.sqlite" --quiet 2>/dev/null &
    pid=$!
    sleep $delay
    kill -9 $pid 2>/dev/null
    wait $pid 2>/dev/null
    call import willm "$tmp/long.csv" --db "$tmp/cut.sqlite" --resume --quiet
    sums "$tmp/cut.sqlite" >"$tmp/cut.sums"
    same "killed-after-$delay" "$(cat "$tmp/whole.sums")" "$(cat "$tmp/cut.sums")"
done
finish
