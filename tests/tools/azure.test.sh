#!/bin/sh
# A real serving trace goes through the whole server chain and every request is accounted for.
. tests/tools/lib.sh
if [ ! -e "$data/traces/azure2023_conv.csv" ]; then
    skip azure-conversation "no data"
    finish
    exit
fi
call run scenarios/azure-conversation.json --json --out "$tmp/azure.sqlite"
same azure-status 0 "$rc"
json azure-arrived '.requests.arrived == 19366' "$tmp/out"
json azure-conserves '.requests | .completed + .failed + .in_flight == 19366' "$tmp/out"
json azure-mostly-done '.requests.completed > 19000' "$tmp/out"
json azure-latencies '.tokens.ttft_ms.mean > 0 and .latency_ms.e2e.mean > 0' "$tmp/out"
same azure-rows 19366 "$(sql "$tmp/azure.sqlite" 'select count(*) from requests')"
# The tokens that were asked for are the tokens that were made (facts of the trace).
expected=$(awk -F, 'NR > 1 { i += $2; o += $3 } END { printf "%d|%d", i, o }' \
    "$data/traces/azure2023_conv.csv")
same azure-tokens "$expected" \
    "$(sql "$tmp/azure.sqlite" 'select sum(input_tokens), sum(output_tokens) from requests')"
finish
