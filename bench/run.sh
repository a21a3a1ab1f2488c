#!/bin/sh
# Runs the benchmarks that have been built, one after the other, and compares the engine with
# SimPy. Environment: BUILD (where the programs are). Runs in the root of the project.
set -u
BUILD=${BUILD:-build}
WILLMSIM_HOME=${WILLMSIM_HOME:-$PWD} # wherever the programs were built
export WILLMSIM_HOME
log=$(mktemp)
trap 'rm -f "$log"' EXIT
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

for bench in "$BUILD"/bench/bench_*; do
    [ -x "$bench" ] || continue
    case $bench in *.o|*.d) continue ;; esac
    name=$(basename "$bench")
    echo "== $name"
    if "$bench" >"$log"; then
        cat "$log"
        [ "$name" = bench_engine ] && compare_simpy
    else
        echo "$name failed"
        status=1
    fi
    echo
done
exit $status
