# SPDX-License-Identifier: BSD-2-Clause
# A private PostgreSQL server in $dir/pg: a Unix socket in $dir/pg/run and no TCP port, run by an
# unprivileged user, its tables small enough to stay in memory. Source after lib.sh.

pg_user=postgres
[ "$(id -u)" != 0 ] || id "$pg_user" >/dev/null 2>&1 || pg_user=nobody

# Debian keeps the server's programs out of PATH, one directory a version.
pg_bin() {
	local bin
	for bin in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -rV) /usr/bin /usr/local/bin; do
		if [ -x "$bin/initdb" ] && [ -x "$bin/postgres" ]; then
			echo "$bin"
			return
		fi
	done
	skip "postgresql is not installed"
}

# as_pg COMMAND…: becomes the command, as the server's user, dying with this shell.
as_pg() {
	local user=()
	[ "$(id -u)" != 0 ] ||
		user=(--reuid="$(id -u $pg_user)" --regid="$(id -g $pg_user)" --clear-groups)
	exec setpriv "${user[@]}" --pdeathsig TERM env -C "$dir/pg" HOME="$dir/pg" "$@"
}

# pg_setup SCALE: a cluster with pgbench's tables.
pg_setup() {
	local bin
	bin=$(pg_bin)
	need pgbench setpriv
	mkdir -p "$dir/pg/run"
	if [ "$(id -u)" = 0 ]; then
		# The server's user must be able to reach its directory.
		chmod 755 "$dir"
		chown -R "$pg_user" "$dir/pg"
	fi
	(as_pg "$bin/initdb" -D "$dir/pg/data" -A trust -U bench -E UTF8 --locale=C --no-sync) >/dev/null
	pg_start
	(as_pg "$bin/createdb" -h "$dir/pg/run" -U bench bench) || die "createdb failed"
	(as_pg pgbench -h "$dir/pg/run" -U bench -i -s "$1" -q bench) >/dev/null 2>&1 ||
		die "pgbench -i failed"
	pg_stop
}

pg_pid=

# pg_start [SECONDS]: returns when the server answers; it ends by itself after SECONDS.
pg_start() {
	local bin tries=0
	bin=$(pg_bin)
	as_pg timeout -k 5 "${1:-120}" "$bin/postgres" -D "$dir/pg/data" -k "$dir/pg/run" \
		-c listen_addresses= -c shared_buffers=128MB -c fsync=on -c autovacuum=off \
		>"$dir/pg.log" 2>&1 </dev/null &
	pg_pid=$!
	started+=("$pg_pid")
	until (as_pg "$bin/psql" -h "$dir/pg/run" -U bench -d postgres -c 'select 1') >/dev/null 2>&1; do
		tries=$((tries + 1))
		[ $tries -lt 100 ] || die "postgres did not start: $(tail -1 "$dir/pg.log")"
		kill -0 "$pg_pid" 2>/dev/null || die "postgres ended: $(tail -1 "$dir/pg.log")"
		sleep 0.1
	done
}

pg_stop() {
	kill -TERM "$pg_pid" 2>/dev/null || true
	wait "$pg_pid" 2>/dev/null || true
}

# pg_bench SECONDS CLIENTS OPTIONS…: prints transactions per second.
pg_bench() {
	local run=$1 clients=$2
	shift 2
	(as_pg timeout -k 5 $((run + 20)) pgbench -h "$dir/pg/run" -U bench -n -T "$run" -c "$clients" \
		-j "$clients" "$@" bench) 2>/dev/null | sed -n 's/^tps = \([0-9.]*\).*/\1/p'
}
