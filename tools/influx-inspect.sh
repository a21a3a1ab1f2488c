#!/bin/sh
# Builds influx_inspect, which Debian's influxdb package leaves out, from Debian's own source package
# and the Go libraries beside it. usage: influx-inspect.sh OUTPUT
set -eu
out=$1
[ -x "$out" ] && exit 0
for package in golang-go golang-github-influxdb-influxdb-dev; do
    dpkg-query -W "$package" >/dev/null
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The machine's own mirrors, asked for sources. APT's own lists stay as they are.
mkdir -p "$work/parts" "$work/lists/partial" "$work/go/src/github.com/influxdata"
: >"$work/list"
for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [ -e "$f" ] && sed -n 's/^deb /deb-src /p' "$f" >>"$work/list"
done
for f in /etc/apt/sources.list.d/*.sources; do
    [ -e "$f" ] && sed 's/^Types:.*/Types: deb-src/' "$f" >"$work/parts/$(basename "$f")"
done
mv "$work/list" "$work/parts/sources.list"
options="-o Dir::Etc::sourcelist=$work/none -o Dir::Etc::sourceparts=$work/parts -o Dir::State::Lists=$work/lists -o APT::Sandbox::User=root"
log=$work/log
(cd "$work" && apt-get $options -qq update && apt-get $options -qq source --download-only --tar-only influxdb) >"$log" 2>&1 || {
    echo "willmsim: influx-inspect.sh: cannot fetch the source package: $(grep -m1 '^E:' "$log" || tail -n 1 "$log")" >&2
    exit 1
}
tar -xf "$work"/influxdb_*.orig.tar.* -C "$work/go/src/github.com/influxdata"
mv "$work"/go/src/github.com/influxdata/influxdb-* "$work/go/src/github.com/influxdata/influxdb"
GO111MODULE=off GOFLAGS= GOPATH="$work/go:/usr/share/gocode" GOCACHE="$work/cache" \
    go build -o "$out" github.com/influxdata/influxdb/cmd/influx_inspect
