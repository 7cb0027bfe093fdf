#!/bin/bash
# Two hosts on one machine: network namespaces with names of their own, a wire between them with a rate, a delay and losses, and Open MPI
# over it. As root:
#   bench/hosts/two-hosts.sh RATE DELAY_MS LOSS_PERCENT PROGRAM ARGUMENTS…
#   bench/hosts/two-hosts.sh 1gbit 0 0 ink bench train --config microlm-31m --precision bf16 --threads 1
# The rate is kept by tc's tbf in the kernel. Delay and losses are netem's where the kernel has it; where not, a program beside this one
# (relay.cs) carries the frames, which costs processor time, so leave both at 0 where time is measured.
# RANKS_PER_HOST=2 starts two processes on each. Each host has one half of this machine's processors. Ends with code 77, and the reason, where namespaces cannot be made.
set -eu
rate=$1 delay=$2 loss=$3 ranks=${RANKS_PER_HOST:-1}
shift 3
skip() { echo "skipped: $1" >&2; exit 77; }
[ "$(id -u)" = 0 ] || skip "network namespaces need root"
for tool in ip tc mpirun unshare; do command -v $tool >/dev/null || skip "$tool is not installed"; done
here=$(cd "$(dirname "$0")" && pwd)
a=ink-a-$$ b=ink-b-$$ w=ink-w-$$ relay=
work=$(mktemp -d)
end() {
    [ -z "$relay" ] || kill "$relay" 2>/dev/null || true
    for n in $a $b $w; do ip netns del $n 2>/dev/null || true; done
    rm -rf "$work"
}
trap end EXIT
trap 'exit 143' TERM INT
ip netns add $a 2>/dev/null || skip "this kernel or container makes no network namespaces"
ip netns add $b
ip netns add $w
# host a — (in a) eth0 = left (in w) … right (in w) = eth0 (in b) — host b
ip link add left netns $w type veth peer name eth0 netns $a || skip "this kernel has no veth"
ip link add right netns $w type veth peer name eth0 netns $b
address() {
    ip -n $1 link set lo up
    ip -n $1 addr add 10.77.0.$2/24 dev eth0
    ip -n $1 link set eth0 up
    ip netns exec $1 tc qdisc add dev eth0 root handle 1: tbf rate $rate burst 256kb latency 100ms || skip "this kernel has no tbf"
}
address $a 1
address $b 2
ip -n $w link set left up
ip -n $w link set right up
if [ "$delay" = 0 ] && [ "$loss" = 0 ]; then
    ip -n $w link add bridge type bridge 2>/dev/null && ip -n $w link set left master bridge && ip -n $w link set right master bridge &&
        ip -n $w link set bridge up || skip "this kernel has no bridge"
elif ip netns exec $a tc qdisc add dev eth0 parent 1: netem delay ${delay}ms loss $loss% 2>/dev/null; then
    ip netns exec $b tc qdisc add dev eth0 parent 1: netem delay ${delay}ms loss $loss%
    ip -n $w link add bridge type bridge && ip -n $w link set left master bridge && ip -n $w link set right master bridge
    ip -n $w link set bridge up
else
    echo "no netem in this kernel: relay.cs delays and loses frames" >&2
    for n in $a $b; do ip -n $n link set eth0 gso_max_segs 1; done # one frame at a time
    dotnet build "$here/relay.cs" -o "$work/relay" -v q >"$work/build" 2>&1 || { cat "$work/build" >&2; exit 1; }
    ip netns exec $w dotnet "$work/relay/relay.dll" left right "$delay" "$loss" >&2 &
    relay=$!
    sleep 2
fi
# Without processors of their own the processes of both hosts, of which each takes its own for all there are, would meet on the first one.
processors=$(nproc) first= second=
if [ "$processors" -gt 1 ] && command -v taskset >/dev/null; then
    first="taskset -c 0-$((processors / 2 - 1))" second="taskset -c $((processors / 2))-$((processors - 1))"
fi
# The launcher runs on host a; "ssh" to host b is a shell in its namespaces.
cat >"$work/rsh" <<END
#!/bin/bash
shift
exec ip netns exec $b $second unshare --uts bash -c 'hostname host-b; exec bash -c "\$1"' - "\$*"
END
chmod +x "$work/rsh"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
ip netns exec $a $first unshare --uts bash -c 'hostname host-a; exec "$@"' - \
    mpirun -n $((2 * ranks)) --host 10.77.0.1:$ranks,10.77.0.2:$ranks --bind-to none --mca plm_rsh_agent "$work/rsh" --mca btl tcp,self --mca pml ob1 \
    --mca btl_tcp_if_include eth0 --mca oob_tcp_if_include eth0 -x TERM=dumb "$@"
