#!/bin/sh
# willmsim solve ot: an instance by hand, the oracle where it is, searches that agree, wrong files.
. tests/tools/lib.sh

# Room for one of two: the smaller share of the uplink beside the request with the least time.
cat >"$tmp/one.json" <<'END'
{"instances": [{"note": "not read", "s_pad": 10, "k": {"k1": 100, "k2": 1, "k3": 1, "k4": 1, "k5": 0},
  "nodes": [{"id": 7, "C_flops": 1, "beta": 1, "alpha": 1, "M_bytes": 1000, "k6": 100, "dppl": 0.1}],
  "requests": [{"n": 5, "a": 0, "rho_up": {"7": 0.7}, "tau_p": {"7": 100}},
               {"n": 5, "a": 0, "rho_up": {"7": 0.4}, "tau_p": {"7": 100}},
               {"n": 5, "a": 0, "rho_up": {"7": 0.5}, "tau_p": {"7": 50}},
               {"n": 5, "a": 0.95, "rho_up": {"7": 0.1}, "tau_p": {"7": 50}}]}]}
END
call solve ot "$tmp/one.json" --json
same solve-status 0 "$rc"
json solve-answer '.results == [.results[0]] and .results[0].count == 2 and
    .results[0].selected == [1, 2] and .results[0].assignment == {"7": [1, 2]} and
    .results[0].nodes_visited > 0 and .results[0].cpu_ms >= 0' "$tmp/out"
call solve ot "$tmp/one.json"
holds solve-table grep -Eq '^instances\[0\] +1 +4 +2 ' "$tmp/out"

bad() { # NAME PATTERN SED
    sed "$3" "$tmp/one.json" >"$tmp/bad.json"
    refused "$1" 2 "$2" solve ot "$tmp/bad.json"
}
bad solve-no-list 'holds no instances' 's/"instances"/"examples"/'
bad solve-no-node 'instances\[0\].nodes\[0\].*C_flops' 's/"C_flops": 1,//'
bad solve-negative 'instances\[0\].nodes\[0\].beta' 's/"beta": 1,/"beta": -1,/'
bad solve-unknown-node 'instances\[0\].requests\[0\].rho_up' 's/{"7": 0.7}/{"8": 0.7}/'
bad solve-fraction 'instances\[0\].requests\[0\].n' 's/"n": 5, "a": 0, "rho_up": {"7": 0.7}/"n": 5.5, "a": 0, "rho_up": {"7": 0.7}/'
bad solve-order 'gah_order' 's/"s_pad"/"gah_order": [7, 7], "s_pad"/'
bad solve-no-requests 'requests' 's/"requests": \[/"questions": [/'
refused solve-no-file 2 'nothere.json' solve ot "$tmp/nothere.json"
refused solve-unknown 2 'unknown problem' solve otter "$tmp/one.json"
refused solve-search 2 'unknown --search' solve ot "$tmp/one.json" --search best

oracle=$data/oracles/ot_oracle.json
if [ -e "$oracle" ]; then
    for search in paper unpruned fast; do
        call solve ot "$oracle" --json --search $search
        cp "$tmp/out" "$tmp/$search"
        jq -n --slurpfile o "$oracle" --slurpfile r "$tmp/out" \
            '[$o[0].single, $r[0].results[:30]] | transpose | map(.[0].opt == .[1].count) |
             all and length == 30' >"$tmp/equal"
        same "solve-oracle-$search" true "$(cat "$tmp/equal")"
    done
    same solve-oracle-gah true "$(jq -n --slurpfile o "$oracle" --slurpfile r "$tmp/paper" \
        '[$o[0].multi + $o[0].multi_tight, $r[0].results[30:]] | transpose |
         map(.[1].count == .[0].ref_gah_total and .[1].count * 2 >= .[0].opt and
             .[1].count <= .[0].opt) | all and length == 9')"
    same solve-oracle-pruning true "$(jq -n --slurpfile p "$tmp/paper" --slurpfile u "$tmp/unpruned" \
        '[$p[0].results, $u[0].results] | transpose |
         map(.[0].nodes_visited <= .[1].nodes_visited and .[0].count == .[1].count) | all')"
else
    skip solve-oracle "no oracle in $data"
fi
finish
