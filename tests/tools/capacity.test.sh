#!/bin/sh
# willmsim capacity: the answer is an exhaustive sweep's, the cheapest configuration is named, and a
# wrong objective is told how to be right.
. tests/tools/lib.sh
scenario=scenarios/smart-glasses-uplink.json
base="$scenario --set duration_s=60 --reps 3"

# Every value of the range, judged here: t(0.95; 2) = 2.919985580355516.
call sweep $base --vary ues.count=1:14 --json --out "$tmp/all.sqlite"
exhaustive=$(sql "$tmp/all.sqlite" "select p.point, avg(q.completed) from sweep_points p, runs q
    where p.run_id = q.run_id group by p.point" | wc -l)
same exhaustive-has-all 14 "$exhaustive"
judged() { # LIMIT: the last value before the first whose one-sided bound is above it
    jq -r --argjson limit "$1" '[.points[] | .metrics["e2e.p95"]
        | .mean + .half * 2.919985580355516 / 4.302652729911275 <= $limit]
        | (index(false) // length)' "$tmp/all.json"
}
cp "$tmp/out" "$tmp/all.json"
for limit in 2400 3000; do
    call capacity $base --vary ues.count=1:14 --slo "p95 e2e <= $limit ms" --json
    same "capacity-status-$limit" 0 "$rc"
    same "as-exhaustive-$limit" "$(judged $limit)" "$(jq .value "$tmp/out")"
    json "fewer-values-than-all-$limit" '.configurations[0].probes | length < 14' "$tmp/out"
    json "next-value-fails-$limit" '.value as $v | .configurations[0].probes[]
        | select(.value == $v + 1) | .meets == false' "$tmp/out"
done
holds range-holds-the-answer [ "$(judged 3000)" -gt "$(judged 2400)" ]
json breaks-says-what '.configurations[0].breaks | .objective == "p95 e2e <= 3000 ms"
    and (.stage | IN("uplink", "queue", "compute", "downlink"))' "$tmp/out"
# The stage is one that the objective is about, though another may have grown by more.
call capacity scenarios/slices-30-60-90.json --set duration_s=30 --reps 1 --vary ues.count=1:12 \
    --slo 'p95 uplink <= 300 ms' --json
json breaks-its-own-stage '.configurations[0] | .breaks.stage == "uplink" and
    (.probes | map(.stages_ms)) as $s | $s[-1].compute - $s[0].compute > 100' "$tmp/out"
call capacity $base --vary ues.count=1:14 --slo 'p95 e2e <= 3000 ms' --json
cp "$tmp/out" "$tmp/first.json"
call capacity $base --vary ues.count=1:14 --slo 'p95 e2e <= 3 s' --json --jobs 2
same threads-do-not-matter "$(jq '.configurations[0].probes' "$tmp/first.json" | digest)" \
    "$(jq '.configurations[0].probes' "$tmp/out" | digest)"

# Configurations in words: the cheapest that meets, by the profiles' prices and by others.
words="--vary servers.0.gpu=l4,rtx4090,h100-sxm"
call capacity $base $words --slo 'p95 e2e <= 2.5 s' --json
same words-status 0 "$rc"
json l4-too-slow '.configurations[0].meets == false and .configurations[0].breaks.stage == "compute"' "$tmp/out"
json cheapest '.cheapest.values["servers.0.gpu"] == "rtx4090" and .value == null' "$tmp/out"
call capacity $base $words --slo 'p95 e2e <= 2.5 s' --cost rtx4090=9 --json
json own-price '.cheapest.values["servers.0.gpu"] == "h100-sxm" and .cheapest.usd_per_hour == 2.69' "$tmp/out"
# A model that does not fit is a finding; a range beside words is searched for each.
call capacity $base --vary servers.0.model=llama-2-70b,llava --vary servers.0.engine=ollama \
    --vary ues.count=1:4 --slo 'p95 e2e <= 60 s' --checks 0 --json
json does-not-fit '.configurations[0].cannot_be_built != null and .configurations[1].value == 4
    and .value == 4' "$tmp/out"
call capacity $base --vary servers.0.gpu=rtx4090,h100-sxm --vary ues.count=1:2 --slo 'p95 e2e <= 60 s' \
    --checks 0
holds range-too-short grep -q '^note: 2 of these meet all of the range' "$tmp/out"
# The smallest that meets, where more is better: the slowest link.
call capacity $base --vary transport.rate_mbps=1:64 --smallest --slo 'mean uplink <= 200 ms' --json
json smallest '.value > 1 and .value < 64 and (.value as $v | .configurations[0].probes
    | all(.meets == (.value >= $v)))' "$tmp/out"

call capacity $base --vary ues.count=1:4 --slo 'p95 e2e <= 100 ms'
same nothing-meets-status 1 "$rc"
holds nothing-meets-line grep -q '^willmsim: .*nothing meets the objectives' "$tmp/err"
holds nothing-meets-table grep -q 'not even ues.count = 1' "$tmp/out"

# In one of four seeds nothing completes: that breaks it, though the others are within the limit.
cat >"$tmp/rare.json" <<'EOF'
{"name": "rare", "duration_s": 4, "servers": [{"id": "g", "gpu": "h100-sxm", "model": "llama-3.2-1b"}],
 "ues": [{"id": "u", "server": "g", "traffic": {"kind": "poisson", "rate_hz": 0.25,
   "input_tokens": {"dist": "constant", "value": 10}, "output_tokens": {"dist": "constant", "value": 2}}}]}
EOF
call capacity "$tmp/rare.json" --vary ues.count=1:2 --slo 'p95 e2e <= 9 s' --reps 4 --json
json nothing-in-one-seed '.configurations[0] | .meets == false and .breaks.objective == "p95 e2e <= 9 s"
    and .probes[0].objectives[0].bound < 9000' "$tmp/out"

slo() { # NAME PATTERN OBJECTIVE
    refused "slo-$1" 2 "$2" capacity $scenario --vary ues.count=1:2 --slo "$3"
}
slo quantity "did you mean 'uplink'" 'p95 upink <= 2 s'
slo statistic "did you mean 'p90'" 'p96 e2e <= 2 s'
slo no-statistic "which statistic" 'e2e <= 2 s'
slo unit 'write ms or s' 'p95 e2e <= 2'
slo comparison 'needs <= or >=' 'p95 e2e < 2 s'
slo backwards 'write <=' 'p95 e2e >= 2 s'
slo number 'no number' 'completed >= many'
slo other-unit "unit of completed is '%'" 'completed >= 99 s'
slo word 'unknown metric' 'complete >= 99 %'
refused no-slo 2 'no objective' capacity $scenario --vary ues.count=1:2
refused two-ranges 2 'two ranges' capacity $scenario --vary ues.count=1:2 --vary seed=1:2 --slo 'p95 e2e <= 2 s'
refused cost 2 'GPU=USD' capacity $scenario --vary ues.count=1:2 --slo 'p95 e2e <= 2 s' --cost l4
finish
