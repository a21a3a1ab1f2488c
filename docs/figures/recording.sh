#!/bin/sh
# What the testbed's recording of UL_THR (WiLLM figure 19) says of single uplink grants.
# usage: sh docs/figures/recording.sh [CSV...]   (default: both series of $WILLMSIM_DATA/willm)
#
# UL_THR is thr = (1 - a) thr + a bytes at every uplink opportunity, a = 0.0005, three opportunities
# in 5 ms. The published points are exact to 0.001 and often a few ms apart, so two neighbours that
# lie k opportunities apart give the bytes granted between them to +-2:
#   sum of bytes = (thr' - (1 - a)^k thr) / a
# Printed: how often one opportunity has which size; the sum over a frame of 10 ms; the mean over
# straight rises of at least 0.12 s, beside what 44 PRB in each opportunity would be.
WILLMSIM_DATA=${WILLMSIM_DATA:-../shared/data}
[ $# -gt 0 ] || set -- "$WILLMSIM_DATA/willm/fig_ul_thr_normal.csv" \
    "$WILLMSIM_DATA/willm/fig_ul_thr_slice_1221.csv"
for file in "$@"; do
    echo "$file"
    awk -F, '
    function sum(v, v0, k) { return (v - (1 - a) ^ k * v0) / a }
    function near(x, size) { return x > size - 2.5 && x < size + 2.5 }
    BEGIN {
        a = 0.0005
        # 10 PRB, 13 symbols and 18 DMRS elements; special slot: 3 and 6. MCS 9, 12 to 16.
        n = split("9 12 13 14 15 16", mcs, " ")
        split("233 301 333 372 421 453", full, " ")
        split("51 63 72 84 92 96", special, " ")
        # 44 PRB over a frame: three full slots, one with a sounding symbol, two special ones.
        split("731 930 1045 1186 1325 1421", rate, " ")
    }
    NR > 2 {
        dt = $2 - t
        if (dt > 0 && dt < 0.0045) {
            singles++
            for (i = 1; i <= n; i++) if (near(sum($3, v, 1), full[i])) single[i]++
        }
        if (dt > 0.0085 && dt < 0.0115) {
            frames++
            for (i = 1; i <= n; i++) if (near(sum($3, v, 6), 2 * full[i] + special[i])) frame[i]++
        }
        if (dt >= 0.12 && dt < 1 && $3 - v > 20) {
            q = (1 - a) ^ (600 * dt)
            mean = ($3 - q * v) / (1 - q)
            rises++
            if (mean < 980) slow[++m] = mean
            for (i = 1; i <= n; i++) if (mean > 0.965 * rate[i] && mean < 1.035 * rate[i]) rise[i]++
        }
    }
    { t = $2; v = $3 }
    END {
        print "  MCS   one grant  times   frame  times   rise at 44 PRB  times (+-3.5 %)"
        for (i = 1; i <= n; i++)
            printf "  %3d   %5d B   %5d   %5d  %5d   %10d      %5d\n", mcs[i], full[i], single[i],
                2 * full[i] + special[i], frame[i], rate[i], rise[i]
        for (i = 1; i <= m; i++) for (j = i + 1; j <= m; j++)
            if (slow[j] < slow[i]) { x = slow[i]; slow[i] = slow[j]; slow[j] = x }
        printf "  of %d pairs up to 4.5 ms apart, %d of about 10 ms, %d rises; ", singles, frames, rises
        printf "median of the %d rises below 980: %.0f\n", m, slow[int((m + 1) / 2)]
    }' "$file"
done
