//! The codes of `mysql_pool`, each with its page.

use crate::model::code::codes;
use crate::probe::pool::{LeftoverCodes, RampCodes};

codes! {
    pub,
    OK "mysql_pool.ok" Pass "the server has room, and its sessions behave"
        "The finding says which part was looked at: connections in use, the demand of the launch or open \
         transactions, with its numbers.\n\nReproduce with the commands under `by hand`."
    FULL "mysql_pool.full" Fail "the server takes no more connections"
        "`max_connections` are in use (error 1040, `Too many connections`). One more is kept for an \
         account with CONNECTION_ADMIN (SUPER before MySQL 8), and MariaDB can have an `extra_port`.\n\n\
         Find who holds them: `SHOW PROCESSLIST;`. End leaked ones with `KILL`, make pools smaller, or \
         `SET GLOBAL max_connections` (no restart; mind open files)."
    NEARLY_FULL "mysql_pool.nearly-full" Warn "more connections are in use than the check allows"
        "The share of `max_connections` in use is above `max_used`. It is a failure where the check states \
         `max_used` itself, and a warning where the default of 80% is meant.\n\nA rolling update holds old \
         and new connections together. See `mysql_pool.full` for how to find who holds them."
    PEAKED "mysql_pool.peaked" Warn "the server has been full, or nearly, since it started"
        "`Max_used_connections` is above `max_used` of `max_connections`: at its highest since the start (or \
         the last `FLUSH STATUS`) the server was that full. One more than `max_connections` means that \
         somebody was turned away.\n\nLook: `SHOW GLOBAL STATUS LIKE 'Max_used_connections%';` MariaDB and \
         MySQL 8 say when it was in `Max_used_connections_time`."
    OVER_BUDGET "mysql_pool.over-budget" Fail "the launch can ask for more connections than there are"
        "The stated demand is more than `max_connections` less the headroom.\n\nMake `pool_max` smaller, \
         lower the autoscaler's maximum, put a proxy in front, or raise `max_connections`."
    USER_LIMIT "mysql_pool.user-limit" Fail "the account's own connection limit is in the way"
        "The account, or `max_user_connections`, allows fewer connections than are in use or asked for \
         (errors 1226 and 1203). Raising `max_connections` does not help.\n\nLook: `SELECT \
         @@max_user_connections;` as that user, `SHOW CREATE USER`. Fix: `ALTER USER … WITH \
         MAX_USER_CONNECTIONS n`."
    POOL_TOO_SMALL "mysql_pool.pool-too-small" Fail "the pools are too small for the load"
        "By Little's law the stated `rate` times `hold` is the number of connections that are busy on \
         average. The pools together have fewer (a failure), or would be busier than 75% (a \
         warning).\n\nShorten what a transaction does while it holds its connection, before you enlarge \
         the pools."
    LIFETIME "mysql_pool.lifetime-too-long" Fail "pools keep connections longer than they are let live"
        "Pools keep an idle connection for the stated `idle` or `lifetime`; the server (`wait_timeout`) or \
         something on the way (`path_idle`) ends it sooner. The first request that takes such a connection \
         fails with `server has gone away`.\n\nMake `maxLifetime` and `idleTimeout` of the pools shorter, \
         with a minute to spare. Look: `SHOW GLOBAL VARIABLES LIKE 'wait_timeout';`"
    IDLE_IN_TRANSACTION "mysql_pool.idle-in-transaction" Warn "sessions sit in open transactions doing nothing"
        "A session sleeps in an open InnoDB transaction: it keeps its connection, its locks and old \
         versions of rows. For long it is nearly always a leak. It is a failure where the check states \
         `max_idle_in_transaction` itself, and a warning where the default of 5 minutes is \
         meant.\n\nLook: `SELECT * FROM information_schema.INNODB_TRX ORDER BY trx_started;`, end one with \
         `KILL`."
    LOCK_WAIT "mysql_pool.lock-wait" Warn "sessions have been waiting for row locks"
        "A transaction has waited for a row lock for longer than `max_lock_wait`: a failure where the check \
         states it, and a warning where the default of ten seconds is meant. It holds a connection of the \
         pool meanwhile.\n\nLook: `SELECT * FROM sys.innodb_lock_waits;` (MySQL), `SHOW ENGINE INNODB \
         STATUS` (both)."
    LOCK_PILE_UP "mysql_pool.lock-pile-up" Warn "sessions pile up behind row locks"
        "Three sessions or more wait for row locks, and one of them for longer than `max_lock_wait`. Each \
         holds a connection of the pool meanwhile, so a pile behind one forgotten transaction empties every \
         pool until `innodb_lock_wait_timeout`.\n\nLook: `SELECT * FROM sys.innodb_lock_waits;` (MySQL) or \
         `information_schema.INNODB_LOCK_WAITS` (MariaDB) for who is at the head, and end that one with \
         `KILL`."
    READ_ONLY "mysql_pool.read-only" Warn "the server takes no writes"
        "`read_only` is on, as it is on replicas: an application with this URL fails at its first write \
         (error 1290).\n\nName the primary. Look: `SELECT @@read_only;`, `SHOW REPLICA STATUS`."
    PROXY "mysql_pool.proxy" Unknown "a proxy, or what it may open to the server, was not seen"
        "The session is with a proxy, by what it calls itself, and its own views were not seen. The limits it \
         shows may be any server's behind it, and clients meet the proxy's own first, so neither is \
         judged. Or a proxy of `poolers` has no server with the host and port of `url`, so it is not known \
         what it can open to that one. As a warning: it has, and does not tell this user how many \
         connections it may open to it.\n\nName the admin interface of ProxySQL in `poolers` (port 6032, a \
         user of `admin-stats_credentials`, or of `admin-admin_credentials` for its limits to the servers: \
         `SELECT * FROM runtime_mysql_servers`); give the user of a ShardingSphere-Proxy the right to `SHOW \
         STORAGE UNITS`; write the host of `url` as the proxy has it; check the servers by URLs that lead to \
         them directly."
    PROXY_FULL "mysql_pool.proxy-full" Fail "the proxy takes no more clients, or hardly any"
        "As many clients are connected to ProxySQL as `mysql-max_connections` allows, and it turns every \
         further one away; or, as a warning (a failure where the check states `max_used`), more than \
         `max_used` of them.\n\nLook: `SHOW MYSQL STATUS` and `SELECT * FROM stats_mysql_processlist` on the \
         admin port. Raise `mysql-max_connections`, or make the pools of the application smaller."
    PROXY_SERVER_DOWN "mysql_pool.proxy-server-down" Warn "the proxy has given up a server"
        "ProxySQL does not use a server of a hostgroup: `SHUNNED` after failed connections or for \
         replication lag, `OFFLINE_HARD`, or `OFFLINE_SOFT` where nothing else is left. Where no server of \
         the hostgroup is online, or the proxy has no server at all, it is a failure: its clients wait until \
         `mysql-connect_timeout_server_max` and get error 9001.\n\nLook: `SELECT * FROM \
         stats_mysql_connection_pool` and `mysql_server_connect_log` on the admin port, and log in to the \
         server directly."
    PROXY_EXHAUSTED "mysql_pool.proxy-exhausted" Warn "all connections of the proxy to a server are in use"
        "ProxySQL has as many connections to a server in use as `mysql_servers.max_connections` allows: \
         further clients wait.\n\nShorten transactions (each keeps its connection), look for what keeps \
         ProxySQL from sharing connections (`multiplex`: user variables, temporary tables, locks), or raise \
         the limit within what the server has."
    PROXY_BUDGET "mysql_pool.proxy-budget" Fail "the proxies can open more connections than the server has"
        "What all named proxies may open to the server in all is more than its `max_connections`: \
         `mysql_servers.max_connections` of each ProxySQL, `max_pool_size` of a storage unit times the \
         compute nodes of ShardingSphere.\n\nUnder load the last ones fail with error 1040. Make the \
         proxies' limits smaller, or raise `max_connections`."
    BAD_PASSWORD "mysql_pool.bad-password" Fail "the server does not accept the password"
        "The server answered 1045: the password is wrong, or there is no such account for this user and \
         this host.\n\nIf the application has the same secret it cannot connect either. `SELECT user, host \
         FROM mysql.user`: the account's host part must fit where the client comes from."
    NO_DATABASE "mysql_pool.no-database" Fail "there is no database of that name"
        "The server answers and has no database of the URL's name (error 1049).\n\nLook: `SHOW DATABASES;`"
    HOST_BLOCKED "mysql_pool.host-blocked" Fail "the server does not talk to this host"
        "No account is for this host (1130), or the server blocks it after too many broken logins (1129). \
         Port checks and health checks that open a connection and close it count as broken \
         logins.\n\nUnblock: `FLUSH HOSTS` or `TRUNCATE performance_schema.host_cache`. Let load \
         balancers do a full login."
    DENIED "mysql_pool.login-denied" Fail "the server does not let the user in"
        "The server answered the login with another error, which the finding quotes: no right to the \
         database (1044), an expired password (1820, 1862), a locked account (3118, 4151).\n\nLook: `SHOW \
         CREATE USER`."
    NO_ADDRESS "mysql_pool.no-address" Fail "the server's name has no address"
        "The resolver answered that there is no such name, or none with an address.\n\nLook: `dig NAME`."
    REFUSED "mysql_pool.refused" Fail "nothing listens at the server's address"
        "The connection was refused or reset: the host is there, the server is not.\n\nLook: `mysqladmin -h \
         HOST -P PORT ping`."
    HUNG_UP "mysql_pool.hung-up" Fail "the connection was closed during the login"
        "Something took the connection and closed it without a word: a load balancer without a server \
         behind it, or a server that crashes.\n\nLook at the proxy's view of its servers, and at the \
         server's log."
    NO_TLS "mysql_pool.no-tls" Fail "the server has no TLS, and the URL insists on it"
        "`ssl-mode` of the URL is `REQUIRED` or more, and the server does not offer TLS.\n\nSet `ssl_cert` \
         and `ssl_key` on the server; look: `SHOW VARIABLES LIKE 'have_ssl';`"
    TLS_UNTRUSTED "mysql_pool.tls-untrusted" Fail "the server's certificate is not to be trusted"
        "`ssl-mode` asks for a verified certificate, and this one is not: unknown issuer, another name, or \
         out of date. The certificate MySQL makes for itself fits no name.\n\nName the right root with \
         `ssl-ca`. Look: `openssl s_client -starttls mysql -connect HOST:PORT`."
    TLS_FAILED "mysql_pool.tls-failed" Fail "the server refused the TLS handshake"
        "The server ended the TLS handshake: it shares no version or cipher with this client, or wants a \
         client's certificate.\n\nLook: `openssl s_client -starttls mysql -connect HOST:PORT`."
    RAMP_REFUSED "mysql_pool.ramp-refused" Unknown "the ramp was not done, because it would not have been safe"
        "The check asks for a ramp, and it was held back: too few connections are free to keep a fifth \
         of the limit, and at least ten, free at all times; or the account may take the connection that \
         is kept for administrators (`SUPER`, `CONNECTION_ADMIN`); or a proxy answers; or, without \
         `max_added`, more connections than ever before would be open, which `Max_used_connections` \
         would show from then on.\n\nNothing was opened and nothing is known about the server under \
         load. Run it as an ordinary account, in a quieter hour, or leave `ramp` out: the budget needs no \
         load."
    RAMP_ERRORS "mysql_pool.ramp-errors" Fail "logins or statements failed during the ramp"
        "A login or a statement of the ramp failed although connections were free. The ramp stopped at \
         once and gave everything back. The finding counts failures by error number and quotes the \
         first.\n\n1040, 1203 and 1226 are limits that were not known, or connections that others took \
         at that moment; `lost` is silence."
    RAMP_SLOW "mysql_pool.ramp-slow" Warn "statements were too slow during the ramp"
        "The 99th percentile of `SELECT 1`, counted from when it was due, was above `max_p99` (a \
         failure), or more than five times what it was with one connection (a warning). The ramp \
         stopped there.\n\nA statement that does nothing waits for a core, for the network, or for this \
         machine: `own_delay` and `own_cpu` in the observation say how busy this machine was by itself, \
         and where it is the bottleneck the finding says so.\n\nCompare: `mysqlslap --concurrency=N \
         --query='SELECT 1'`."
    RAMP_CUT "mysql_pool.ramp-cut" Unknown "the ramp was cut short"
        "The ramp stopped before it reached its plan, for no fault of its own connections: other clients \
         took connections until too few were free, the time allowed was over, the number of its `guard` \
         went too high, or the use could not be watched any more. What was measured by then is in the observation.\n\nRun it again in a quieter \
         hour, or with a longer `timeout`."
    LEAK "mysql_pool.leak" Warn "connections of this probe are still open"
        "After the ramp all connections were closed, and two seconds later the server still had some of \
         them.\n\nLook: `SELECT * FROM performance_schema.session_connect_attrs WHERE ATTR_VALUE LIKE \
         'gonogo-%';`, and end them with `KILL`. The server ends them by itself soon: the ramp has set \
         their `wait_timeout`."
    LEFTOVERS "mysql_pool.leftovers" Warn "connections of a killed ramp are still open"
        "A ramp of an earlier run was killed, or its machine vanished, and the server has not noticed yet: \
         something between still holds the connections open. The server ends them by itself, by the \
         `wait_timeout` that each ramp sets.\n\nSee them: `gonogo check mysql_pool URL --cleanup`; end \
         them, and nothing else: add `--apply`. By hand: `SELECT * FROM \
         performance_schema.session_connect_attrs WHERE ATTR_VALUE LIKE 'gonogo-%-ramp';` and \
         `KILL`. Unknown, where a check asks for `cleanup` and a proxy answers: name the server itself."
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
