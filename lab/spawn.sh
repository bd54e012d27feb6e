# spawn.sh RECORD LOG PROGRAM [ARGUMENT...]
# Becomes PROGRAM, after writing "pid start-time" to RECORD: no moment in which it runs unrecorded.
set -eu
record=$1 log=$2
shift 2
exec </dev/null >>"$log" 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
read -r stat <"/proc/$$/stat"
start=$(set -- ${stat##*) }; shift 19; echo "$1")
echo "$$ $start" >"$record"
exec "$@"
