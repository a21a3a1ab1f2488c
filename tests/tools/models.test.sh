#!/bin/sh
# Several models on one GPU, through the program: what it counts, what a request's row says of
# loading, and what it refuses.
. tests/tools/lib.sh
scenario=scenarios/two-models-one-gpu.json
call run $scenario --json --out "$tmp/both.sqlite"
same models-status 0 "$rc"
json models-fit-beside-each-other '.requests.arrived == .requests.completed and (.gpus | length) == 1
    and (.gpus[0] | .model == "llama3.2,llava" and .memory_peak_bytes <= .memory_bytes
         and (.models | length) == 2 and all(.models[]; .cold_loads == 1 and .warm_loads == 0
              and .evictions == 0 and .expiries == 0))' "$tmp/out"
# The first request of each waits for the disk (4.72 and 1.95 GB at 2.5 GB/s); nobody else does.
same models-cold-starts '779 1889' "$(sql "$tmp/both.sqlite" "select printf('%.0f', max(cold_start_time_ms))
    from server_records join requests using (run_id, request_id) group by llm_model order by llm_model" |
    tr '\n' ' ' | sed 's/ $//')"
same models-warm-starts 0 "$(sql "$tmp/both.sqlite" \
    'select count(*) from server_records where warm_start_time_ms > 0')"

call run $scenario --json --set servers.0.memory_utilization=0.3 --out "$tmp/turns.sqlite"
json models-take-turns-in-memory '.requests.arrived == .requests.completed
    and (.gpus[0] | .memory_peak_bytes <= .memory_bytes and all(.models[]; .cold_loads == 1
         and .warm_loads > 50 and .evictions > 50 and .evictions <= .cold_loads + .warm_loads))' "$tmp/out"
same models-vram-holds 0 "$(sql "$tmp/turns.sqlite" "select count(*) from server_records
    where vram_usage_mib * 1048576 > (select max(memory_bytes) from gpus)")"
# Longer inference, because of the loads that requests wait for.
holds models-turns-cost-time awk "BEGIN { exit !($(jq .latency_ms.inference.mean "$tmp/out") > 1.2 * \
    $("$willmsim" metrics "$tmp/both.sqlite" --json | jq .latency_ms.inference.mean)) }"
call run $scenario --quiet --set servers.0.models.keep_alive_s=0 --out "$tmp/zero.sqlite"
holds models-keep-alive-zero test "$(sql "$tmp/zero.sqlite" 'select min(expiries) from gpus')" -gt 50

refused models-too-large 2 'servers\[0\].models\[0\]: .*use a smaller kv_tokens or quant' \
    run $scenario --set servers.0.memory_utilization=0.2 --out "$tmp/no.sqlite"
refused models-unknown 2 'ues\[0\].model: .*did you mean "llava"' \
    run $scenario --set ues.0.model=lava --out "$tmp/no.sqlite"
refused models-no-pictures 2 'ues\[0\].traffic.mode: model "llama3.2" .*takes no pictures' \
    run $scenario --set ues.0.model=llama3.2 --out "$tmp/no.sqlite"
holds models-nothing-left-behind test ! -e "$tmp/no.sqlite"
finish
