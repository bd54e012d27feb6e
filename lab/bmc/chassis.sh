#!/bin/sh
# chassis.sh DIR get|set NAME [VALUE] [NAME VALUE]...
#
# The wires between a BMC and its machine, called by ipmi_sim for every status and command. The simulator waits for it and
# answers nobody meanwhile, so a status costs no process but this one; a power-on leaves a detached one behind.
#
#   DIR/power      "pid start-time" of the process that is the machine's power: alive = on
#   DIR/leader     pid of its first child; killing that ends everything the machine runs before the power goes
#   DIR/mainboard  executable that runs the machine
set -u
dir=$1 verb=$2
shift 2

start_time() { # PID
    read -r stat <"/proc/$1/stat" 2>/dev/null || return 1
    set -- ${stat##*) }
    [ "$1" != Z ] || return 1
    shift 19
    started=$1
}

is_on() {
    { read -r pid since <"$dir/power"; } 2>/dev/null || return 1
    start_time "$pid" 2>/dev/null && [ "$started" = "$since" ]
}

power_on() {
    is_on && return 0
    rm -f "$dir/leader"
    # The simulator's sockets must not stay open in the machine, nor its pipe, which it reads to the end.
    (
        exec </dev/null >>"$dir/mainboard.log" 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
        exec setsid "$dir/mainboard"
    ) &
    start_time $! && echo "$! $started" >"$dir/power"
}

to_leader() { # SIGNAL
    { read -r leader <"$dir/leader"; } 2>/dev/null && kill -s "$1" "$leader" 2>/dev/null
}

power_off() {
    is_on || return 0
    # Without a leader nothing runs yet, and the kernel ends what the first process has started.
    to_leader KILL || kill -s KILL "$pid"
}

while [ $# -gt 0 ]; do
    case $verb.$1 in
    get.power) if is_on; then echo power:1; else echo power:0; fi ;;
    get.boot) echo boot:default ;;
    get.*) exit 1 ;;
    set.power) if [ "$2" = 1 ]; then power_on; else power_off; fi || exit 1; shift ;;
    set.reset) is_on && to_leader HUP; shift ;;
    set.shutdown) is_on && to_leader TERM; shift ;;
    set.boot | set.identify) shift ;;
    *) exit 1 ;;
    esac
    shift
done
exit 0
