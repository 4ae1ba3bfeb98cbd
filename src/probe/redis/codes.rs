//! The codes of `redis`, each with its page.

use crate::model::code::codes;

codes! {
    pub,
    OK "redis.ok" Pass "the server has room and does its work"
        "The finding says which part was looked at: clients, memory, persistence or replication, with \
         its numbers.\n\nReproduce with the commands under `by hand`."
    FULL "redis.full" Fail "the server takes no more clients"
        "As many clients are connected as `maxclients` allows, and Redis turns every further one away \
         with `max number of clients reached`.\n\nFind who holds them: `CLIENT LIST` (look at `addr`, \
         `name` and `idle`). Make pools smaller, set `timeout` so that idle clients are dropped, or raise \
         `maxclients` (`CONFIG SET maxclients`, no restart; mind `ulimit -n`)."
    NEARLY_FULL "redis.nearly-full" Warn "most of the clients the server takes are connected"
        "More than 80% of `maxclients` are connected before the launch.\n\nThe rolling update will hold \
         old and new clients together. See `redis.full` for how to find who holds them."
    OVER_BUDGET "redis.over-budget" Fail "the launch can ask for more clients than the server takes"
        "The stated demand is more than `maxclients` less the headroom.\n\nMake the pools smaller, or \
         raise `maxclients` together with the limit of open files."
    REJECTED "redis.rejected" Warn "the server has turned clients away since it started"
        "`rejected_connections` is not zero: at some time since the start the server was full. It may \
         have been long ago; compare with your graphs.\n\n`CONFIG RESETSTAT` sets the counter back once \
         the cause is mended."
    MEMORY "redis.memory" Warn "the memory is nearly used up"
        "`used_memory` is above the share of `maxmemory` that the check allows. It is a failure where \
         the check states `max_memory_used`, and a warning where the default of 80% is meant. Full, \
         Redis evicts keys or, with `noeviction`, refuses every write.\n\nLook: `INFO memory`, \
         `MEMORY STATS`, `redis-cli --bigkeys` (on a replica)."
    UNLIMITED "redis.unlimited-memory" Warn "the memory of the server has no limit"
        "`maxmemory` is 0: Redis grows until the operating system ends it, and everything in it is gone \
         or comes back from disk in minutes.\n\nSet `maxmemory` well below the machine's or the \
         container's memory, with room for the copy that a snapshot makes, and choose \
         `maxmemory-policy`."
    EVICTING "redis.evicting" Warn "the server has thrown keys away for want of memory"
        "`evicted_keys` is not zero. For a pure cache that may be meant; for sessions, queues or locks it \
         is loss of data.\n\nLook: `INFO stats`, `CONFIG GET maxmemory-policy`."
    PERSISTENCE "redis.persistence" Fail "the server cannot write its data to disk"
        "The last snapshot or the last write of the append-only file failed. By default \
         (`stop-writes-on-bgsave-error`) Redis refuses every write from then on, and what is in memory is \
         lost with a restart.\n\nLook: `INFO persistence`, the server's log, free disk space, and \
         `vm.overcommit_memory`."
    UNSAVED "redis.unsaved" Fail "writes are not on the disk for longer than they may be"
        "There are writes that the last snapshot does not have, it is older than `max_unsaved`, and there \
         is no append-only file: a restart loses them.\n\nLook: `INFO persistence` \
         (`rdb_changes_since_last_save`, `rdb_last_save_time`), `CONFIG GET save`. Fix: `appendonly yes`, \
         or a `save` rule that is due in time."
    LATENCY "redis.latency" Fail "the server is slow to answer"
        "PING, which does nothing, took longer than `max_ping` for more than one in a hundred. Redis does \
         one thing at a time: something else held it up, or the network did.\n\nLook: `redis-cli \
         --latency`, `LATENCY DOCTOR`, `SLOWLOG GET`, and whether the machine swaps or forks for a \
         snapshot."
    LOADING "redis.loading" Fail "the server is still loading its data"
        "Redis reads its data from disk after a start and answers nothing else meanwhile \
         (`LOADING`).\n\nWait and run the check again; `INFO persistence` has `loading_eta_seconds`."
    REPLICA "redis.replica" Warn "the server is a replica"
        "Replicas take no writes (`READONLY`): an application with this URL fails at its first \
         one.\n\nName the primary, or use Sentinel; look: `ROLE`."
    REPLICA_DOWN "redis.replica-down" Fail "the replica has lost its primary"
        "`master_link_status` is not `up`: what this replica serves gets older by the second, or it \
         answers `MASTERDOWN`.\n\nLook: `INFO replication` on both sides, and the network between them."
    REPLICA_LAG "redis.replica-lag" Warn "a replica is behind"
        "A replica of this primary has not acknowledged anything for more than ten seconds, or is not \
         online. A failover to it would lose what it has not seen.\n\nLook: `INFO replication`."
    SLOW "redis.slow" Warn "commands have lately held the server up"
        "The slow log holds commands of the last ten minutes. Redis runs one command at a time: while one \
         takes 100 ms, everybody waits.\n\nLook: `SLOWLOG GET`. Typical: `KEYS`, `SMEMBERS` or `HGETALL` \
         of something large, long scripts."
    HOT_KEY "redis.hot-key" Warn "one key takes much of the server"
        "A key takes more than a quarter of the server's time or traffic (`HOTKEYS`, since version 8.6), or its \
         counter of uses is as high as hundreds of thousands of them make it (LFU policies, 142 of 255 and \
         more). One key is on one node: no replica that is not read from, and no further node of a cluster, \
         takes anything off it at the launch.\n\nCopy it to several keys that clients choose from, keep it \
         in the clients for a second, or make it smaller. Look: `HOTKEYS GET`, or `redis-cli --hotkeys` (LFU \
         policies; it reads all keys).\n\nNot applicable where the server cannot tell: it is older than 8.6 \
         and `maxmemory-policy` is not an LFU one. `MONITOR` and `KEYS` could tell, and would hold the server \
         up."
    CLUSTER_DOWN "redis.cluster-down" Fail "the cluster does not serve all of its slots"
        "`cluster_state` is not `ok`, or some of the 16384 slots have no node: commands for their keys fail \
         with `CLUSTERDOWN`.\n\nLook: `CLUSTER INFO`, `CLUSTER NODES`, `redis-cli --cluster check`."
    NODE_FAILED "redis.node-failed" Warn "a node of the cluster is seen as failed"
        "This node's view of the cluster marks another one as failed (`fail`), or suspects it \
         (`fail?`). As long as its slots have another node the cluster goes on, without a spare.\n\nLook: \
         `CLUSTER NODES` on several nodes."
    MASTER_DOWN "redis.master-down" Fail "Sentinel sees a primary as down"
        "This Sentinel marks the primary as subjectively or objectively down. Until the failover is over \
         there is nobody to write to.\n\nLook: `SENTINEL MASTERS`, the Sentinel's log."
    NO_QUORUM "redis.no-quorum" Fail "the Sentinels could not agree on a failover"
        "`SENTINEL CKQUORUM` says that too few Sentinels can be reached to see a primary as down, or to \
         elect who replaces it: a failure of the primary would last until somebody comes.\n\nLook: \
         `SENTINEL SENTINELS NAME`; there should be at least three, on machines of their own."
    SPLIT "redis.split-view" Fail "the servers do not agree on who is the primary"
        "Sentinels of the same name mean different servers, or the server they mean is a replica. Clients \
         that ask different Sentinels write to different servers, and one side's writes will be thrown \
         away.\n\nUnknown, where a server says that it is a primary and no Sentinel names it: it may be the \
         old primary after a failover, or the Sentinels know it by another address. Write `url` and `nodes` \
         with the addresses that the Sentinels use.\n\nA failover under way looks like this for a few \
         seconds; run the check again. Look: \
         `SENTINEL GET-MASTER-ADDR-BY-NAME NAME` on each Sentinel, `ROLE` on each server."
    UNNAMED "redis.unnamed-node" Warn "the cluster has nodes that were not looked at"
        "The cluster knows more nodes than the check names in `url` and `nodes`. What was not looked at \
         can be full, slow or alone.\n\nLook: `CLUSTER NODES`. Name each node; a node that has left for \
         good is taken out with `CLUSTER FORGET`."
    BAD_PASSWORD "redis.bad-password" Fail "the server does not accept the password"
        "The server answered `WRONGPASS`, or it asks for a password and the URL has none (`NOAUTH`), or \
         it has none and was given one.\n\nIf the application has the same secret it cannot connect \
         either. A user of an ACL is written before the password: `redis://USER:PASSWORD@HOST`."
    DENIED "redis.login-denied" Fail "the server does not let the client in"
        "The server answered the login with an error, which the finding quotes. `DENIED` is protected \
         mode: no password is set and the client is not on the same machine.\n\nSet a password, or `bind` \
         to the right addresses."
    NO_ADDRESS "redis.no-address" Fail "the server's name has no address"
        "The resolver answered that there is no such name, or none with an address.\n\nLook: `dig NAME`."
    REFUSED "redis.refused" Fail "nothing listens at the server's address"
        "The connection was refused or reset: the host is there, the server is not.\n\nLook: `redis-cli -h \
         HOST -p PORT ping`."
    HUNG_UP "redis.hung-up" Fail "the connection was closed during the login"
        "Something took the connection and closed it without a word: a load balancer without a server \
         behind it, or a server that wants TLS and was not asked for it (`rediss://`).\n\nLook at the \
         server's log."
    TLS_UNTRUSTED "redis.tls-untrusted" Fail "the server's certificate is not to be trusted"
        "The certificate has an unknown issuer, another name, or is out of date.\n\nName the right root \
         with `ca`. Look: `openssl s_client -connect HOST:PORT`."
    TLS_FAILED "redis.tls-failed" Fail "the server refused the TLS handshake"
        "The server ended the TLS handshake. It may want a client's certificate (`tls-auth-clients`), \
         which this check does not have.\n\nLook: `openssl s_client -connect HOST:PORT`."
}
