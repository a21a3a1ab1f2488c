#!/bin/sh
# The edge-inference paper's figures 8 to 13 from sweeps, the comparison with continuous batching, and
# what `validate` says of the orderings (docs/models/edge.md).
# usage, in the root of the checkout, after `make`: sh docs/figures/edge.sh [DIR] [REPS]
# Writes DIR/ot8.sqlite and so on, and figures ot8.svg ... into DIR (default out/edge; REPS seeds a
# point, default 3). WHICH="8 12" does only these.
set -u
BUILD=${BUILD:-build}
WILLMSIM_HOME=${WILLMSIM_HOME:-.}
export WILLMSIM_HOME
dir=${1:-out/edge}
reps=${2:-3}
WHICH=${WHICH:-8 9 10 11 12 13 continuous}
mkdir -p "$dir"
models=servers.model=bloom-3b,bloom-7.1b
kinds=edge.policy.kind=gah,static,no-batching
rate=ues.0.traffic.rate_hz
status=0

sweep() { # number, scenario, options
    db=$dir/ot$1.sqlite scenario=scenarios/$2.json
    shift 2
    "$BUILD/willmsim" sweep "$scenario" --reps "$reps" --out "$db" --quiet "$@" || status=1
}
figure() { # number, data base
    "$BUILD/willmsim" figures "$dir/$2.sqlite" --fig "$1" --out "$dir" || status=1
    "$BUILD/willmsim" validate "$dir/$2.sqlite" --targets datasets/edge_targets.json || status=1
}

for which in $WHICH; do
    case $which in
    8) sweep 8 edge --vary $models --vary $kinds --vary $rate=5,10,25,50,100,150,200,250
        figure ot8 ot8 ;;
    9) sweep 9 edge-epochs --vary $models --vary $kinds \
        --vary edge.epoch_s=0.9,1.1,1.3,1.5,1.7,2,2.3
        figure ot9 ot9 ;;
    10) [ -r "$dir/ot9.sqlite" ] || WHICH=9 sh "$0" "$dir" "$reps"
        "$BUILD/willmsim" figures "$dir/ot9.sqlite" --fig ot10 --out "$dir" || status=1 ;;
    11) sweep 11 edge-deadlines --vary $models --vary $kinds \
        --vary 'ues.0.traffic.deadline_s=[1],[1.5],[2],[2.5],[3],[3.5],[4]'
        figure ot11 ot11 ;;
    12) sweep 12 edge-precisions --vary servers.model=bloom-3b,bloom-7.1b,opt-13b \
        --vary servers.quant=f16,w8a16,w4a16 --vary $rate=10,50,100,200
        figure ot12 ot12 ;;
    13) sweep 13 edge-accuracies --vary servers.model=bloom-3b,bloom-7.1b \
        --vary servers.edge.perplexity_delta=0.01,0.54,0.59,0.75,0.92 \
        --vary ues.0.traffic.accuracy_max=0.1,0.25,0.5,0.75,1
        figure ot13 ot13 ;;
    continuous) sweep -continuous edge-calibrated \
        --vary edge.policy.kind=epoch-ot,static,no-batching,at-once \
        --vary servers.0.batching.max_queue=0,16 --vary $rate=5,10,25,50,100,150,200,250
        "$BUILD/willmsim" figures "$dir/ot-continuous.sqlite" --fig ot-continuous --out "$dir" ||
            status=1 ;;
    *) echo "edge.sh: $which: write 8 to 13, or continuous" >&2; status=2 ;;
    esac
done
exit $status
