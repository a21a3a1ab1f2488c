#!/bin/sh
# The verb run: the same run gives the same bytes, the summary adds up, results go where they are
# asked for, and a wrong input leaves nothing behind.
. tests/tools/lib.sh
uplink=$root/scenarios/smart-glasses-uplink.json
downlink=$root/scenarios/smart-glasses-downlink.json
requests() { "$willmsim" export "$1" requests --csv 2>&1 | digest; }
# go DB SCENARIO ARGUMENT...: a quiet run, which must work
go() {
    db=$1
    shift
    call run "$@" --out "$tmp/$db" --quiet
    [ "$rc" -eq 0 ] || not_ok "run-$db" "status $rc: $(head -c 300 "$tmp/err")"
    [ ! -s "$tmp/out" ] || not_ok "quiet-$db" "$(head -c 300 "$tmp/out")"
}
short="--set duration_s=40 --set ues.0.count=3"

# --- The same run gives the same bytes --------------------------------------------------------
go a.sqlite "$uplink" $short
go b.sqlite "$uplink" $short
first=$(requests "$tmp/a.sqlite")
rows=$("$willmsim" export "$tmp/a.sqlite" requests --csv | wc -l)
holds enough-rows [ "$rows" -gt 15 ]
same run-twice "$first" "$(requests "$tmp/b.sqlite")"
OMP_NUM_THREADS=1 && export OMP_NUM_THREADS
go b.sqlite "$uplink" $short
same one-thread "$first" "$(requests "$tmp/b.sqlite")"
OMP_NUM_THREADS=2
go b.sqlite "$uplink" $short
same two-threads "$first" "$(requests "$tmp/b.sqlite")"
unset OMP_NUM_THREADS
for table in ue_records ran_records server_records cells gpus runs; do
    one=$("$willmsim" export "$tmp/a.sqlite" $table --csv | digest)
    same "run-twice-$table" "$one" "$("$willmsim" export "$tmp/b.sqlite" $table --csv | digest)"
done
go b.sqlite "$uplink" $short --seed 7
second=$(requests "$tmp/b.sqlite")
holds seed-matters [ "$first" != "$second" ]
go c.sqlite "$uplink" $short --set seed=7
same seed-is-a-set "$second" "$(requests "$tmp/c.sqlite")"
same seed-stored 7 "$(sql "$tmp/c.sqlite" 'select seed from runs')"

# --- Skipping idle slots changes no row -------------------------------------------------------
for scenario in "$uplink" "$downlink" "$root/scenarios/slices-30-60-90.json"; do
    word=$(basename "$scenario" .json)
    for grant in 0 5; do
        set="$short --set radio.idle_grant_ms=$grant"
        go skip.sqlite "$scenario" $set
        go visit.sqlite "$scenario" $set --set engine.skip_idle_slots=false
        for table in requests ran_records cells; do
            same "skip-idle-$word-$grant-$table" \
                "$("$willmsim" export "$tmp/skip.sqlite" $table --csv | digest)" \
                "$("$willmsim" export "$tmp/visit.sqlite" $table --csv | digest)"
        done
    done
    holds "skip-idle-$word-visits-less" [ \
        "$(sql "$tmp/skip.sqlite" 'select slots_visited from runs')" -lt \
        "$(sql "$tmp/visit.sqlite" 'select slots_visited from runs')" ]
done

# --- The summary ------------------------------------------------------------------------------
for scenario in "$uplink" "$downlink"; do
    word=$(basename "$scenario" .json)
    call run "$scenario" $short --json --out "$tmp/a.sqlite"
    same "json-$word-status" 0 "$rc"
    same "json-$word-nothing-else" "" "$(cat "$tmp/err")"
    same "json-$word-one-object" 1 "$(jq -s length "$tmp/out")"
    json "json-$word-keys" 'def stat: has("mean") and has("p50") and has("p95") and has("p99")
        and has("max");
        (.scenario | type == "string") and (.seed | type == "number") and (.version != "")
        and .complete == true
        and (.engine | has("events") and has("slots_visited") and has("sim_s") and has("wall_s"))
        and (.latency_ms | (.e2e | stat) and (.uplink | stat) and (.downlink | stat)
            and (.inference | stat) and (.queue | stat) and (.transport | stat))
        and (.tokens | (.ttft_ms | stat) and (.tpot_ms | stat) and has("output_per_s"))
        and ([.radio.ul, .radio.dl] | all(has("mbps") and has("bler") and has("prb_share")
            and has("mean_mcs") and has("retx_share") and has("padding_share")))
        and (.slices | type == "array") and (.groups | all(.by == "resolution" and .n > 0))
        and (.gpus[0] | has("utilization") and has("kv_peak_bytes") and has("preemptions")
            and has("mean_batch"))
        and (.metrics | has("larei") and has("lseq") and (.definition != ""))' "$tmp/out"
    json "json-$word-shares" '.share_pct | (.uplink + .downlink + .inference - 100 | fabs) < 0.1' \
        "$tmp/out"
    json "json-$word-group-shares" '.groups | length > 0 and all(.share_pct
        | (.uplink + .downlink + .inference - 100 | fabs) < 0.1)' "$tmp/out"
    json "json-$word-sums" '.latency_ms | (.uplink.mean + .inference.mean + .downlink.mean
        - .e2e.mean | fabs) < 1e-6 * .e2e.mean' "$tmp/out"
    json "json-$word-conserves" '.requests | .arrived == .completed + .failed + .in_flight
        and .completed > 0' "$tmp/out"
    json "json-$word-ordered" '.latency_ms | all(.p50 <= .p95 and .p95 <= .p99 and .p99 <= .max)' \
        "$tmp/out"
done
call run "$uplink" $short --out "$tmp/a.sqlite"
holds table-names-the-file grep -q "$tmp/a.sqlite" "$tmp/out"
same table-alone "" "$(cat "$tmp/err")"
call metrics "$tmp/a.sqlite" --by slice --json
json metrics-json '.groups | length > 0' "$tmp/out"
call metrics "$tmp/a.sqlite" --by resolution
same metrics-table-status 0 "$rc"

# --- Where results go -------------------------------------------------------------------------
mkdir "$tmp/here" && cd "$tmp/here" || exit 1
call run "$uplink" $short --seed 5 --quiet
same default-place out/smart-glasses-uplink-5.sqlite "$(ls -d out/*)"
same default-complete 1 "$(sql out/smart-glasses-uplink-5.sqlite 'select complete from runs')"
rm -rf out
refused out-is-a-folder 2 "." run "$uplink" $short --quiet --out "$tmp/here"
refused out-folder-missing 2 "does not exist" run "$uplink" $short --out "$tmp/no/such.sqlite"
refused out-empty 2 "no path" run "$uplink" $short --out ''
echo "my notes" >notes.txt
refused out-is-something-else 2 "notes.txt" run "$uplink" $short --out notes.txt
same out-left-alone "my notes" "$(cat notes.txt)"
rm notes.txt
: >out
refused out-is-a-file 2 "out" run "$uplink" $short
same out-file-left out "$(ls -A)"
rm out

# --- Bad input leaves nothing behind ----------------------------------------------------------
printf '{"name": "x", }' >"$tmp/bad.json"
refused bad-json 2 "bad.json: 1:13" run "$tmp/bad.json"
refused bad-missing 2 "missing.json" run "$tmp/missing.json"
refused bad-set-word 2 "radio" run "$uplink" --set radio.polisy=1
refused bad-set-type 2 "duration_s" run "$uplink" --set duration_s=long
refused bad-set-form 2 "." run "$uplink" --set duration_s
refused bad-model-too-big 2 "." run "$uplink" --set servers.0.model=bloom-176b
refused bad-trace-missing 2 "none.csv" run "$root/scenarios/azure-conversation.json" \
    --set ues.0.traffic.path=none.csv
printf 'TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9,4,x\n' >"$tmp/bad.csv"
refused bad-trace-row 2 "bad.csv: .*2" run "$root/scenarios/azure-conversation.json" \
    --set "ues.0.traffic.path=$tmp/bad.csv"
same bad-leaves-nothing "" "$(ls -A)"
refused bad-with-out 2 "missing.json" run "$tmp/missing.json" --out kept.sqlite
same bad-with-out-leaves-nothing "" "$(ls -A)"
cd "$root" || exit 1
before=$(digest <"$tmp/a.sqlite")
refused bad-keeps-old-result 2 "." run "$uplink" --set servers.0.model=bloom-176b \
    --out "$tmp/a.sqlite"
same old-result-kept "$before" "$(digest <"$tmp/a.sqlite")"
refused export-no-file 2 "none.sqlite" export "$tmp/none.sqlite" requests
refused export-all-tables 2 "use one of runs, .*, slice_decisions, sweep_points, records" export "$tmp/a.sqlite" xyz
refused export-no-table 2 "no table .request.; use .requests" export "$tmp/a.sqlite" request
refused export-not-a-store 2 "bad.csv" export "$tmp/bad.csv" requests
refused metrics-no-file 2 "none.sqlite" metrics "$tmp/none.sqlite"

# --- Threads -----------------------------------------------------------------------------------
# The table says how many had a part in a world that could be divided, or why none but one had;
# the JSON does not.
for threads in 1 2; do
    OMP_NUM_THREADS=$threads "$willmsim" run scenarios/city.json --set duration_s=0.5 --out \
        "$tmp/city-$threads.sqlite" >"$tmp/city-$threads.txt" 2>&1
    OMP_NUM_THREADS=$threads "$willmsim" run scenarios/city.json --set duration_s=0.5 --json --out \
        "$tmp/city-$threads.sqlite" 2>&1 | jq 'del(.engine.wall_s)' >"$tmp/city-$threads.json"
done
holds threads-said grep -q '^threads: 2, [1-9][0-9]* windows$' "$tmp/city-2.txt"
same threads-one-is-silent 0 "$(grep -c '^threads:' "$tmp/city-1.txt")"
holds threads-same-json cmp "$tmp/city-1.json" "$tmp/city-2.json"
OMP_NUM_THREADS=2 "$willmsim" run scenarios/two-cells-one-gpu.json --set duration_s=1 \
    --out "$tmp/two.sqlite" >"$tmp/two.txt" 2>&1
holds threads-obstacle grep -q '^threads: 1 of 2 (.' "$tmp/two.txt"
finish
