#!/bin/sh
# The edge-inference paper's table III in our reading, as text: tree nodes and processor time of a
# scheduling call by arrival rate, with and without the paper's pruning, and one call of OT-GAH for 500
# requests and 3 nodes (docs/models/edge.md).
# usage, in the root of the checkout: sh docs/figures/table3.sh [BUDGET]
# BUDGET: tree nodes after which the pruned search stops and is marked so, default 1e11: never, which
# takes some minutes.
set -eu
BUILD=${BUILD:-build}
WILLMSIM_HOME=${WILLMSIM_HOME:-.}
export WILLMSIM_HOME
make -s BUILD="$BUILD" "$BUILD/bench/bench_ot"
"$BUILD/bench/bench_ot" "${1:-100000000000}"
