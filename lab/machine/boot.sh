# boot.sh SWITCH BRIDGE PORT ADDRESS/PREFIX MAC CGROUP[:CGROUP...] PROGRAM [ARGUMENT...]
# Becomes PROGRAM in control groups of its own, its new network namespace cabled to the lab's switch.
set -eu
switch=$1 bridge=$2 port=$3 address=$4 mac=$5 cgroups=$6
shift 6
IFS=:
for cgroup in $cgroups; do
    echo 0 >"$cgroup/cgroup.procs"
done
unset IFS
ip link set lo up
# The namespace of the boot before this one may still be on its way out, with its end of the cable.
ip -netns "$switch" link delete "$port" 2>/dev/null || true
ip link add eth0 address "$mac" type veth peer name "$port" netns "$switch"
ip -netns "$switch" link set "$port" master "$bridge" up
ip address add "$address" dev eth0
ip link set eth0 up
exec "$@"
