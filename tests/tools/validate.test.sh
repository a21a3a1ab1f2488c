#!/bin/sh
# willmsim validate: published numbers hold, miss and are named, or are not comparable; one share
# moved out of its range is found; two tables; files of targets that are wrong.
. tests/tools/lib.sh
here=$tmp/here.sqlite
call run scenarios/slices-30-60-90.json --set duration_s=180 --out "$here" --quiet
same validate-run 0 "$rc"

# --- the shipped targets ------------------------------------------------------------------------
call validate "$here" --json
json validate-json '[.results[] | .verdict] as $v | (.results | length) == (.holds + .misses +
    .not_comparable) and ($v | map(select(. == "holds")) | length) == .holds and
    ([.results[] | select(.verdict == "misses") | .misses_by > 0] | all) and
    ([.results[] | select(.verdict == "not comparable") | .why | length > 0] | all) and
    ([.results[] | .source, .how_read | length > 0] | all)' "$tmp/out"
json validate-caps '[.results[] | select(.id | startswith("prb-cap")) | .value] == [27, 54, 81]' \
    "$tmp/out"
json validate-other-kind '[.results[] | select(.id | startswith("downlink-")) | .why] | unique ==
    ["no completed request of mode text_request"]' "$tmp/out"
# Status 1 exactly when one misses, which the line on standard error then names.
same validate-status "$([ "$(jq .misses "$tmp/out")" -gt 0 ] && echo 1 || echo 0)" "$rc"
same validate-names "$(jq -r '[.results[] | select(.verdict == "misses") | .id] | join(", ")' "$tmp/out")" \
    "$(sed -n 's/^willmsim: .*: misses //p' "$tmp/err")"
call validate "$here"
holds validate-table grep -q '^  holds  *prb-cap-30  *27  at most 27' "$tmp/out"

# --- one share moved out of its range -----------------------------------------------------------
# Targets that hold for this table: what it has, to half a point.
"$willmsim" metrics "$here" --by slice --json >"$tmp/slices.json"
jq '{name: "own", targets: [.groups[] | {id: ("uplink-" + .key), what: "share of the uplink",
    applies_to: {group: .key}, measure: {kind: "share", part: "uplink", by: "slice"},
    expect: {kind: "value", value: .share_pct.uplink, tolerance: 0.5}, unit: "%",
    source: "this table", how_read: "metrics"}]}' "$tmp/slices.json" >"$tmp/own.json"
call validate "$here" --targets "$tmp/own.json" --json
same validate-own 0 "$rc"
json validate-own-holds '.holds == 3 and .misses == 0' "$tmp/out"
same validate-own-silent 0 "$(wc -c <"$tmp/err")"
cp "$here" "$tmp/moved.sqlite"
# 1222's uplink takes 200 ms longer, at the cost of nobody.
sqlite3 "$tmp/moved.sqlite" "update requests set server_in_ns = server_in_ns + 200000000,
    first_token_ns = first_token_ns + 200000000, last_token_ns = last_token_ns + 200000000,
    done_ns = done_ns + 200000000 where slice_id = '1222'"
call validate "$tmp/moved.sqlite" --targets "$tmp/own.json" --json
same validate-moved 1 "$rc"
same validate-moved-named "willmsim: $tmp/moved.sqlite: misses uplink-1222" "$(cat "$tmp/err")"
json validate-moved-by '[.results[] | select(.verdict == "misses")] | length == 1 and
    .[0].id == "uplink-1222" and .[0].misses_by > 5 and .[0].miss_unit == "%" and
    (.[0].value - .[0].hi - .[0].misses_by | fabs) < 1e-9' "$tmp/out"

# --- two tables ---------------------------------------------------------------------------------
call validate "$here" --against "$here" --json
same against-itself 0 "$rc"
json against-itself-alike '.differs == 0 and .alike > 50 and ([.metrics[] | .ks == 0 and .p == 1 and
    .wasserstein == 0] | all) and ([.shares[] | .difference == 0 and .lo <= 0 and .hi >= 0] | all)
    and .series[0].name == "autocorrelation_s" and (.series[0].value[0] - 5 | fabs) < 0.2' "$tmp/out"
cp "$tmp/out" "$tmp/once"
call validate "$here" --against "$here" --json
holds against-deterministic cmp "$tmp/once" "$tmp/out"
call validate "$here" --against "$tmp/moved.sqlite" --json
same against-moved 1 "$rc"
# A third of the requests 200 ms later: the area between the two distributions is 200 / 3 ms.
json against-moved-uplink '[.metrics[] | select(.table == "requests" and .name == "uplink")][0] |
    .verdict == "differs" and (.wasserstein - 200 * 12 / 36 | fabs) < 0.01 and
    (.mean[1] - .mean[0] - .wasserstein | fabs) < 1e-6' "$tmp/out"
json against-moved-share '[.shares[] | select(.by == "slice" and .part == "uplink")] |
    (map(.verdict) == ["alike", "differs", "alike"]) and .[1].lo > 2 and .[1].lo < .[1].difference
    and .[1].difference < .[1].hi' "$tmp/out"
holds against-moved-names grep -q 'requests.uplink.*uplink share of slice 1222' "$tmp/err"
json against-moved-inference '[.metrics[] | select(.name == "inference")][0].ks == 0' "$tmp/out"
call validate "$here" --against "$tmp/moved.sqlite"
holds against-table grep -q '^  differs  *requests.uplink ' "$tmp/out"

# --- nothing to compare -------------------------------------------------------------------------
call run scenarios/isolation.json --set duration_s=2 --set output.ran_records_ms=0 \
    --out "$tmp/poisson.sqlite" --quiet
call validate "$tmp/poisson.sqlite"
same validate-nothing 1 "$rc"
holds validate-nothing-says grep -q 'no target of .* can be compared' "$tmp/err"

# --- wrong calls and files ----------------------------------------------------------------------
refused validate-no-db 2 'takes one result file' validate
refused validate-no-file 2 'none.sqlite.*No such file' validate "$tmp/none.sqlite"
refused validate-both 2 'give one of them' validate "$here" --against "$here" --targets x.json
refused validate-no-targets 2 'none.json' validate "$here" --targets "$tmp/none.json"
refused validate-no-against 2 'none.sqlite' validate "$here" --against "$tmp/none.sqlite"
wrong() { # NAME, PATTERN, jq filter on own.json
    jq "$3" "$tmp/own.json" >"$tmp/wrong.json"
    refused "targets-$1" 2 "wrong.json: $2" validate "$here" --targets "$tmp/wrong.json"
}
wrong unknown-key "targets\[0\]: unknown key \"valu\"" '.targets[0].valu = 1'
wrong no-source "targets\[1\]" 'del(.targets[1].source)'
wrong twice "targets\[2\].id: 'uplink-1221' is the id of targets\[0\] too" \
    '.targets[2].id = .targets[0].id'
wrong part "targets\[0\].measure.part: .*uplink" '.targets[0].measure.part = "uplnk"'
wrong kind "targets\[0\].expect.kind: .*value" '.targets[0].expect.kind = "valu"'
wrong range "targets\[0\].expect.hi: 1 is below lo, 2" \
    '.targets[0].expect = {kind: "range", lo: 2, hi: 1}'
wrong flips-itself "targets\[0\].expect.against: .*write another part" \
    '.targets[0].expect = {kind: "flips", against: "uplink"}'
wrong largest-of-what "targets\[0\].expect.kind: 'largest' compares parts" '.targets[0].measure =
    {kind: "request", quantity: "e2e"} | .targets[0].expect = {kind: "largest"}'
record='.targets[0].measure = {kind: "record", table: "ran_records", column: "ph_db",
    statistic: "mean"}'
wrong column "targets\[0\].measure.column: ran_records has no column 'ph_dbm'; did you mean 'ph_db'" \
    "$record | .targets[0].measure.column = \"ph_dbm\""
wrong text-column "targets\[0\].measure.column: column 'cell' .* holds text" \
    "$record | .targets[0].measure.column = \"cell\""
wrong by "targets\[0\].measure.by: ran_records has no column 'slice'" \
    "$record | .targets[0].measure.by = \"slice\""
wrong where "targets\[0\].measure.where.column: ran_records has no column" \
    "$record | .targets[0].measure.where = {column: \"x\", equals: 1}"
wrong of "targets\[0\].measure.of: .*needs a number above 0" \
    "$record | .targets[0].measure.statistic = \"multiples\""
wrong of-what "targets\[0\].measure.of: only the statistic multiples" \
    "$record | .targets[0].measure.of = 5"
wrong empty "targets" '.targets = []'

# --- what the scenarios say is assumed are keys that they may have --------------------------------
for scenario in scenarios/*.json; do
    for key in $(jq -r '.assumed // [] | .[].key' "$scenario"); do
        grep -q "\"${key##*.}\"" scenarios/scenario.schema.json ||
            not_ok assumed-key "$scenario: $key"
    done
done
ok assumed-keys
finish
