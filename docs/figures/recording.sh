#!/bin/sh
# What the testbed's recording of UL_THR (WiLLM figure 19) says of single uplink grants.
# usage: sh docs/figures/recording.sh [CSV...]   (default: both series of $WILLMSIM_DATA/willm)
#
# UL_THR is thr = (1 - a) thr + a bytes at every uplink opportunity, a = 0.0005, three opportunities
# in 5 ms. The published points are exact to 0.001 and often a few ms apart, so two neighbours that
# lie k opportunities apart give the bytes granted between them to +-2:
#   sum of bytes = (thr' - (1 - a)^k thr) / a
# Printed first: how often one opportunity has which size; the sum over a frame of 10 ms; the mean over
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

# Which blocks fail, how low the MCS goes, in which half of 20 ms how many frames have an error, and
# whether anything recurs with a period.
#
# A frame of 10 ms in which a full block of F bytes is sent again holds 3 F bytes, not 2 F + S: while
# one waits, the special slot, where its size is not possible, gets no new block, and the next full
# slot carries it. A special slot's block of S bytes is sent again in the other special slot.
# Bytes per frame over half a second are exact to about 12.
# The last line is |sum exp(2 pi i t / T)|^2 / n over the n frames with a full block sent again; by
# chance it exceeds x with probability exp(-x).
for file in "$@"; do
    echo "$file"
    sort -t, -k2,2g "$file" | awk -F, '
    function sum(v, v0, k) { return (v - (1 - a) ^ k * v0) / a }
    function near(x, size) { return x > size - 2.5 && x < size + 2.5 }
    BEGIN {
        a = 0.0005
        n = split("301 333 372 421", full, " ")
        split("63 72 84 92", special, " ")
        periods = split("10 20 40 80 160 320", period, " ")
    }
    $2 + 0 == $2 { t[++m] = $2; v[m] = $3 }
    END {
        for (i = 2; i <= m; i++) {
            dt = t[i] - t[i - 1]
            if (dt > 0.0085 && dt < 0.0115)
                for (k = 1; k <= n; k++) {
                    x = sum(v[i], v[i - 1], 6)
                    ok = near(x, 2 * full[k] + special[k])
                    clean[k] += ok
                    failures = near(x, 3 * full[k]) + 2 * near(x, 4 * full[k])
                    failed[k] += failures
                    if (ok || failures) {
                        seen[++kept] = (t[i] + t[i - 1]) / 2
                        mcs[kept] = k
                        good[kept] = ok
                    }
                    if (failures) {
                        frames++
                        for (p = 1; p <= periods; p++) {
                            angle = 6.283185307179586 * (t[i] + t[i - 1]) / 2 / (period[p] / 1000)
                            re[p] += cos(angle)
                            im[p] += sin(angle)
                        }
                    }
                    short[k] += near(x, 2 * full[k] + 2 * special[k])
                }
        }
        j = 1
        for (i = 1; i < m; i++) {
            while (j < m && t[j] - t[i] < 0.5) j++
            if (t[i] < last + 0.5 || t[j] - t[i] < 0.5 || t[j] - t[i] > 0.75) continue
            last = t[i]
            q = (1 - a) ^ (600 * (t[j] - t[i]))
            rate = 6 * (v[j] - q * v[i]) / (1 - q)
            if (rate < 0) continue # a gap in the recording
            windows++
            below += rate < 640
            twelve += rate >= 640 && rate < 800
            if (least == 0 || rate < least) least = rate
        }
        for (k = 1; k <= n; k++)
            printf "  MCS %d: %d frames without error, %d full blocks sent again, %d special ones\n",
                11 + k, clean[k], failed[k], short[k]
        printf "  %d windows of half a second: %d below 640 B a frame (least %.0f; MCS 12: 665), " \
            "%d below 800\n", windows, below, least, twelve
        # Every other frame: those half a turn of 20 ms around where the lost blocks lie.
        for (i = 1; i <= kept; i++) {
            angle = 6.283185307179586 * seen[i] / 0.020
            half = re[2] * cos(angle) + im[2] * sin(angle) > 0
            of[mcs[i], half]++
            whole[mcs[i], half] += good[i]
        }
        for (k = 1; k <= n; k++) {
            printf "  MCS %d: without error %d of %d frames of that half of 20 ms, %d of %d of the other\n",
                11 + k, whole[k, 1], of[k, 1], whole[k, 0], of[k, 0]
            if (of[k, 0] > 0) {
                expected += of[k, 1] * whole[k, 0] / of[k, 0]
                found += whole[k, 1]
            }
        }
        if (expected > 0)
            printf "  so %.2f of the frames of that half have an error that the other half has not\n",
                1 - found / expected
        printf "  %d frames with a block sent again recur after", frames
        for (p = 1; frames && p <= periods; p++)
            printf " %d ms: %.1f%s", period[p], (re[p] ^ 2 + im[p] ^ 2) / frames,
                p < periods ? "," : "\n"
    }'
done
