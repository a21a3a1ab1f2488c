# Edge inference from scenario to verdict: the shipped scenarios, a sweep, what validate says of it (and
# that it can miss), the figure, and refusals.
. tests/tools/lib.sh

call check "$root"/scenarios/edge*.json
same edge-check 0 "$rc"
same edge-check-all 6 "$(grep -c ': ok$' "$tmp/out")"

call list policies --json
json edge-policies '[.policies[] | select(.kind == "edge") | .word] ==
    ["epoch-ot", "gah", "brute-force", "static", "no-batching", "at-once"]' "$tmp/out"

# The same requests, whoever serves them; and every failure has its reason.
for kind in gah static no-batching; do
    call run "$root/scenarios/edge.json" --set duration_s=20 --set edge.policy.kind=$kind \
        --out "$tmp/$kind.sqlite" --json
    same "edge-run-$kind" 0 "$rc"
    json "edge-ends-$kind" '.requests.in_flight == 0 and .requests.arrived > 500' "$tmp/out"
    sql "$tmp/$kind.sqlite" "SELECT request_id, born_ns, input_tokens, output_tokens FROM requests
        ORDER BY request_id" | digest >"$tmp/$kind.requests"
    same "edge-reasons-$kind" "" "$(sql "$tmp/$kind.sqlite" "SELECT DISTINCT failure FROM requests
        WHERE status = 'failed' AND failure NOT IN ('deadline', 'accuracy',
        'not scheduled in its epoch') OR (status = 'failed') <> (failure IS NOT NULL)")"
done
holds edge-same-requests cmp "$tmp/gah.requests" "$tmp/static.requests"
holds edge-same-requests-queue cmp "$tmp/gah.requests" "$tmp/no-batching.requests"

call sweep "$root/scenarios/edge.json" --set duration_s=20 --vary servers.model=bloom-3b,bloom-7.1b \
    --vary edge.policy.kind=gah,static,no-batching --vary ues.0.traffic.rate_hz=10,50,200 \
    --out "$tmp/grid.sqlite" --quiet
same edge-sweep 0 "$rc"
call validate "$tmp/grid.sqlite" --targets "$root/datasets/edge_targets.json" --json
same edge-validate 0 "$rc"
json edge-figure-8-holds '([.results[] | select(.id | startswith("f8-"))] |
    length == 12 and all(.verdict == "holds"))' "$tmp/out"
json edge-others-wait '[.results[] | select(.id | startswith("f8-") | not)] |
    length > 20 and all(.verdict == "not comparable")' "$tmp/out"

# A statement that is not so is told: static above gah.
cat >"$tmp/wrong.json" <<'END'
{"name": "wrong", "targets": [{"id": "turned", "what": "static above gah",
 "measure": {"kind": "sweep", "x": "ues.0.traffic.rate_hz",
   "where": [{"path": "servers.model", "value": "bloom-3b"},
             {"path": "edge.policy.kind", "value": "static"}],
   "minus": [{"path": "servers.model", "value": "bloom-3b"},
             {"path": "edge.policy.kind", "value": "gah"}]},
 "expect": {"kind": "at-least", "value": 0}, "source": "nowhere", "how_read": "assumed"}]}
END
call validate "$tmp/grid.sqlite" --targets "$tmp/wrong.json" --json
same edge-validate-misses 1 "$rc"
rate() { sql "$tmp/grid.sqlite" "SELECT completed * 1.0 / arrived FROM runs JOIN sweep_points x
    USING (run_id) JOIN sweep_points p USING (run_id) JOIN sweep_points m USING (run_id)
    WHERE m.path = 'servers.model' AND m.value = 'bloom-3b' AND p.path = 'edge.policy.kind'
    AND p.value = '$1' AND x.path = 'ues.0.traffic.rate_hz' AND x.value = '$2'"; }
lead=$(awk -v a="$(rate gah 10)" -v b="$(rate static 10)" 'BEGIN {printf "%.6f", a - b}')
json edge-miss-is-the-lead ".results[0] | .verdict == \"misses\" and
    (.misses_by - $lead | fabs) < 1e-5" "$tmp/out"

if command -v gnuplot >/dev/null; then
    call figures "$tmp/grid.sqlite" --fig ot8 --out "$tmp/fig"
    same edge-figure 0 "$rc"
    same edge-figure-lines 6 "$(grep -c '<title>bloom-[37].*, [a-z-]*<' "$tmp/fig/figure-ot8.svg")"
    call figures "$tmp/grid.sqlite" --fig ot12 --out "$tmp/fig"
    same edge-figure-of-another-sweep 1 "$rc"
    holds edge-figure-says-what grep -q 'figure ot12: needs a sweep of' "$tmp/err"
else
    skip edge-figure "gnuplot is not installed"
fi

edge=$root/scenarios/edge.json
refused edge-alone 2 'edge.policy.kind: .*write "gah"' run --out \"$tmp/none.sqlite\" "$edge" --set edge.policy.kind=epoch-ot
refused edge-no-time 2 'edge.epoch_s: .*no time to compute' run --out \"$tmp/none.sqlite\" "$edge" --set edge.epoch_s=0.5
refused edge-beside-radio 2 'edge: stands beside `radio`' run --out \"$tmp/none.sqlite\" "$edge" --set radio={} \
    --set 'cells=[{"id": "a"}]' --set ues.0.cell=a
refused edge-traffic 2 'ues.0..traffic.kind: .*edge-poisson' run --out \"$tmp/none.sqlite\" "$edge" --set \
    'ues.0.traffic={"kind": "poisson", "rate_hz": 1, "input_tokens": {"dist": "constant", "value": 9}, "output_tokens": {"dist": "constant", "value": 9}}'
refused edge-node 2 'servers.1..edge: is missing' run --out \"$tmp/none.sqlite\" "$edge" --set \
    'servers.1={"id": "v", "gpu": "h100-sxm", "model": "bloom-3b"}'
refused edge-memory 2 'servers.1..model: .*weights' run --out \"$tmp/none.sqlite\" "$edge" --set servers.quant=f16 \
    --set servers.model=opt-13b --set servers.edge.gpu_memory_gb=8
refused edge-perplexity 2 'perplexity_delta: is missing' run "$edge" --set servers.quant=w8a8 \
    --out "$tmp/none.sqlite"
refused edge-paper-continuous 2 'edge.policy.kind: .*profile' run --out \"$tmp/none.sqlite\" "$edge" \
    --set edge.policy.kind=at-once
refused edge-deadline 2 'deadline_s: 3 is above 2' run --out \"$tmp/none.sqlite\" "$edge" --set 'ues.0.traffic.deadline_s=[3, 2]'
finish
