//! From the configuration to what a worker needs to know.

use std::net::SocketAddr;

use crate::model::address::HostPort;
use crate::model::config::Config;
use crate::model::plan::Plan;
use crate::model::plan::PlannedOutput;

impl Plan {
    /// `resolve` gives the address of a backend, `None` while its name has none;
    /// `computed_max_connections` is what memory and descriptors allow.
    pub fn from_config(
        config: &Config,
        mut resolve: impl FnMut(&HostPort) -> Option<SocketAddr>,
        computed_max_connections: u64,
    ) -> Plan {
        let outputs = config.out.iter().map(|(id, output)| PlannedOutput {
            id: *id,
            name: output.address.to_string(),
            address: output.address.socket().or_else(|| resolve(&output.address)),
            // The table's range is far below both.
            weight: u32::try_from(output.weight).unwrap_or(u32::MAX),
            backup: config.backup_outputs.contains(id),
        });
        Plan {
            outputs: outputs.collect(),
            client_timeout: config.client_timeout,
            server_timeout: config.server_timeout,
            conn_timeout: config.conn_timeout,
            queue_timeout: config.queue_timeout,
            grace: config.grace,
            max_head_bytes: usize::try_from(config.max_head_bytes).unwrap_or(usize::MAX),
            max_connections: effective_maximum(config.max_connections, computed_max_connections),
            forwarded: config.forwarded,
            trusted_proxies: config.trusted_proxies.clone(),
            via: config.via,
        }
    }
}

/// The lower of the two; 0 asks for the computed one.
fn effective_maximum(configured: u64, computed: u64) -> u64 {
    if configured == 0 {
        computed
    } else {
        configured.min(computed)
    }
}
