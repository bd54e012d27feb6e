# ignite.sh DIR PROGRAM [ARGUMENT...]
# First process of the machine's namespaces: notes its pid as the outside knows it, gives the namespace a /proc of its own
# (programs that look processes up by number would find strangers in the outer one) and a /run/systemd of its own (where
# systemd-nspawn leaves things behind), and becomes PROGRAM.
set -eu
dir=$1
shift
read -r pid rest </proc/self/stat
echo "$pid" >"$dir/leader.new"
mv "$dir/leader.new" "$dir/leader"
mount -t proc -o nosuid,nodev,noexec proc /proc
mkdir -p /run/systemd
mount -t tmpfs -o nosuid,nodev,mode=755 tmpfs /run/systemd
exec "$@"
