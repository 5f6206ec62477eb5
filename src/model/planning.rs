//! From the configuration to what a worker needs to know.

use std::net::IpAddr;
use std::net::SocketAddr;

use crate::model::address::HostPort;
use crate::model::config::AccessLog;
use crate::model::config::Config;
use crate::model::plan::Affinity;
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
            max_connections: output.max_connections,
            backup: config.backup_outputs.contains(id),
            born: 0,
            revision: 0,
        });
        let files = config.error_files.iter();
        let pages = files.map(|(status, file)| (*status, file.page.clone()));
        Plan {
            number: 0,
            listen: config.r#in.clone(),
            virtual_addresses: virtual_addresses(config),
            outputs: outputs.collect(),
            client_timeout: config.client_timeout,
            server_timeout: config.server_timeout,
            conn_timeout: config.conn_timeout,
            queue_timeout: config.queue_timeout,
            tunnel_timeout: config.tunnel_timeout,
            grace: config.grace,
            max_head_bytes: usize::try_from(config.max_head_bytes).unwrap_or(usize::MAX),
            max_connections: effective_maximum(config.max_connections, computed_max_connections),
            forwarded: config.forwarded,
            trusted_proxies: config.trusted_proxies.clone(),
            via: config.via,
            pipe_responses: true,
            balance: config.balance,
            affinity: affinity(config),
            access_log: config.access_log != AccessLog::None,
            error_pages: pages.collect(),
        }
    }
}

/// Those of the domain, if there is one.
pub fn virtual_addresses(config: &Config) -> Vec<IpAddr> {
    let networks = config.domain.iter();
    let networks = networks.flat_map(|domain| &domain.virtual_addresses);
    networks.map(|network| network.address).collect()
}

fn affinity(config: &Config) -> Affinity {
    Affinity {
        mode: config.mode,
        cookie_name: config.cookie_name.clone(),
        cookie_check_length: usize::try_from(config.cookie_check_length).unwrap_or(usize::MAX),
        cookie_secure: config.cookie_secure,
        timeout: config.timeout,
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::address::Host;
    use crate::model::load::sample::load_text;

    fn config(text: &str) -> Config {
        let loaded = load_text(text, b"sorry");
        loaded.expect("a sound configuration").config
    }

    #[test]
    fn a_plan_holds_what_the_configuration_says() {
        let config = config(
            "out2 = { address = 'web2:81', weight = 3 }\nout5 = '10.0.0.5'\nout9 = 'gone'\n\
             backup_outputs = 'out5'\nclient_timeout = 0\nqueue_timeout = 0.5\nvia = true\n\
             error_files = { 503 = '/503.html' }\naccess_log = 'stdout'\n",
        );
        let known: SocketAddr = "192.0.2.2:81".parse().unwrap();
        let mut asked = Vec::new();
        let resolve = |target: &HostPort| {
            asked.push(target.to_string());
            (target.host == Host::Name("web2".to_owned())).then_some(known)
        };
        let plan = Plan::from_config(&config, resolve, 1000);
        assert_eq!(
            asked,
            ["web2:81", "gone:80"],
            "an address needs no resolving"
        );
        let outputs: Vec<_> = plan
            .outputs
            .iter()
            .map(|o| {
                (
                    o.id.number(),
                    o.name.as_str(),
                    o.address,
                    o.weight,
                    o.backup,
                )
            })
            .collect();
        let five = "10.0.0.5:80".parse().ok();
        assert_eq!(
            outputs,
            [
                (2, "web2:81", Some(known), 3, false),
                (5, "10.0.0.5:80", five, 1, true),
                (9, "gone:80", None, 1, false)
            ]
        );
        assert_eq!(plan.client_timeout, None);
        assert_eq!(plan.server_timeout, Some(Duration::from_secs(60)));
        assert_eq!(plan.conn_timeout, Some(Duration::from_secs(20)));
        assert_eq!(plan.queue_timeout, Some(Duration::from_millis(500)));
        assert_eq!(
            (plan.grace, plan.max_head_bytes),
            (Duration::from_secs(30), 16384)
        );
        assert_eq!(plan.tunnel_timeout, Some(Duration::from_secs(3600)));
        let pages = &plan.error_pages;
        assert_eq!(pages.page(503).map(|page| &*page.body), Some(&b"sorry"[..]));
        assert_eq!(pages.page(502), None);
        assert!(plan.forwarded && plan.via && plan.trusted_proxies.is_empty());
        assert!(plan.access_log && !Plan::empty().access_log);
    }

    #[test]
    fn a_plan_that_follows_says_which_outputs_are_others() {
        let resolve = |name: &HostPort| match name.to_string().as_str() {
            "web:80" => "192.0.2.1:80".parse().ok(),
            _ => None,
        };
        let plan = |text: &str| Plan::from_config(&config(text), resolve, 10);
        let told = |plan: &Plan| -> Vec<(usize, u32, u32)> {
            let told = |o: &PlannedOutput| (o.id.number(), o.born, o.revision);
            plan.outputs.iter().map(told).collect()
        };
        let first = plan("out1 = '10.0.0.1'\nout2 = 'web'\nout3 = '10.0.0.3'");
        assert_eq!(
            (first.number, told(&first)),
            (0, vec![(1, 0, 0), (2, 0, 0), (3, 0, 0)])
        );
        let mut second =
            plan("out1 = '10.0.0.1'\nout2 = 'web'\nout3 = '10.0.0.9'\nout4 = '10.0.0.4'");
        second.succeed(&first);
        let expected = vec![(1, 0, 0), (2, 0, 0), (3, 1, 1), (4, 1, 1)];
        assert_eq!((second.number, told(&second)), (1, expected));
        let mut moved = second.clone();
        for output in moved.outputs.each_mut().filter(|o| o.id.number() == 2) {
            output.address = "192.0.2.2:80".parse().ok();
        }
        moved.succeed(&second);
        assert_eq!(told(&moved), [(1, 0, 0), (2, 0, 2), (3, 1, 1), (4, 1, 1)]);
        let mut fewer = plan("out1 = '10.0.0.1'");
        fewer.succeed(&moved);
        let mut again = plan("out1 = '10.0.0.1'\nout4 = '10.0.0.4'");
        again.succeed(&fewer);
        assert_eq!(
            told(&again),
            [(1, 0, 0), (4, 4, 4)],
            "who was away is another"
        );
    }

    #[test]
    fn the_lower_maximum_counts_and_0_is_none() {
        for (configured, computed, effective) in [
            (0, 700, 700),
            (500, 700, 500),
            (700, 700, 700),
            (900, 700, 700),
        ] {
            assert_eq!(effective_maximum(configured, computed), effective);
        }
    }
}
