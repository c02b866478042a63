#!/usr/bin/env bash
# A cluster with a small shop in it, mirrored into SQLite, until Ctrl-C.
#
#   DEMO_SIZE    factor for the size of the shop, which is filled once (1)
#   DEMO_LISTEN  where Sidemirror listens (127.0.0.1:8080)
#   DEMO_DIR     what is kept: the cluster, the mirror and the logs (demo)
#
# A second start goes on where the first one ended. Whatever it started ends with it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

size=${DEMO_SIZE:-1}
listen=${DEMO_LISTEN:-127.0.0.1:8080}
dir=${DEMO_DIR:-demo}
server=http://$listen
kubeconfig=$dir/kubeconfig
store=sqlite:$dir/mirror.db

devcluster='' sidemirror='' churn='' waiter='' lines=''

alive() { [[ -n $1 ]] && kill -0 "$1" 2>/dev/null; }

# end asks one process to end, waits for it, and insists after twenty seconds.
end() {
	local pid=$1 i
	[[ -n $pid ]] || return 0
	kill -TERM "$pid" 2>/dev/null || true
	for ((i = 0; i < 200; i++)); do
		alive "$pid" || break
		sleep 0.1
	done
	kill -KILL "$pid" 2>/dev/null || true
	wait "$pid" 2>/dev/null || true
}

# finish ends everything in the order in which it depends on each other.
finish() {
	local code=$?
	trap '' INT TERM HUP
	trap - EXIT
	end "$waiter"
	end "$churn"
	end "$sidemirror"
	end "$devcluster"
	[[ -z $lines ]] || rm -rf "$lines"
	exit "$code"
}
trap finish EXIT
trap 'echo; echo "stopping"; exit 0' INT TERM HUP

# broken tells what went wrong with the part that writes to the given log.
broken() {
	echo "demo: $1; the end of $2:" >&2
	tail -n 15 "$2" >&2 || true
	exit 1
}

for binary in devcluster sidemirror; do
	[[ -x bin/$binary ]] || { echo "demo: bin/$binary isn't there; run make demo" >&2; exit 1; }
done
mkdir -p "$dir"
lines=$(mktemp -d)
mkfifo "$lines/stdout" "$lines/stdin"

# The cluster ends with its standard input, so that it can't outlive this script.
echo "starting the cluster"
exec 4<>"$lines/stdin"
bin/devcluster run --data-dir "$dir/cluster" --kubeconfig "$kubeconfig" --exit-with-stdin \
	<"$lines/stdin" >"$lines/stdout" 2>"$dir/devcluster.log" 4>&- &
devcluster=$!
exec 3<"$lines/stdout"
ready=''
while read -r line <&3; do
	if [[ $line == ready:* ]]; then
		ready=$line
		break
	fi
done
[[ -n $ready ]] || broken "the cluster didn't start" "$dir/devcluster.log"

if [[ ! -e $dir/filled ]]; then
	echo "filling the shop"
	bin/devcluster fill --kubeconfig "$kubeconfig" --shop --shop-size "$size" >"$dir/fill.log" 2>&1 &
	churn=$!
	wait "$churn" || broken "the shop wasn't filled" "$dir/fill.log"
	churn=''
	echo "$size" >"$dir/filled"
elif [[ $(<"$dir/filled") != "$size" ]]; then
	echo "the shop is of size $(<"$dir/filled") from before; rm -r $dir makes it new"
fi

echo "mirroring into $store"
bin/sidemirror run --kubeconfig "$kubeconfig" --store "$store" --listen "$listen" \
	>"$dir/sidemirror.log" 2>&1 4>&- &
sidemirror=$!
bin/sidemirror wait --server "$server" --interval 200ms 4>&- &
waiter=$!
while alive "$waiter"; do
	alive "$sidemirror" || broken "Sidemirror ended" "$dir/sidemirror.log"
	sleep 0.1
done
wait "$waiter" || broken "the mirror wasn't completed" "$dir/sidemirror.log"
waiter=''

cat <<END

the page     $server/
the status   $server/api/v1/sync/status
metrics      $server/metrics
kubeconfig   $kubeconfig
mirror       $dir/mirror.db
logs         $dir/sidemirror.log, $dir/devcluster.log

  curl -s $server/api/v1/sync/status
  curl -sN $server/api/v1/sync/events
  curl -s "$server/api/v1/namespaces/checkout/pods?limit=2"

The shop changes a little all the time now. Ctrl-C ends everything; what is in
$dir/ stays for the next start.
END

bin/devcluster churn --kubeconfig "$kubeconfig" --rate 5 >"$dir/churn.log" 2>&1 4>&- &
churn=$!

# The sleep is a child that is waited for, so that a signal is heard at once.
while alive "$devcluster" && alive "$sidemirror"; do
	if [[ -n $churn ]] && ! alive "$churn"; then
		echo "demo: nothing changes any more, see $dir/churn.log" >&2
		churn=''
	fi
	sleep 1 &
	wait $! || true
done
alive "$devcluster" || broken "the cluster ended" "$dir/devcluster.log"
broken "Sidemirror ended" "$dir/sidemirror.log"
