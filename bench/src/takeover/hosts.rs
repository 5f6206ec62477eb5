//! Hosts as network namespaces: two balancers, a gateway, a client and a web server on one bridge, and a second cable between
//! the balancers. All of it ends with the first process of the namespaces that this runs in.

use std::fs::File;
use std::process::Command;

use crate::trouble::Trouble;
use crate::trouble::While;

/// The virtual address.
pub const ADDRESS: &str = "10.0.0.100";
pub const GATEWAY: &str = "10.0.0.1";
/// The web server behind both.
pub const ORIGIN: &str = "10.0.0.21:8000";
pub const BALANCERS: [&str; 2] = ["lb1", "lb2"];

const HOSTS: [(&str, &str); 5] = [
    ("gateway", GATEWAY),
    ("client", "10.0.0.50"),
    ("web", "10.0.0.21"),
    ("lb1", "10.0.0.11"),
    ("lb2", "10.0.0.12"),
];

/// Makes them. Once, in a network namespace of this process's own with an empty `/run`.
pub fn make() -> Result<(), Trouble> {
    std::fs::create_dir_all("/run/netns").during("making a folder for namespaces")?;
    for bridge in ["service", "direct"] {
        ip(&format!(
            "link add {bridge} type bridge stp_state 0 forward_delay 0 mcast_snooping 0"
        ))?;
        ip(&format!("link set {bridge} up"))?;
    }
    for (host, address) in HOSTS {
        ip(&format!("netns add {host}"))?;
        ip(&format!("-n {host} link set lo up"))?;
        plug(host, address, "eth0", "service")?;
    }
    for (number, host) in (1..).zip(BALANCERS) {
        plug(host, &format!("192.168.77.{number}"), "eth1", "direct")?;
        tc(&format!("qdisc add dev {} clsact", port(host)))?;
    }
    Ok(())
}

/// A cable from a host to a bridge.
fn plug(host: &str, address: &str, interface: &str, bridge: &str) -> Result<(), Trouble> {
    let port = format!("{}-{host}", &bridge[..1]);
    ip(&format!(
        "link add {port} type veth peer name {interface} netns {host}"
    ))?;
    ip(&format!("link set {port} master {bridge} up"))?;
    ip(&format!("-n {host} addr add {address}/24 dev {interface}"))?;
    ip(&format!("-n {host} link set {interface} up"))
}

fn port(host: &str) -> String {
    format!("s-{host}")
}

/// Nothing passes the host's service cable any more, and neither end sees it.
pub fn silence(host: &str) -> Result<(), Trouble> {
    for hook in ["ingress", "egress"] {
        // A classic filter of one instruction: drop.
        tc(&format!(
            "filter add dev {} {hook} bpf direct-action bytecode 1,6&0&0&2",
            port(host)
        ))?;
    }
    Ok(())
}

/// Pulls the service cable out: the host sees it.
pub fn unplug(host: &str) -> Result<(), Trouble> {
    ip(&format!("link set {} down", port(host)))
}

/// All is as it was made.
pub fn heal() -> Result<(), Trouble> {
    for host in BALANCERS {
        ip(&format!("link set {} up", port(host)))?;
        for hook in ["ingress", "egress"] {
            tc(&format!("filter del dev {} {hook}", port(host)))?;
        }
        ip(&format!("-n {host} addr flush dev eth0 to {ADDRESS}"))?;
    }
    ip("-n client neigh flush all")?;
    ip("-n web neigh flush all")
}

/// Gives it to one for whom nobody else does.
pub fn lend_address(server: usize) -> Result<(), Trouble> {
    let host = BALANCERS[server];
    ip(&format!("-n {host} addr add {ADDRESS}/32 dev eth0"))
}

/// Who holds the virtual address.
pub fn holders() -> Result<Vec<usize>, Trouble> {
    let mut holders = Vec::new();
    for (index, host) in BALANCERS.into_iter().enumerate() {
        let shown = Command::new("ip")
            .args(["-n", host, "-o", "-4", "addr", "show", "dev", "eth0"])
            .output()
            .during("asking for addresses")?;
        if String::from_utf8_lossy(&shown.stdout).contains(&format!(" {ADDRESS}/")) {
            holders.push(index);
        }
    }
    Ok(holders)
}

/// The namespace of a host, to enter it.
pub fn space(host: &str) -> Result<File, Trouble> {
    File::open(format!("/run/netns/{host}")).during(&format!("finding host {host}"))
}

fn ip(words: &str) -> Result<(), Trouble> {
    order("ip", words)
}

fn tc(words: &str) -> Result<(), Trouble> {
    order("tc", words)
}

/// Words are apart by a space, and `&` is a space within one.
fn order(program: &str, words: &str) -> Result<(), Trouble> {
    let doing = format!("{program} {words}");
    let words = words.split(' ').map(|word| word.replace('&', " "));
    let output = Command::new(program).args(words).output().during(&doing)?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Trouble::new(format!("{doing}: {}", said.trim())))
}
