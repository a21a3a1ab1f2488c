#!/bin/sh
# How phones learn their slice (WiLLM section 6.3, figure 13): every policy of slice_choice that
# learns, on scenarios/smart-glasses-ucb.json, over seeds 1 to 20. Per seed: the arm it settles on
# (most rounds of the last third), that arm's share of these rounds, `offline`'s arm and its share,
# variance of the latency in the first and the last third. The table of docs/validation.md.
# usage, in the root of the checkout, after `make`: sh docs/figures/learners.sh [SEEDS]
# Needs the sqlite3 shell.
set -eu
BUILD=${BUILD:-build}
WILLMSIM_HOME=${WILLMSIM_HOME:-.}
export WILLMSIM_HOME
seeds=${1:-20}
scenario=scenarios/smart-glasses-ucb.json
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
command -v sqlite3 >/dev/null || { echo "learners.sh: sqlite3 is missing" >&2; exit 1; }

run() { # POLICY SEED: leaves $work/POLICY-SEED.sqlite
    "$BUILD/willmsim" run "$scenario" --seed "$2" --quiet --out "$work/$1-$2.sqlite" \
        --set "ues.0.slice_choice={\"kind\": \"$1\"}"
}

for seed in $(seq "$seeds"); do run offline "$seed"; done
for policy in ucb1 thompson epsilon-greedy; do
    echo "$policy"
    echo "seed settles share offline best-arm var-first var-last"
    for seed in $(seq "$seeds"); do
        best=$(sqlite3 "$work/offline-$seed.sqlite" 'SELECT min(slice_id) FROM requests')
        run "$policy" "$seed"
        sqlite3 -separator ' ' "$work/$policy-$seed.sqlite" "
            WITH q AS (SELECT slice_id, (done_ns - born_ns) / 1e9 AS s,
                              3 * (row_number() OVER (ORDER BY born_ns) - 1) / count(*) OVER () AS third
                       FROM requests WHERE status = 'completed'),
                 last AS (SELECT slice_id, count(*) AS n FROM q WHERE third = 2 GROUP BY slice_id),
                 var AS (SELECT third, avg(s * s) - avg(s) * avg(s) AS v FROM q GROUP BY third)
            SELECT $seed, (SELECT slice_id FROM last ORDER BY n DESC LIMIT 1),
                   printf('%.0f', 100.0 * max(n) / sum(n)), '$best',
                   printf('%.0f', 100.0 * sum(n) FILTER (WHERE slice_id = '$best') / sum(n)),
                   (SELECT printf('%.4f', v) FROM var WHERE third = 0),
                   (SELECT printf('%.4f', v) FROM var WHERE third = 2)
            FROM last"
    done | tee "$work/table"
    awk '{ same += $2 == $4; over += $5 > 60; less += $7 < $6; share += $5; first += $6; last += $7 }
         END { printf "settles on offline'\''s arm: %d of %d; its share of the last third above 60 %%: " \
                      "%d (mean %.0f %%); variance falls: %d (mean %.3f to %.3f s^2)\n\n",
                      same, NR, over, share / NR, less, first / NR, last / NR }' "$work/table"
done
