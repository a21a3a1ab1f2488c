#!/bin/sh
# willmsim metrics --bursts: what it prints of a simulated store, and wrong calls. What it finds in a
# series is pinned in tests/datasets/bursts.c.
. tests/tools/lib.sh

# 40 s of the testbed's phone: a picture every 5 s, the last one may be cut off.
call run scenarios/fig19-normal.json --set duration_s=40 --out "$tmp/x.sqlite" --quiet
same bursts-run 0 "$rc"
call metrics "$tmp/x.sqlite" --bursts --json
same bursts-status 0 "$rc"
json bursts-json '(.series | length) == 1 and .series[0].run == 1 and .series[0].ue == 0 and
    .series[0].slice == null and .series[0].bursts >= 7 and .series[0].bursts <= 9 and
    (.series[0].period_s.median - 5 | fabs) < 0.05 and
    (.series[0].autocorrelation_s - 5 | fabs) < 0.1 and
    .series[0].rise_s.median > 0.01 and .series[0].rise_s.median < 1 and
    .series[0].jump.q1 > 40 and .series[0].jump.q1 <= .series[0].jump.q3' "$tmp/out"
# The average forgets in 1/0.0005 opportunities, 600 a second.
json bursts-decay '(.series[0].decay_s - 2000 / 600 | fabs) < 0.2' "$tmp/out"
call metrics "$tmp/x.sqlite" --bursts
holds bursts-text grep -q '^  rise, s  ' "$tmp/out"
call metrics "$tmp/x.sqlite" --bursts --by slice
same bursts-by-slice 0 "$rc"
call metrics "$tmp/x.sqlite" --bursts --by model
same bursts-by-model 2 "$rc"

# The run without slices of WiLLM figure 19, as docs/validation.md has it: median rise within 20 % of
# 0.315 s, median jump within the published quartiles, decay, period.
call run scenarios/fig19-recorded.json --out "$tmp/z.sqlite" --quiet
same bursts-recorded-run 0 "$rc"
call metrics "$tmp/z.sqlite" --bursts --json
json bursts-recorded '.series[0].rise_s.median > 0.252 and .series[0].rise_s.median < 0.378 and
    .series[0].jump.median > 61.5 and .series[0].jump.median < 91.8 and
    .series[0].decay_s > 3 and .series[0].decay_s < 4 and
    (.series[0].autocorrelation_s - 5 | fabs) < 0.2' "$tmp/out"

call run scenarios/fig19-normal.json --set duration_s=6 --set output.ran_records_ms=0 \
    --out "$tmp/y.sqlite" --quiet
call metrics "$tmp/y.sqlite" --bursts
same bursts-no-records 2 "$rc"
holds bursts-no-records-says grep -q 'output.ran_records_ms' "$tmp/err"
finish
