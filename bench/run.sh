#!/bin/sh
# Runs the benchmarks that have been built, one after the other, compares the engine with SimPy, and
# sets what came out beside the last recorded figures (bench/recorded.tsv).
#     sh bench/run.sh [--record] [NAME...]     NAME: engine, radio, ...; --record keeps the new figures
# Environment: BUILD (where the programs are), RECORDED (another file). Runs in the root of the project.
set -u
recorded=${RECORDED:-bench/recorded.tsv}
record=
[ "${1:-}" = --record ] && record=yes && shift
BUILD=${BUILD:-build}
WILLMSIM_HOME=${WILLMSIM_HOME:-$PWD} # wherever the programs were built
export WILLMSIM_HOME
log=$(mktemp)
trap 'rm -f "$log" "$log".*' EXIT
trap 'exit 1' INT TERM
status=0

# First number before "events/s" in lines that match $1: the largest of them.
rate() {
    sed -n "s|^$1.*: \([0-9]*\) events/s.*|\1|p" "$2" | sort -n | tail -n 1
}

compare_simpy() {
    ours=$(rate 'willmsim PHOLD' "$log")
    # SimPy handles fewer events, from the same number of pending ones: a rate needs no more, and
    # this ends in about 20 s.
    simpy_log=$log.simpy
    if /usr/bin/python3 bench/phold_simpy.py 100000 1000000 >"$simpy_log" 2>&1; then
        cat "$simpy_log"
        theirs=$(rate 'SimPy' "$simpy_log")
        awk -v a="$ours" -v b="$theirs" \
            'BEGIN { printf "ratio willmsim / SimPy (its faster way): %.1f\n", a / b }'
        echo "(SimPy handles fewer events in all, from the same number of pending ones)"
    else
        echo "no comparison with SimPy: $(tail -n 1 "$simpy_log")"
    fi
    rm -f "$simpy_log"
}

# The figures of benchmark $1 in its output $2, each beside the recorded one. A line of the file has
# benchmark, figure, pattern of the output's line, which such line, its field (below 0: from the end),
# whether higher or lower is better, value.
compare_recorded() {
    awk -F '\t' -v bench="$1" -v out="$2" -v record="$record" -v new="$log.new" '
        function look(pattern, which, field,    line, n, part) {
            while ((getline line < out) > 0) {
                if (line ~ pattern && --which == 0) {
                    n = split(line, part, " ")
                    close(out)
                    return part[field > 0 ? field : n + 1 + field] + 0
                }
            }
            close(out)
            return ""
        }
        /^#/ || $1 != bench { if (record) print > new; next }
        {
            value = look($3, $4, $5)
            if (value == "") {
                printf "recorded %s: not in this output\n", $2
            } else {
                better = $6 == "higher" ? value / $7 : $7 / value
                printf "recorded %s: %.4g then, %.4g now, %.2f times as good\n", $2, $7, value, better
            }
            if (record) print $1, $2, $3, $4, $5, $6, value == "" ? $7 : value > new
        }' OFS='\t' "$recorded" && [ -n "$record" ] && mv "$log.new" "$recorded"
    return 0
}

for bench in "$BUILD"/bench/bench_*; do
    [ -x "$bench" ] || continue
    case $bench in *.o|*.d) continue ;; esac
    name=$(basename "$bench")
    case " $* " in
        '  ' | *" ${name#bench_} "*) ;;
        *) continue ;;
    esac
    echo "== $name"
    if "$bench" >"$log"; then
        cat "$log"
        [ "$name" = bench_engine ] && compare_simpy
        compare_recorded "$name" "$log"
    else
        echo "$name failed"
        status=1
    fi
    echo
done
exit $status
