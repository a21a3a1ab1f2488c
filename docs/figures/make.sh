#!/bin/sh
# Makes the pictures of README.md, docs/validation.md and docs/figures.md again, from real runs:
#   ul-thr.svg                   UL_THR over 20 s, recorded by the testbed (WiLLM figure 19) and
#                                simulated
#   figure-6.svg, figure-13.svg, figure-19.svg  as `willmsim figures` draws them
# usage, in the root of the checkout, after `make`: sh docs/figures/make.sh
# Needs gnuplot and the sqlite3 shell; for the recorded line also the shared measurements
# ($WILLMSIM_DATA, default ../shared/data), without which ul-thr.svg is left as it is.
set -eu
BUILD=${BUILD:-build}
WILLMSIM_DATA=${WILLMSIM_DATA:-../shared/data}
WILLMSIM_HOME=${WILLMSIM_HOME:-.}
export WILLMSIM_DATA WILLMSIM_HOME
out=docs/figures
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for need in gnuplot sqlite3 "$BUILD/willmsim"; do
    command -v "$need" >/dev/null || { echo "make.sh: $need is missing" >&2; exit 1; }
done

terminal='set terminal svg size 760,SIZE dynamic font "sans-serif,13" background "white"
set border 3 lw 0.7 lc rgb "#555555"
set tics nomirror textcolor rgb "#333333"
set grid ytics lw 0.5 lc rgb "#dddddd"'

# The simulated line: 20 s of one phone's records, from a request on.
series() { # scenario, first second
    "$BUILD/willmsim" run "scenarios/$1.json" --out "$work/$1.sqlite" --quiet >"$work/log"
    sqlite3 -separator ' ' "$work/$1.sqlite" \
        "SELECT gnb_timestamp_ms / 1000.0 - $2, ul_throughput FROM ran_records
         WHERE gnb_timestamp_ms BETWEEN $2 * 1000 AND ($2 + 20) * 1000
           AND gnb_timestamp_ms % 20 = 0
         ORDER BY gnb_timestamp_ms" >"$work/$1.dat"
}
# Requests of these scenarios begin every 5 s; the recording's at 1.05 s after each fifth.
first_request=$(
    "$BUILD/willmsim" run scenarios/fig19-normal.json --set duration_s=20 --out "$work/first.sqlite" \
        --quiet >"$work/log"
    sqlite3 "$work/first.sqlite" "SELECT printf('%.3f', min(born_ns) / 1e9) FROM requests"
)
recorded=$WILLMSIM_DATA/willm/fig_ul_thr_normal.csv
if [ -r "$recorded" ]; then
    from=$(echo "$first_request" | awk '{printf "%.2f", $1 + 100 - 0.9}')
    series fig19-recorded "$from"
    series fig19-normal "$from"
    # 129.13 s of the recording: 0.9 s before a request.
    awk -F, 'NR > 1 && $2 >= 129.13 && $2 <= 149.13 {print $2 - 129.13, $3}' "$recorded" \
        >"$work/recorded.dat"
    gnuplot <<PLOT
$(echo "$terminal" | sed 's/SIZE/330/')
set output "$out/ul-thr.svg"
set xlabel "s"
set ylabel "UL_THR, bytes per opportunity" noenhanced
set xrange [0:20]
set yrange [0:300]
set key outside top center horizontal noenhanced
plot "$work/fig19-normal.dat" using 1:2 with lines lw 1.2 lc rgb "#bbbbbb" \
         title "simulated, fig19-normal", \
     "$work/recorded.dat" using 1:2 with lines lw 2 lc rgb "#1b6ca8" \
         title "recorded (WiLLM figure 19)", \
     "$work/fig19-recorded.dat" using 1:2 with lines lw 2 lc rgb "#d1495b" \
         title "simulated, fig19-recorded"
PLOT
    echo "$out/ul-thr.svg"
fi

run() { # scenario
    "$BUILD/willmsim" run "scenarios/$1.json" --out "$work/$1.sqlite" --quiet >"$work/log"
}
figure() { # number, scenario, options
    number=$1 scenario=$2
    shift 2
    "$BUILD/willmsim" figures "$work/$scenario.sqlite" --fig "$number" --out "$out" "$@"
}
run smart-glasses-uplink
figure 6 smart-glasses-uplink
run smart-glasses-ucb
figure 13 smart-glasses-ucb
run slices-30-60-90
run fig19-normal
figure 19 slices-30-60-90 --normal "$work/fig19-normal.sqlite"
