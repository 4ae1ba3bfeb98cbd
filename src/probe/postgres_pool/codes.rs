//! The codes of `postgres_pool`, each with its page.

use crate::model::code::codes;
use crate::probe::pool::{LeftoverCodes, RampCodes};

codes! {
    pub,
    OK "postgres_pool.ok" Pass "the server has room, and its sessions behave"
        "The finding says which part was looked at: slots in use, the demand of the launch, open \
         transactions, or the ramp, with its numbers.\n\nReproduce with the commands under `by hand`."
    FULL "postgres_pool.full" Fail "no ordinary connection slot is free"
        "Every slot that ordinary roles may take is taken (SQLSTATE 53300). Ordinary slots are \
         `max_connections` less `superuser_reserved_connections` and, from version 16, \
         `reserved_connections`.\n\nAt a launch every new pool connection fails, and the pods that \
         need them do not become ready.\n\nFind who holds them: `SELECT usename, application_name, \
         state, count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' GROUP BY 1, 2, 3 \
         ORDER BY 4 DESC;`, as a superuser through a reserved slot. End leaked ones with \
         `pg_terminate_backend`, make pools smaller or put a pooler in front. Raising \
         `max_connections` needs a restart."
    NEARLY_FULL "postgres_pool.nearly-full" Warn "more of a limit is in use than the check allows"
        "The share of the ordinary slots that is in use is above `max_used`. It is a failure where \
         the check states `max_used` itself, and a warning where the default of 80% is meant.\n\n\
         What is used before the launch is not there for it: new replicas will run into the limit \
         during the rolling update, when old and new ones hold connections together.\n\nSee who \
         holds them in the observation's `groups`, or with the query of `postgres_pool.full`."
    PEAKED "postgres_pool.peaked" Warn "the server has been full, or nearly"
        "By the Prometheus of the check more than `max_used` of the ordinary slots were in use at once. \
         What has happened on an ordinary day will happen at the launch, with the launch on top.\n\n\
         Look at the graph of the check's `query` over the last weeks, and at who held the slots then \
         (`pg_stat_activity_count` by `usename` and `application_name`, where the exporter has them)."
    OVER_BUDGET "postgres_pool.over-budget" Fail "the launch can ask for more connections than there are"
        "The stated demand is more than the ordinary slots less the headroom. Nothing is wrong yet; \
         it will be when every replica has filled its pool.\n\nMake `pool_max` smaller (a database \
         rarely runs more than a few statements per core at once), lower the autoscaler's maximum, \
         put a pooler in front, or raise `max_connections`, which needs a restart.\n\nReproduce: \
         `SHOW max_connections; SHOW superuser_reserved_connections;` and the arithmetic in the \
         finding."
    POOL_TOO_SMALL "postgres_pool.pool-too-small" Fail "the pools are too small for the load"
        "By Little's law the stated `rate` times `hold` is the number of connections that are busy \
         on average. The pools together have fewer (a failure), or so few more that they would be \
         busier than 75% (a warning): then requests queue for a connection, and the queue grows \
         faster than the load.\n\nShorten what a transaction does while it holds its connection, \
         before you enlarge the pools: calls to other services and rendering belong outside it."
    LIFETIME "postgres_pool.lifetime-too-long" Fail "pools keep connections longer than they are let live"
        "Pools keep an idle connection for the stated `idle` or `lifetime`; the server \
         (`idle_session_timeout`), the pooler (`client_idle_timeout`) or something on the way \
         (`path_idle`) ends it sooner. The first request that takes such a connection fails, or \
         hangs until TCP gives up, typically in the quiet minutes before the peak.\n\nMake \
         `maxLifetime` and `idleTimeout` of the pools shorter than the shortest of the three, with a \
         minute to spare; for `path_idle` early TCP keepalives (`keepalives_idle`) help \
         too.\n\nLook: `SHOW idle_session_timeout;`."
    ROLE_LIMIT "postgres_pool.role-limit" Fail "the role's own connection limit is in the way"
        "The role has a `CONNECTION LIMIT`, and it is used up, nearly so, or smaller than the \
         demand. The error is the same 53300 as of a full server, but raising `max_connections` \
         does not help.\n\nA role that may read other sessions (`pg_monitor`) is taken for a \
         monitoring role, not for the pool's own: its limit against the demand is only a \
         warning.\n\nLook: `SELECT rolconnlimit FROM pg_roles WHERE rolname = 'ROLE';` Fix: `ALTER \
         ROLE … CONNECTION LIMIT n`."
    DATABASE_LIMIT "postgres_pool.database-limit" Fail "the database's own connection limit is in the way"
        "The database has a `CONNECTION LIMIT`, and it is used up, nearly so, or smaller than the \
         demand. The error is the same 53300 as of a full server, but raising `max_connections` \
         does not help.\n\nLook: `SELECT datconnlimit FROM pg_database WHERE datname = \
         'DATABASE';` Fix: `ALTER DATABASE … CONNECTION LIMIT n`."
    IDLE_IN_TRANSACTION "postgres_pool.idle-in-transaction" Warn "sessions sit in open transactions doing nothing"
        "A session that is idle in a transaction keeps its slot, its locks and the dead rows that \
         nobody may clean up meanwhile. For long it is nearly always a leak: a transaction whose \
         end was forgotten on some path of an error.\n\nIt is a failure where the check states \
         `max_idle_in_transaction` itself, and a warning where the default of 5 minutes is \
         meant.\n\nThe finding names processes and applications; end one with `SELECT \
         pg_terminate_backend(PID);`. Set `idle_in_transaction_session_timeout` as a safety net."
    LOCK_WAIT "postgres_pool.lock-wait" Warn "sessions have been waiting for locks"
        "A session has waited for a lock for longer than `max_lock_wait`. It is a failure where the check \
         states it, and a warning where the default of ten seconds is meant. It holds a slot of the pool \
         while it waits. Before version 14 the server does not tell when the wait began: then it counts \
         from the beginning of the statement.\n\nThe \
         finding names who waits and for whom. `SELECT pid, pg_blocking_pids(pid), query FROM \
         pg_stat_activity WHERE wait_event_type = 'Lock';` shows the statements. A migration that \
         waits for an exclusive lock blocks everybody behind it: give it a `lock_timeout`."
    LOCK_PILE_UP "postgres_pool.lock-pile-up" Warn "sessions pile up behind a lock"
        "Three sessions or more wait for locks, and one of them for longer than `max_lock_wait`. Each holds a \
         slot of the pool while it waits, so a pile behind one forgotten lock empties every pool in minutes. \
         It is a failure where the check states `max_lock_wait`, and a warning where it does not.\n\nThe \
         finding names who is at the head: end that one, and the pile dissolves (`SELECT \
         pg_terminate_backend(PID);`). `SELECT pid, pg_blocking_pids(pid), query FROM pg_stat_activity \
         WHERE wait_event_type = 'Lock';` shows the statements. A migration that waits for an exclusive \
         lock blocks everybody behind it: give it a `lock_timeout`."
    LONG_TRANSACTION "postgres_pool.long-transaction" Warn "a transaction has been open for long"
        "A transaction has been open for more than an hour. As long as it is, nothing that was \
         deleted or updated since can be cleaned up, in any table, and what reads those tables slows \
         down; a schema change may wait for it.\n\nIt may be a report or a dump that is meant. Else \
         end it: `SELECT pg_terminate_backend(PID);`. Look: `SELECT pid, xact_start, query FROM \
         pg_stat_activity ORDER BY xact_start NULLS LAST LIMIT 5;`"
    OLD_SNAPSHOT "postgres_pool.old-snapshot" Warn "an old snapshot keeps dead rows from being cleaned up"
        "Something holds a snapshot that is more than 50 million transactions old: a long \
         transaction, a prepared one that nobody has finished, or a replication slot whose consumer \
         is gone. Tables bloat, and the database comes nearer to the wraparound of transaction \
         ids.\n\nLook: `SELECT gid, prepared FROM pg_prepared_xacts;` and `SELECT slot_name, active, \
         age(xmin), age(catalog_xmin) FROM pg_replication_slots;`"
    REPLICATION_LAG "postgres_pool.replication-lag" Warn "a standby is far behind"
        "A standby has not replayed what the primary wrote more than 30 seconds ago, or has more than \
         64 MiB of the log left to replay. Reads from it \
         are stale, and a failover to it loses or waits for that much.\n\nA query on the standby may \
         hold the replay back (`max_standby_streaming_delay`), or the standby's disk or the network \
         does not keep up: the peak of the launch will not help.\n\nLook: `SELECT application_name, \
         state, replay_lag FROM pg_stat_replication;`"
    UNTRACKED "postgres_pool.untracked" Unknown "the server keeps no record of what some sessions do"
        "`track_activities` is off for some sessions, so nobody can see whether they are idle in a \
         transaction.\n\nLook: `SELECT pid, usename FROM pg_stat_activity WHERE state = \
         'disabled';`. Set `track_activities = on`, for the server and for the role."
    BAD_PASSWORD "postgres_pool.bad-password" Fail "the server does not accept the password"
        "The server knows how the role must prove itself and the proof was wrong (SQLSTATE 28P01). \
         A role that does not exist is answered in the same way, on purpose.\n\nIf the application \
         has the same secret it cannot connect either. Compare what is stored with `psql \
         'postgresql://USER@HOST/DB'`; a password with `@`, `/` or `%` in it must be \
         percent-encoded in a URL. Passwords can expire: `SELECT rolvaliduntil FROM pg_roles`."
    LOGIN_DENIED "postgres_pool.login-denied" Fail "the server does not let the role in"
        "The server answered the login with an error that is neither a wrong password nor a full \
         server: no line of pg_hba.conf fits this host, user, database and kind of connection \
         (28000), the role may not log in, or it has no CONNECT privilege on the database \
         (42501).\n\nThe finding quotes the server. `SELECT * FROM pg_hba_file_rules;` as a \
         superuser shows which lines are in force; remember to reload after an edit."
    NO_DATABASE "postgres_pool.no-database" Fail "there is no database of that name"
        "The server answers and has no database of the URL's name (SQLSTATE 3D000). It may be the \
         wrong server, or the migration that creates the database has not run.\n\nLook: `psql -l`."
    STARTING_UP "postgres_pool.starting-up" Fail "the server is not ready for connections"
        "The server is there but takes no sessions now: it starts, recovers after a crash, or shuts \
         down (SQLSTATE 57P03, 57P01, 57P02).\n\nWait and run the check again; `retry: { on: \
         [unknown, fail] }` does it by itself. A recovery that does not end is told in the server's \
         log."
    READ_ONLY "postgres_pool.read-only" Warn "the server cannot write"
        "The session is on a standby, or transactions are read-only by default. It is a failure \
         where the URL says `target_session_attrs=read-write` or `primary`, else a warning: an \
         application with this URL would fail at its first write.\n\nLook: `SELECT \
         pg_is_in_recovery(); SHOW default_transaction_read_only;`. If a standby is meant, write \
         `?target_session_attrs=standby` into the URL."
    WRITABLE "postgres_pool.writable" Fail "the server is a primary where the URL asks for another"
        "The URL says `target_session_attrs=read-only` or `standby`, and the session can write. \
         libpq would refuse this server, so an application with this URL does not connect.\n\nLook: \
         `SELECT pg_is_in_recovery();`. A failover may have made the standby a primary."
    NO_ADDRESS "postgres_pool.no-address" Fail "the server's name has no address"
        "The resolver answered that there is no such name, or none with an address. An application \
         on this machine cannot connect.\n\nLook: `dig NAME`."
    REFUSED "postgres_pool.refused" Fail "nothing listens at the server's address"
        "The connection was refused or reset: the host is there, the server is not. It is down, \
         listens on another port, or only on other addresses (`listen_addresses`).\n\nLook: \
         `pg_isready -h HOST -p PORT`."
    HUNG_UP "postgres_pool.hung-up" Fail "the connection was closed during the login"
        "Something took the connection and closed it without a word. A load balancer without a \
         healthy server behind it does that, and so does a server that crashes.\n\nLook at the \
         proxy's view of its servers, and at the server's log."
    NO_TLS "postgres_pool.no-tls" Fail "the server has no TLS, and the URL insists on it"
        "`sslmode` of the URL is `require` or more, and the server answered that it has no TLS. An \
         application with this URL does not connect.\n\nSet `ssl = on` with `ssl_cert_file` and \
         `ssl_key_file`; look: `SHOW ssl;`."
    TLS_UNTRUSTED "postgres_pool.tls-untrusted" Fail "the server's certificate is not to be trusted"
        "`sslmode` asks for a verified certificate, and this one is not: unknown issuer, another \
         name, or out of date. An application with this URL does not connect.\n\nLook: `openssl \
         s_client -starttls postgres -connect HOST:PORT -showcerts`. Name the right root with \
         `sslrootcert`; without it the system's roots are used."
    TLS_FAILED "postgres_pool.tls-failed" Fail "the server refused the TLS handshake"
        "The server ended the TLS handshake: it wants a client certificate, or shares no version or \
         cipher with this client.\n\nLook: `openssl s_client -starttls postgres -connect \
         HOST:PORT`, and at `ssl_min_protocol_version` of the server."
    POOLER_CLIENTS "postgres_pool.pooler-clients" Warn "the pooler has, or would get, too many clients"
        "PgBouncer takes `max_client_conn` clients in all. The finding says whether they are all \
         there, more than `max_used` of them, or whether the stated demand less the headroom does \
         not fit. Clients beyond the limit are turned away at the login.\n\nRaise \
         `max_client_conn` (each client costs a few kilobytes and a file descriptor: mind `ulimit \
         -n`) and reload, or make the pools of the applications smaller.\n\nLook: `psql -p PORT \
         pgbouncer -c 'SHOW LISTS' -c 'SHOW CONFIG'`."
    POOLER_WAIT "postgres_pool.pooler-wait" Fail "clients of the pooler wait for a connection to the server"
        "Clients waited in two looks half a second apart, or one has waited for over a second: the \
         pool has fewer connections than its clients need. Where they waited in both looks, but none \
         of them for half a second, it is a warning: one after the other waits for a moment. Opening a connection to PgBouncer still \
         works; every statement is late.\n\nLook for transactions that do other things meanwhile, \
         then at `pool_size`. A bigger pool helps only while the server has idle cores.\n\nLook: \
         `psql -p PORT pgbouncer -c 'SHOW POOLS'`: `cl_waiting`, `maxwait`."
    POOLER_EXHAUSTED "postgres_pool.pooler-exhausted" Fail "all connections of the pool are taken"
        "A statement of this check got no connection to the server within its time: all \
         `pool_size` and reserve connections of the pool are in use. Applications meet the same \
         now: their logins work and their statements hang, until `query_wait_timeout` turns them \
         away.\n\nLook who holds them: `SELECT * FROM pg_stat_activity WHERE state LIKE 'idle in \
         transaction%';` on the server, and `SHOW SERVERS` on PgBouncer."
    POOLER_BACKEND "postgres_pool.pooler-backend" Fail "the pooler has no connection to its server"
        "A statement of this check got no answer, and the pool has not one open connection to the \
         server behind it: the server is down, full, or refuses the pooler's password.\n\nLook: \
         PgBouncer's log says why (`server login failed`); `SHOW SERVERS`; then check the server by \
         a URL that leads to it directly."
    POOLER_PAUSED "postgres_pool.pooler-paused" Fail "the pooler holds the database back"
        "Somebody has said `PAUSE` or `DISABLE` on PgBouncer's console, for maintenance perhaps, \
         and has not taken it back.\n\nLook: `psql -p PORT pgbouncer -c 'SHOW DATABASES'`. Fix: \
         `RESUME` or `ENABLE`, after asking who it was."
    POOLER_OVERSIZED "postgres_pool.pooler-oversized" Fail "the pools can open more connections than the server has"
        "PgBouncer has a pool of `pool_size` plus reserve for each pair of database and user. All \
         pools that lead to this server can together open more connections than it has ordinary \
         slots, so under load some of them will be refused (53300), and PgBouncer then turns their \
         clients away for `server_login_retry`.\n\nMake `pool_size` smaller, or set \
         `max_db_connections`. It is counted by the pools there are now, and of a pooler of `poolers` \
         where nobody has logged in yet as one pool; each further user brings another.\n\nLook: `SHOW \
         POOLS`, `SHOW DATABASES`; on the server `SHOW \
         max_connections`."
    POOLER "postgres_pool.pooler" Unknown "a pooler answers, and it cannot be looked into"
        "The session is with a pooler such as PgBouncer: it greets with a process id that is not \
         the server's. That a connection opens through it proves nothing, and its admin console, \
         which would tell, does not let the role in, or there is none.\n\nAdd the role to \
         `stats_users` in pgbouncer.ini and reload (it may look and change nothing); look by hand \
         with `psql -p PORT pgbouncer -c 'SHOW POOLS'`. For another pooler, check the server by a \
         URL that leads to it directly."
    POOLER_REFUSED "postgres_pool.pooler-refused" Fail "the pooler does not let the role in"
        "What answered is not PostgreSQL itself but a pooler before it, and it said no. PgBouncer \
         uses one error code for everything (08P01), so only its words, quoted in the finding, tell \
         `no more connections allowed (max_client_conn)` from `query_wait_timeout` or a server \
         behind it that cannot be reached.\n\nLook: `psql -p PORT -U ADMIN pgbouncer -c 'SHOW \
         POOLS' -c 'SHOW CONFIG'`, and at PgBouncer's log."
    RAMP_REFUSED "postgres_pool.ramp-refused" Unknown "the ramp was not done, because it would not have been safe"
        "The check asks for a ramp, and it was held back: too few slots are free to keep a fifth of \
         the limit, and at least ten, free at all times; or the role may take reserved slots \
         (superuser, `pg_use_reserved_connections`), which are the way in when all others are \
         taken; or a pooler answers whose console could not be looked into.\n\nNothing was opened and nothing is known about the server \
         under load. Run it as an ordinary role, in a quieter hour, or leave `ramp` out: the budget \
         needs no load."
    RAMP_ERRORS "postgres_pool.ramp-errors" Fail "logins or statements failed during the ramp"
        "A login or a statement of the ramp failed although slots were free. The ramp stopped at \
         once and gave everything back. The finding counts failures by SQLSTATE and quotes the \
         first.\n\n53300 is a limit that was not known, or slots that others took at that moment; \
         `lost` is silence."
    RAMP_SLOW "postgres_pool.ramp-slow" Warn "statements were too slow during the ramp"
        "The 99th percentile of `SELECT 1`, counted from when it was due, was above `max_p99` (a \
         failure), or more than five times what it was with one connection (a warning). The ramp \
         stopped there.\n\nA statement that does nothing waits for a core, for the network, or for \
         this machine: `own_delay` in the observation is how late this machine \
         was by itself, and `own_cpu` the share of its processors that the ramp took. Where they say \
         that this machine is the bottleneck, the finding says so too and blames nobody else.\n\nCompare: `pgbench -n -c N -T 10 -f <(echo 'SELECT 1')`."
    RAMP_CUT "postgres_pool.ramp-cut" Unknown "the ramp was cut short"
        "The ramp stopped before it reached its plan, for no fault of its own connections: other \
         clients took slots until too few were free, clients of the pooler waited for a second, the time \
         allowed was over, the number of its `guard` went too high, or the slots could not be watched any \
         more. What was measured by then is in the observation.\n\nRun it again in a quieter hour, or with a longer `timeout`."
    LEAK "postgres_pool.leak" Warn "connections of this probe are still open"
        "After the ramp all connections were closed, and two seconds later the server still had \
         some of them. They hold slots.\n\nEnd them: `SELECT pg_terminate_backend(pid) FROM \
         pg_stat_activity WHERE application_name = 'gonogo-…';` with the name in the finding. From \
         version 14 on the server ends them by itself soon, through `idle_session_timeout`."
    LEFTOVERS "postgres_pool.leftovers" Warn "connections of a killed ramp are still open"
        "A ramp of an earlier run was killed, or its machine vanished, and the server has not noticed \
         yet: something between still holds the connections open. They hold slots. The server ends them by \
         itself, by its keepalives or, from version 14, `idle_session_timeout`, which each ramp sets.\n\n\
         See them: `gonogo check postgres_pool URL --cleanup`; end them, and nothing else: add \
         `--apply`. By hand: `SELECT pid, application_name, state_change, query FROM pg_stat_activity \
         WHERE query LIKE '/* gonogo-%';` and `pg_terminate_backend`. Unknown, where a check asks for \
         `cleanup` and a pooler answers: name the server itself, or let PgBouncer's \
         `client_idle_timeout` end them."
}

/// What ramps are judged with.
pub(super) static RAMP: RampCodes = RampCodes {
    ok: &OK,
    refused: &RAMP_REFUSED,
    errors: &RAMP_ERRORS,
    slow: &RAMP_SLOW,
    cut: &RAMP_CUT,
    leak: &LEAK,
};

/// What leftovers are judged with.
pub(super) static LEFTOVERS_OF: LeftoverCodes = LeftoverCodes { ok: &OK, leftovers: &LEFTOVERS };
