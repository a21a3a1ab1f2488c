#!/bin/sh
# willmsim import on damaged files: each kind is counted or refused as docs/records.md says, and
# never a crash. `make sanitize` runs this under the address sanitizer.
. tests/tools/lib.sh

header='Timestamp,Total Comm Time,Uplink Time,Downlink Time,Response Text,gNB Timestamp,RNTI,UL_THR,ul_BLER'
row() { printf ',,,,,%s,1001,10.5,0.1\n' "$1"; }
good() { # FROM TO
    i=$1
    while [ "$i" -le "$2" ]; do
        row "174070000000$i"
        i=$((i + 1))
    done
}
d=$tmp/d.csv
into() { cat >"$d"; }
# takes NAME FILTER: imported; the filter holds for the report
takes() {
    rm -f "$tmp/d.sqlite"
    call import "${kind:-willm}" "$d" --db "$tmp/d.sqlite" --json
    if [ "$rc" -ne 0 ]; then
        not_ok "$1" "status $rc: $(head -c 300 "$tmp/err")"
    else
        json "$1" "$2" "$tmp/out"
        [ "$(jq .rows "$tmp/out")" = "$(sql "$tmp/d.sqlite" 'SELECT count(*) FROM ran_records')" ] ||
            not_ok "$1-rows" "the table has other rows than the report says"
    fi
}
# refuses NAME PATTERN: status 2, one line, no result file
refuses() {
    rm -f "$tmp/d.sqlite"
    refused "$1" 2 "$2" import "${kind:-willm}" "$d" --db "$tmp/d.sqlite"
    [ ! -e "$tmp/d.sqlite" ] || not_ok "$1-leaves" "a result file was left"
}

{ echo "$header"; good 1 3; } | into
takes undamaged '.rows == 3 and .bad_rows == 0'
{ echo "$header"; good 1 3; printf ',,,,,17407'; } | into
takes cut-in-a-row '.rows == 3 and .bad == [{file: .bad[0].file, line: 5, what: "it has 6 fields and the header 9"}]'
{ echo "$header"; good 1 2; printf ',,,,"half a te'; } | into
takes cut-in-a-quote '.rows == 2 and .bad_rows == 1 and .bad[0].line == 4 and (.bad[0].what | test("never closed"))'
{ echo "$header"; row 1; echo ',,,,"open,2,1001,1,0'; good 3 6; } | into
takes quote-never-closed '.rows == 5 and .bad_rows == 1 and .bad[0].line == 3'
{ echo "$header"; row 1; echo ',,,,a"b"c,2,1001,1,0'; good 3 6; } | into
takes quote-in-the-middle '.rows == 5 and .bad_rows == 1'
{ echo "$header"; row 1; printf ',,,,"two\nlines",2,1001,1,0\n'; good 3 4; } | into
takes line-break-in-quotes '.rows == 4 and .bad_rows == 0'
{ printf '\357\273\277%s\n' "$header"; good 1 3; } | into
takes byte-order-mark '.rows == 3 and (.files[0].mapped | has("Timestamp"))'
{ echo "$header"; good 1 3; } | sed 's/$/\r/' | into
takes crlf '.rows == 3 and .bad_rows == 0 and (.files[0].mapped | has("ul_BLER"))'
{ echo "$header"; good 1 3; } | tr '\n' '\r' | into
refuses cr-only 'none of its columns\|header and no rows'
{ echo "$header"; row 1; printf ',,,,,2,1001,1\0,0\n'; row 3; } | into
takes nul-byte '.rows == 2 and .bad[0].line == 3 and (.bad[0].what | test("NUL"))'
{ printf 'Time\0stamp,UL_THR\n1,2\n'; } | into
refuses nul-in-header 'none of its columns'
{ echo "$header"; row 1; } >"$d" && truncate -s 1G "$d" && { echo; row 3; } >>"$d"
takes gigabyte-line '.rows == 2 and .bad_rows == 1 and .bad[0].line == 3 and (.bad[0].what | test("4 MiB"))'
rm -f "$d"
truncate -s 100M "$d"
refuses long-header 'none of its columns'
{ echo "$header"; row 1; echo ',,,,,2,1001,1'; echo ',,,,,2,1001,1,0,7,8'; row 3; } | into
takes wrong-field-count '.rows == 2 and .bad_rows == 2 and (.bad[1].what | test("more fields"))'
{ echo "$header"; row 1; echo "$header"; row 2; } | into
takes header-again '.rows == 2 and .repeated_headers == 1 and .bad_rows == 0'
{ echo "UL_THR,$header"; row 1; } | into
refuses column-twice 'fields 1 and 9, "UL_THR" and "UL_THR", are both the column ul_throughput'
{ echo "$header"; row 1; echo ',,,,,2,1001,"1,234.5",0'; row 3; } | into
takes commas-in-numbers '.rows == 2 and (.bad[0].what | test("1,234.5.; write it without commas"))'
{ echo "$header"; row 3; row 1; row 2; } | into
takes out-of-order '.rows == 3 and .out_of_order == 2 and .bad_rows == 0'
: >"$d"
refuses empty-file 'is empty'
echo "$header" >"$d"
refuses header-only 'a header and no rows'
printf '\n\n\n' >"$d"
refuses blank-lines-only 'none of its columns'
{ echo "$header"; row 1; printf '\n  \n'; row 2; } | into
takes blank-lines-between '.rows == 2 and .bad_rows == 0'
good 1 3 | into
refuses no-header 'none of its columns'
{ echo "$header"; row 1; echo ',,,,,2,xyz!,1,0'; echo ',,,,,2,123456789abc,1,0'; } | into
takes bad-rnti '.rows == 1 and .bad_rows == 2 and (.bad[0].what | test("hexadecimal"))'
{ echo "$header"; row 1; echo ',,,,,-5,1001,1,0'; echo ',,,,,yesterday,1001,1,0'; echo ',,,,,99999999999999999999,1001,1,0'; } | into
takes bad-times '.rows == 1 and .bad_rows == 3'
{ echo "$header"; row 1; for v in inf -inf 1e999 0x10 1..2 1e 1,5 '1 2'; do echo ",,,,,2,1001,\"$v\",0"; done; } | into
takes bad-numbers '.rows == 1 and .bad_rows == 8'
{ echo "$header"; row 1; for v in NULL null nan NaN NA None; do echo ",,,,,2,1001,$v,"; done; } | into
takes words-for-nothing '.rows == 7 and .bad_rows == 0'
{ echo "$header"; row 1; echo ',,,,,2,1001,1,-0.1'; echo ',,,,,2,1001,1,101'; } | into
takes bad-rates '.rows == 1 and .bad_rows == 2'
{ echo "$header"; row 1; } | iconv -f UTF-8 -t UTF-16 | into
refuses utf16 'UTF-16'
{ echo "$header"; row 1; printf ',,,,\377\376\200,2,1001,1,0\n'; } | into
takes no-utf8-in-text '.rows == 2'
{ echo "$header" | tr , ';'; row 1 | tr , ';'; } | into
refuses semicolons 'none of its columns'
{ printf '%s' "$header"; yes ',x' | head -5000 | tr -d '\n'; echo; row 1; } | into
takes thousands-of-columns '.rows == 0 and .bad_rows == 1 and .bad[0].line == 2 and (.bad[0].what | test("9 fields"))'
{ echo "$header"; row 1; printf '1740700000000,99999999999999,1e300,-1e300,,1740700000005,1001,1,0\n'; row 9; } | into
takes absurd-durations '.rows == 3 and .requests == 1'
head -c 200000 /bin/sh | into
refuses a-program 'none of its columns\|is empty'
refused a-folder 2 'is a folder' import willm "$tmp" --db "$tmp/d.sqlite"
refused a-device 2 'no regular file' import willm /dev/null --db "$tmp/d.sqlite"

# Only the first ten are told, all are counted.
{ echo "$header"; row 1; yes 'a,b' | head -500; row 2; } | into
takes many-bad-rows '.rows == 2 and .bad_rows == 500 and (.bad | length) == 10 and .bad[9].line == 12'
# --strict stops at the first and leaves nothing.
rm -f "$tmp/d.sqlite"
refused strict 2 'd.csv: line 3: it has 2 fields' import willm "$d" --db "$tmp/d.sqlite" --strict
same strict-leaves-nothing no "$([ -e "$tmp/d.sqlite" ] && echo yes || echo no)"
{ echo "$header"; good 1 3; } >"$tmp/first.csv"
call import willm "$tmp/first.csv" --db "$tmp/d.sqlite" --quiet
refused strict-appended 2 'line 3' import willm "$d" --db "$tmp/d.sqlite" --strict
same strict-keeps-the-rest '1|3' "$(sql "$tmp/d.sqlite" 'SELECT (SELECT count(*) FROM runs), count(*) FROM ran_records')"

# --- The testbed's own file, and InfluxDB's -----------------------------------------------------
kind=oai-csv
oai="Timestamp, Frame, Slot, IMSI, RNTI, UID, UE_No, DL_THR, UL_THR, ,PH_dB, ul_BLER, ul_MCS, ulsch_total_bytes, ulsch_total_rbs, ,"
{
    echo '[NR_MAC]   Frame.Slot 128.0'
    echo "$oai"
    echo '1740700000001, 12, 7, 0010100000107XX, 46a1, 0, 1, 0.00, 12.50, , 59, 0.05000, 9, 1000, 50, ,'
    echo '[NR_MAC]   UE RNTI 46a1 (1) PH 59 dB, PCMAX 20 dBm, average RSRP 0 (0 meas)'
    echo '1740700000002, 12, 9, 0010100000107XX, 46a1, 0, 1, 0.00, 13.50, , 59, 0.05000, 9, 1233, 60, ,'
    echo '1740700000003, 12, 11, 00101'
    echo "$oai"
} | into
takes oai-csv '.rows == 2 and .text_lines == 2 and .repeated_headers == 1 and .bad_rows == 1 and .bad[0].line == 6'
same oai-csv-values '18081|13.5|1740700000002' "$(sql "$tmp/d.sqlite" 'SELECT rnti, ul_throughput, gnb_timestamp_ms FROM ran_records ORDER BY 3 DESC LIMIT 1')"
echo 'only a log' >"$d"
refuses oai-csv-no-header 'no header line'

kind=influx
{
    printf '# INFLUXDB EXPORT: 1677 - 2262\n# DDL\nCREATE DATABASE slice WITH NAME autogen\n# DML\n# CONTEXT-DATABASE:slice\n'
    echo 'ue_metrics,rnti=46a1 DL_THR=1.5 1740700000001000000'
    echo 'ue_metrics,rnti=46a1 DL_THR=2.5 1740700000002000000'
    echo 'ue_metrics,rnti=46a1 ul_MCS=9i 1740700000001000000'
    echo 'ue_metrics,rnti=46a1 ul_MCS=10i,note="a \"b\" c, d" 1740700000002000000'
    echo 'other,rnti=46a1 ul_MCS=11i 1740700000002000000'
    echo 'ue_metrics,rnti=46a1 ul_MCS'
    echo 'ue_metrics,rnti=46a1 note="open 1740700000002000000'
    echo 'ue_metrics,rnti=46a1 ul_MCS=11i soon'
    printf 'ue_metrics,rnti=46a1 ul_M\0CS=11i 5\n'
} | into
takes influx-lines '.rows == 2 and .bad_rows == 4 and .text_lines == 6 and (.files[0].skipped | has("note"))'
same influx-joined '1.5|9;2.5|10' "$(sql "$tmp/d.sqlite" "SELECT group_concat(dl_throughput || '|' || ul_mcs, ';') FROM (SELECT * FROM ran_records WHERE rnti = 18081 ORDER BY gnb_timestamp_ms)")"
{
    echo '#datatype,string,long,dateTime:RFC3339,double,string,string,string'
    echo '#group,false,false,false,false,true,true,true'
    echo '#default,_result,,,,,,'
    echo ',result,table,_time,_value,_field,_measurement,rnti'
    echo ',,0,2025-02-28T00:00:00.001Z,1.5,DL_THR,ue_metrics,46a1'
    echo ',,1,2025-02-28T00:00:00.001Z,9,ul_MCS,ue_metrics,46a1'
    echo ',,1,tomorrow,9,ul_MCS,ue_metrics,46a1'
} | into
takes influx-annotated '.rows == 1 and .bad_rows == 1 and .text_lines == 3 and .repeated_headers == 1'
same influx-annotated-values '1740700800001|18081|1.5|9' "$(sql "$tmp/d.sqlite" 'SELECT gnb_timestamp_ms, rnti, dl_throughput, ul_mcs FROM ran_records')"
echo 'nothing,of=it x=1 5' >"$d"
refuses influx-other-measurement 'no point of the measurement ue_metrics'
kind=trace-csv
printf 'arrival_s,input_tokens,output_tokens\n0,10,20\n1.5,30,40\n' >"$d"
call import trace-csv "$d" --db "$tmp/trace.sqlite" --json
json trace '.rows == 2 and .requests == 2' "$tmp/out"
same trace-request '1500000000|30|40' "$(sql "$tmp/trace.sqlite" 'SELECT born_ns, input_tokens, output_tokens FROM requests ORDER BY born_ns DESC LIMIT 1')"
printf 'arrival_s,input_tokens\n0,10\n' >"$d"
refuses trace-without-column 'no column output_tokens'
finish
