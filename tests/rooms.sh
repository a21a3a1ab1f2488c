#!/bin/sh
# Checks that every include keeps to docs/design.md's "who may use whom".
# tools, bench, tests -> all; sim -> sched, models, base; sched -> models, base;
# models -> base; datasets -> base and sim's record and trace-item types.
bad=0
cross() { # room, pattern of rooms that it must not include
    if grep -nE "#include \"($2)/" "$1"/*.[ch] 2>/dev/null; then
        echo "^ $1/ must not include these (docs/design.md, the rooms)"
        bad=1
    fi
}
cross base 'sim|models|sched|datasets|tools|bench'
cross models 'sim|sched|datasets|tools|bench'
cross sched 'sim|datasets|tools|bench'
cross sim 'datasets|tools|bench'
cross datasets 'models|sched|tools|bench'
if grep -nE '#include "sim/' datasets/*.[ch] | grep -vE 'sim/(record|trace_item)\.h'; then
    echo "^ datasets/ may only use sim/record.h and sim/trace_item.h"
    bad=1
fi
exit $bad
