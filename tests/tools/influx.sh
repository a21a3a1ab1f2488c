#!/bin/sh
# A real InfluxDB 1.x: points are written to it, and what it gives back, imported, equals the import
# of the same records as CSV. It gives them back twice: as the CSV of a query, and, once it is
# stopped, as line protocol that `influx_inspect export` makes of its .tsm and .wal files
# (tools/influx-inspect.sh builds that program).
# `make test-influx` installs InfluxDB and runs this; `make test` does not.
. tests/tools/lib.sh

for program in influxd curl; do
    command -v $program >/dev/null 2>&1 || {
        echo "not ok influx: no $program; run 'make test-influx', which installs it"
        exit 1
    }
done
port=18086
mkdir -p "$tmp/db/meta" "$tmp/db/data" "$tmp/db/wal"
cat >"$tmp/influxdb.conf" <<END
reporting-disabled = true
bind-address = "127.0.0.1:18088"
[meta]
  dir = "$tmp/db/meta"
[data]
  dir = "$tmp/db/data"
  wal-dir = "$tmp/db/wal"
  index-version = "inmem"
[http]
  bind-address = "127.0.0.1:$port"
[[udp]]
  enabled = false
END
influxd run -config "$tmp/influxdb.conf" >"$tmp/influxd.log" 2>&1 &
pid=$!
trap 'kill $pid 2>/dev/null; wait $pid 2>/dev/null; rm -rf "$tmp"' EXIT
for _ in $(seq 100); do
    curl -s -o "$tmp/ping" -w '%{http_code}' "http://127.0.0.1:$port/ping" 2>/dev/null | grep -q 204 && break
    sleep 0.2
done
curl -s -XPOST "http://127.0.0.1:$port/query" --data-urlencode 'q=CREATE DATABASE slice_bucket' >/dev/null

# Records of a run, as the testbed writes them: measurement ue_metrics, tag rnti, a field a metric.
call run scenarios/slices-30-60-90.json --set duration_s=40 --set output.ran_records_ms=10 --quiet --out "$tmp/run.sqlite"
call export "$tmp/run.sqlite" records --csv --spelling willm
awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) name[i] = $i; next }
    { line = "ue_metrics,rnti="; fields = ""; time = 0
      for (i = 1; i <= NF; i++) {
        if (name[i] == "RNTI") line = line $i
        if (name[i] == "gNB Timestamp") time = $i
        if (name[i] ~ /^(DL_THR|UL_THR|dl_BLER|ul_BLER)$/ && $i != "") fields = fields "," name[i] "=" $i
        if (name[i] ~ /^(Frame|Slot|UID|UE_No|PH_dB|ul_MCS|dl_MCS|ulsch_current_bytes|ulsch_current_rbs)$/ && $i != "") fields = fields "," name[i] "=" $i "i"
        if (name[i] == "IMSI" || name[i] == "slice_id") fields = fields "," name[i] "=\"" $i "\""
      }
      printf "%s %s %.0f000000\n", line, substr(fields, 2), time + 1740700000000 }' "$tmp/out" >"$tmp/points"
same influx-points 4000 "$(wc -l <"$tmp/points")"
code=$(curl -s -o "$tmp/answer" -w '%{http_code}' -XPOST "http://127.0.0.1:$port/write?db=slice_bucket" --data-binary "@$tmp/points")
same influx-written 204 "$code"
curl -s -G "http://127.0.0.1:$port/query" -H 'Accept: application/csv' \
    --data-urlencode db=slice_bucket --data-urlencode epoch=ns \
    --data-urlencode 'q=SELECT * FROM ue_metrics' >"$tmp/query.csv"
# The same records as CSV, and the columns that both have.
call export "$tmp/run.sqlite" records --csv --spelling willm --out "$tmp/run.csv"
call import willm "$tmp/run.csv" --db "$tmp/csv.sqlite" --quiet
ask() { sql "$1" "SELECT gnb_timestamp_ms - $2, frame_number, slot_number, imsi, rnti, ue_id, ue_number,
    dl_throughput, ul_throughput, ph_db, dl_mcs, ul_mcs, dl_bler, ul_bler, ulsch_current_bytes,
    ulsch_current_rbs, slice_id FROM ran_records ORDER BY gnb_timestamp_ms" | digest; }
expected=$(ask "$tmp/csv.sqlite" 0)
equals() { # NAME FILE
    call import influx "$2" --db "$tmp/$1.sqlite" --json
    same "influx-$1-imported" 0 "$rc"
    json "influx-$1-report" '.rows == 4000 and .bad_rows == 0 and .files[0].skipped == {}' "$tmp/out"
    same "influx-$1-equals-csv" "$expected" "$(ask "$tmp/$1.sqlite" 1740700000000)"
}
equals query "$tmp/query.csv"
kill $pid
wait $pid 2>/dev/null
if command -v influx_inspect >/dev/null 2>&1; then
    holds influx-exports influx_inspect export -datadir "$tmp/db/data" -waldir "$tmp/db/wal" -database slice_bucket -out "$tmp/export.txt"
    equals export "$tmp/export.txt"
else
    skip influx-export 'no influx_inspect on this machine'
fi
finish
