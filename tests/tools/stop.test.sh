#!/bin/sh
# A run that is killed leaves a readable file that says it is incomplete; one that is asked to
# stop does so, says so, and keeps what it had.
. tests/tools/lib.sh
uplink=scenarios/smart-glasses-uplink.json
# Hours of simulated time with a RAN record per millisecond: never done before it is stopped.
long="--set duration_s=500000 --set ues.0.count=4 --set output.ran_records_ms=1"

# start DB: begins a long run and waits until rows of requests are in the file
start() {
    "$willmsim" run $uplink $long --out "$tmp/$1" >"$tmp/out" 2>"$tmp/err" &
    pid=$!
    rows=0 tries=0
    while [ "$tries" -lt 300 ]; do
        rows=$(sqlite3 -readonly "$tmp/$1" 'select count(*) from requests' 2>/dev/null) || rows=0
        [ "${rows:-0}" -gt 0 ] && return 0
        kill -0 "$pid" 2>/dev/null || return 1
        sleep 0.1
        tries=$((tries + 1))
    done
    return 1
}
# marked DB: what must hold for a file of a run that did not end
marked() {
    same "$1-integrity" ok "$(sqlite3 "$tmp/$1" 'pragma integrity_check' 2>&1)"
    same "$1-complete-is-0" 0 "$(sql "$tmp/$1" 'select complete from runs')"
    holds "$1-has-rows" [ "$(sql "$tmp/$1" 'select count(*) from requests')" -gt 0 ]
    call export "$tmp/$1" requests --csv
    same "$1-export-status" 0 "$rc"
    holds "$1-export-says-so" grep -q "^willmsim: .*incomplete" "$tmp/err"
    holds "$1-export-has-rows" [ "$(wc -l <"$tmp/out")" -gt 1 ]
    call metrics "$tmp/$1" --json
    same "$1-metrics-status" 0 "$rc"
    holds "$1-metrics-says-so" grep -q "^willmsim: .*incomplete" "$tmp/err"
    json "$1-metrics-json" 'type == "object"' "$tmp/out"
}

if start killed.sqlite; then
    kill -9 "$pid"
    wait "$pid" 2>/dev/null
    same killed-status 137 $?
    marked killed.sqlite
else
    not_ok killed-start "$(cat "$tmp/err")"
fi

if start stopped.sqlite; then
    kill -TERM "$pid"
    wait "$pid"
    same stopped-status 1 $?
    same stopped-one-line 1 "$(wc -l <"$tmp/err")"
    holds stopped-line grep -q '^willmsim: .*stopped by a signal.*incomplete' "$tmp/err"
    marked stopped.sqlite
    holds stopped-counts [ "$(sql "$tmp/stopped.sqlite" 'select arrived - completed - failed -
        in_flight from runs')" -eq 0 ]
else
    not_ok stopped-start "$(cat "$tmp/err")"
fi
finish
