#!/bin/sh
# What texts and comments name is there: files of the repository, targets of links, each file's own
# name in its head, verbs and options of the program, targets of make.
. tests/tools/lib.sh
if ! git ls-files --error-unmatch Makefile >/dev/null 2>&1; then
    skip names "not a checkout"
    exit 0
fi
git ls-files >"$tmp/files"
sed 's|.*/||' "$tmp/files" | sort -u >"$tmp/names"
pages=$(grep '\.md$' "$tmp/files")
code=$(grep '\.\(c\|h\|cu\|sh\)$\|^Makefile$' "$tmp/files")
# none NAME FILE: the list of what is missing is empty
none() { same "$1" "" "$(head -n 20 "$2")"; }

# FILE:PATH of every room's path that has an extension; capitals stand for something (NAME.json), and
# one test needs a file that is missing.
rooms='base\|models\|sched\|sim\|datasets\|tools\|bench\|tests\|docs\|scenarios'
grep -o "\(^\|[^A-Za-z0-9_./\$}-]\)\($rooms\)/[A-Za-z0-9_./*-]*\.[a-z]\+" $pages $code /dev/null |
    sed 's/:[^:a-z]/:/' | grep -v '[A-Z][A-Z]' | grep -v ':tests/sim/bad/none\.json$' | sort -u >"$tmp/paths"
while IFS=: read -r file path; do
    for match in $path; do # a pattern has to match
        [ -e "$match" ] || [ -e "$(dirname "$file")/$path" ] || echo "$file names $path"
    done
done <"$tmp/paths" >"$tmp/missing"
none paths "$tmp/missing"
holds paths-are-many [ "$(wc -l <"$tmp/paths")" -gt 300 ]

grep -o '\](\([^)#:]*\)[#)]' $pages | sed 's/\](//; s/[#)]$//' | sort -u | while IFS=: read -r file path; do
    [ -z "$path" ] || [ -e "$(dirname "$file")/$path" ] || echo "$file links to $path"
done >"$tmp/missing"
none links "$tmp/missing"

# In a page, `fading.c` after `models/propagation.c`.
grep -o '`[A-Za-z0-9_-]*\.\(c\|h\|sh\|cu\|md\)`' $pages | tr -d '`' | sort -u | while IFS=: read -r file name; do
    grep -q -F -x "$name" "$tmp/names" || echo "$file names $name"
done >"$tmp/missing"
none names "$tmp/missing"

for file in $(grep '\.\(c\|h\|cu\|sh\)$' "$tmp/files"); do
    case $(head -n 2 "$file" | tr -d '\n') in
    '/* '* | '#!/bin/sh# '* | '# '*) ;;
    *) echo "$file does not begin by saying its job" ;;
    esac
    sed -n '1,2s/^\(\/\*\|#\) \([a-z0-9_.]*\.\(c\|h\|cu\|sh\)\) - .*/\2/p' "$file" | while read -r name; do
        [ "$name" = "${file##*/}" ] || echo "$file calls itself $name"
    done
done >"$tmp/missing"
none heads "$tmp/missing"

# Commands, broken lines joined, of each page's code: FILE:VERB WORD...
for page in $pages; do
    sed -e ':a' -e '/\\$/{N;s/\\\n *//;ta' -e '}' "$page" |
        awk '/^ *```/ { code = !code } code || /`(build\/)?willmsim/ { print (code ? "" : "`") $0 }' |
        grep -o '\(build/\|^ *\|`\)willmsim [a-z]\+ [^`#|>]*' | sed "s|^.*willmsim |$page:|"
done | sort -u >"$tmp/commands"
# help_of VERB KIND: `phy` and `solve` have a help for each kind
help_of() {
    case $1 in
    phy | solve) "$willmsim" "$1" "$2" --help 2>/dev/null ;;
    *) "$willmsim" "$1" --help 2>/dev/null ;;
    esac
}
while IFS=: read -r page command; do
    set -- $command
    help_of "$1" "$2" >"$tmp/help" || echo "$page: no verb as in $command"
    for word in $(echo "$command" | grep -o -e '--[a-z][a-z0-9-]*'); do
        grep -q -e "$word\($\|[^a-z0-9-]\)" "$tmp/help" || echo "$page: $word of $command"
    done
done <"$tmp/commands" >"$tmp/missing"
none commands "$tmp/missing"
holds commands-are-many [ "$(wc -l <"$tmp/commands")" -gt 30 ]

grep -o '\(^\|`\)make [a-z-]\+\($\|[ `]\)' $pages | tr -d '`' | sed 's/:.*make /:/; s/ *$//' | sort -u | while IFS=: read -r page target; do
    grep -q "^\(.* \)\?$target\( .*\)\?:" Makefile || echo "$page: make $target"
done >"$tmp/missing"
none targets "$tmp/missing"
finish
