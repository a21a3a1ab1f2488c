#!/bin/sh
# willmsim phy: what each subverb prints, the CSV modes, published throughput, wrong calls.
. tests/tools/lib.sh

call phy tbs --mcs 28 --prb 106 --json
json phy-tbs '.tbs_bits == 83976 and .code_blocks == 10 and .base_graph == 1' "$tmp/out"
call phy tbs --qm 2 --rate 0.0488281 --prb 52 --symbols 12 --scaling 0.5
holds phy-tbs-scaling grep -q '^336 bits' "$tmp/out"
call phy tbs --table 2 --mcs 26 --prb 52 --symbols 2 --layers 1 --json
json phy-tbs-half-rate '.tbs_bits == 4480 and .r_x10240 == 9165' "$tmp/out"

cat >"$tmp/rows" <<'EOF'
note,layers,Qm,R_x10240,nb_rb,nb_symb,dmrs_re_per_prb,overhead_re,tb_scaling
first,1,2,780,162,12,12,0,1

second,4,8,9480,217,14,6,0,0
EOF
"$willmsim" phy tbs --csv <"$tmp/rows" >"$tmp/out"
same phy-tbs-csv-status 0 $?
same phy-tbs-csv 'tbs_bits 1672 999576' "$(sed 's/.*,//' "$tmp/out" | tr '\n' ' ' | sed 's/ $//')"
same phy-tbs-csv-keeps 'first,1,2,780,162,12,12,0,1,1672' "$(sed -n 2p "$tmp/out")"
if [ -d "$data" ]; then
    "$willmsim" phy tbs --csv <"$data/nr/tbs_oracle.csv" >"$tmp/out"
    same phy-tbs-oracle 23674 "$(awk -F, 'NR > 1 && $9 == $10' "$tmp/out" | wc -l)"
else
    skip phy-tbs-oracle "no data"
fi

call phy bler --mcs 16 --tbs 18432 --snr 9.77 --json
json phy-bler '.bler > 0.03 and .bler < 0.3 and .decoder == "it5"' "$tmp/out"
call phy bler --mcs 16 --tbs 18432 --snr 9.77 --decoder it20 --json
json phy-bler-it20 '.bler < 1e-6' "$tmp/out"
call phy bler --mcs 16 --tbs 18432 --snr 6.77 --n-tx 2 --combining chase --json
json phy-bler-chase '.bler > 0.001 and .bler < 0.5 and .harq_gain_db > 3.01' "$tmp/out"
printf '%s\n' 'mcs_table,mcs,tbs_bits,snr_db,n_tx,combining' '1,16,18432,8,1,ir' \
    '1,16,18432,8,2,ir' '1,16,18432,8,2,chase' '1,16,18432,20,1,ir' >"$tmp/rows"
"$willmsim" phy bler --csv <"$tmp/rows" >"$tmp/out"
same phy-bler-csv-status 0 $?
same phy-bler-csv-order yes "$(awk -F, 'NR > 1 { b[NR] = $NF }
    END { print (b[2] > 0.99 && b[3] < b[4] && b[4] < b[2] && b[5] < 1e-9) ? "yes" : "no" }' \
    "$tmp/out")"
# The name of the column in the published curves.
printf 'mcs_table,mcs,code_block_bits,snr_db\r\n1,16,18432,9.8\r\n' |
    "$willmsim" phy bler --csv >"$tmp/out"
same phy-bler-csv-alias 2 "$(wc -l <"$tmp/out")"

call phy mcs --table 2 --json
json phy-mcs-table '(.mcs | length) == 28 and .mcs[26].r_x1024 == 916.5' "$tmp/out"
call phy mcs --snr 15 --json
json phy-mcs-choice '.cqi >= 11 and .cqi <= 13 and .mcs >= 20 and .mcs <= 24' "$tmp/out"
call phy mcs --snr -30 --json
json phy-mcs-choice-none '.cqi == 0 and .mcs == 0' "$tmp/out"

# The tables themselves, as CSV and against the standard's.
call phy mcs --table 3 --csv
same phy-mcs-csv '3,28,6,772.0,4.5234' "$(sed -n 30p "$tmp/out" | cut -d, -f1-5)"
call phy mcs --cqi-table 2 --json
json phy-cqi-table '(.cqi | length) == 16 and .cqi[15].r_x1024 == 948 and .cqi[15].qm == 8 and
    .cqi[0].qm == 0' "$tmp/out"
if [ -d "$data" ]; then
    for t in 1 2 3; do "$willmsim" phy mcs --table $t --csv; done | grep -v table |
        cut -d, -f1-5 | sort >"$tmp/mcs"
    tail -n +2 "$data/nr/mcs_tables.csv" | tr -d '\r' | grep -v ',$' | sort >"$tmp/standard"
    holds phy-mcs-tables-equal cmp "$tmp/mcs" "$tmp/standard"
    for t in 1 2 3; do "$willmsim" phy mcs --cqi-table $t --csv; done | grep -v table |
        sort >"$tmp/cqi"
    tail -n +2 "$data/nr/cqi_tables.csv" | tr -d '\r' | sort >"$tmp/standard"
    holds phy-cqi-tables-equal cmp "$tmp/cqi" "$tmp/standard"
else
    skip phy-mcs-tables-equal "no data"
    skip phy-cqi-tables-equal "no data"
fi
refused phy-mcs-two-ways 2 "write one" phy mcs --csv --json
refused phy-mcs-snr-csv 2 "leave --mcs and --csv out" phy mcs --snr 3 --csv

call phy harq --mcs 28 --json
json phy-harq '.gains[0].ir_db == 0 and (.gain_db - 14.85 | fabs) < 0.4 and
    (.gains | map(.ir_db) | . == sort)' "$tmp/out"

# OpenAirInterface's KPI page, Mbit/s: DL within 5 %, UL within 15 %.
for kpi in 'dl 51 72 5' 'dl 106 152 5' 'ul 51 39 15' 'ul 106 81 15'; do
    set -- $kpi
    if [ "$1" = dl ]; then tdd=DDDSU; else tdd=DDSUU; fi
    call phy throughput --prb "$2" --scs 30 --tdd $tdd --tdd-special 6:4:4 --layers 1 --dir "$1" \
        --json
    json "phy-throughput-$1-$2" "(.mbps / $3 - 1 | fabs) < $4 / 100" "$tmp/out"
done
call phy throughput --prb 106 --scs 30 --tdd DDDSU --tdd-special 6:4:4 --layers 1 --mcs 27 \
    --table 2 --dir dl --json
cp "$tmp/out" "$tmp/explicit"
call phy throughput --json
holds phy-throughput-defaults cmp "$tmp/out" "$tmp/explicit"
call phy throughput --bler 0.1 --json
json phy-throughput-bler "(.mbps / $(jq .mbps "$tmp/explicit") - 0.9 | fabs) < 1e-3" "$tmp/out"
call phy throughput
holds phy-throughput-says-what-it-assumes grep -q 'DMRS 12 RE/PRB' "$tmp/out"

refused phy-nothing 2 "phy: say which number" phy
refused phy-nearest 2 "did you mean 'tbs'" phy tsb
refused phy-no-mcs 2 "phy tbs: no modulation and coding given; write --mcs 28" phy tbs
refused phy-no-such-mcs 2 "table 2 has no MCS 28; write 0 to 27" phy tbs --table 2 --mcs 28
refused phy-two-ways 2 "without --mcs" phy tbs --qm 2 --rate 0.5 --mcs 3
refused phy-prb 2 "--prb: '0' is not a whole number from 1 to 275" phy tbs --mcs 1 --prb 0
refused phy-no-snr 2 "no SNR given; write --snr 10" phy bler --mcs 3
refused phy-snr-nan 2 "--snr: 'nan' is not a number" phy bler --mcs 3 --snr nan
refused phy-option-elsewhere 2 "unknown option '--snr'" phy harq --snr 3
refused phy-too-wide 2 "a carrier of 60 kHz has at most 264 PRB" phy throughput --prb 273 --scs 60
refused phy-tdd 2 "write --tdd DDDSU" phy throughput --tdd DXU
refused phy-special 2 "sum to 14; write --tdd-special 6:4:4" phy throughput --tdd-special 6:4:5
printf "a,b\n1,2\n" >"$tmp/rows"
refused phy-csv-column 2 "line 1: no column 'Qm'" phy tbs --csv <"$tmp/rows"
printf 'mcs_table,mcs,tbs_bits,snr_db\n1,3,1000,1\n2,28,1000,3\n' |
    "$willmsim" phy bler --csv >"$tmp/out" 2>"$tmp/err"
same phy-csv-bad-row-status 2 $?
holds phy-csv-bad-row grep -q 'line 3: table 2 has no MCS 28' "$tmp/err"
finish
