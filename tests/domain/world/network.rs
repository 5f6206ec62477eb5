//! The network of a test: a bridge that is the service network, a second one that is the direct link between the
//! servers, and what can happen to their cables.

use std::fmt::Write;
use std::net::IpAddr;

use nix::errno::Errno;

use super::space::Space;

/// Which kind of addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Family {
    V4,
    V6,
}

/// Which of the two networks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cable {
    /// `eth0`: where clients, outputs and the gateway are.
    Service,
    /// `eth1`: between the servers only.
    Direct,
}

/// In one direction, as its host sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// What the host says is lost.
    Out,
    /// What is said to the host is lost.
    In,
}

/// The switches in the middle.
pub struct Network {
    middle: Space,
    families: &'static [Family],
}

impl Network {
    /// Every host has addresses of these families.
    pub fn new(families: &'static [Family]) -> Result<Network, Errno> {
        let middle = Space::new()?;
        let mut lines = String::new();
        for cable in [Cable::Service, Cable::Direct] {
            let bridge = cable.bridge();
            // Nothing learned is aged away within a test, and no port waits for a spanning tree.
            let _ = writeln!(
                lines,
                "link add {bridge} type bridge stp_state 0 forward_delay 0 mcast_snooping 0\n\
                 link set {bridge} up"
            );
        }
        middle.ip(&lines);
        Ok(Network { middle, families })
    }

    /// A cable from `host`, where it is an interface with the addresses of these numbers, to the switch.
    pub fn plug(&self, host: &str, space: &Space, cable: Cable, numbers: &[u8]) {
        let (port, bridge) = (cable.port(host), cable.bridge());
        let interface = cable.interface();
        let hardware = hardware(numbers[0]);
        self.middle.ip(&format!(
            "link add {port} type veth peer name {interface} address {hardware} netns {}\n\
             link set {port} master {bridge} up",
            space.path()
        ));
        let mut lines = String::new();
        for family in self.families {
            for number in numbers {
                let (address, length) = (cable.address(*family, *number), family.prefix_length());
                let at_once = family.at_once();
                let _ = writeln!(
                    lines,
                    "addr add {address}/{length} dev {interface}{at_once}"
                );
            }
        }
        space.ip(&format!("{lines}link set {interface} up"));
        self.middle.tc(&format!("qdisc add dev {port} clsact"));
    }

    /// Pulls a cable out: both ends see it.
    pub fn pull(&self, host: &str, cable: Cable) {
        self.middle
            .ip(&format!("link set {} down", cable.port(host)));
    }

    pub fn push(&self, host: &str, cable: Cable) {
        self.middle.ip(&format!("link set {} up", cable.port(host)));
    }

    /// Nothing passes any more, and no end sees that by itself.
    pub fn cut(&self, host: &str, cable: Cable) {
        self.lose(host, cable, Way::Out);
        self.lose(host, cable, Way::In);
    }

    /// What goes in one direction is lost, silently.
    pub fn lose(&self, host: &str, cable: Cable, way: Way) {
        let (port, hook) = (cable.port(host), way.hook());
        // A classic filter of one instruction: return TC_ACT_SHOT.
        self.middle.tc(&format!(
            "filter add dev {port} {hook} bpf direct-action bytecode \"1,6 0 0 2\""
        ));
    }

    /// What the host at address `from` says is lost on its way to `host`, silently; everybody else is heard.
    pub fn lose_from(&self, from: &str, host: &str, cable: Cable) {
        let port = cable.port(host);
        // Is the last byte of the frame's source, at offset 11, the same? TC_ACT_SHOT; else TC_ACT_UNSPEC.
        let source = number(from);
        self.middle.tc(&format!(
            "filter add dev {port} egress bpf direct-action \
             bytecode \"4,48 0 0 11,21 0 1 {source},6 0 0 2,6 0 0 4294967295\""
        ));
    }

    /// What was cut passes again.
    pub fn heal(&self, host: &str, cable: Cable) {
        self.heal_way(host, cable, Way::Out);
        self.heal_way(host, cable, Way::In);
    }

    pub fn heal_way(&self, host: &str, cable: Cable, way: Way) {
        let (port, hook) = (cable.port(host), way.hook());
        self.middle.tc(&format!("filter del dev {port} {hook}"));
    }
}

/// What a host's network card is called, which has that number in its address, too.
pub fn hardware(number: u8) -> String {
    format!("02:00:00:00:00:{number:02x}")
}

/// The last number of an IPv4 address: by it a host is known in frames, too.
fn number(address: &str) -> u8 {
    address.rsplit('.').next().unwrap().parse().unwrap()
}

impl Family {
    /// Of the networks that hosts are in.
    pub fn prefix_length(self) -> u8 {
        match self {
            Family::V4 => 24,
            Family::V6 => 64,
        }
    }

    /// What makes an address usable as soon as it is there: IPv6 looks for a second whether anybody else has it.
    fn at_once(self) -> &'static str {
        match self {
            Family::V4 => "",
            Family::V6 => " nodad",
        }
    }
}

impl Cable {
    /// Of a host on that network. In IPv6 the number has the same digits: 11 is `::11`.
    pub fn address(self, family: Family, number: u8) -> IpAddr {
        let network = match (self, family) {
            (Cable::Service, Family::V4) => "10.0.0.",
            (Cable::Direct, Family::V4) => "192.168.77.",
            (Cable::Service, Family::V6) => "2001:db8::",
            (Cable::Direct, Family::V6) => "2001:db8:77::",
        };
        format!("{network}{number}").parse().unwrap()
    }

    fn bridge(self) -> &'static str {
        match self {
            Cable::Service => "service",
            Cable::Direct => "direct",
        }
    }

    fn interface(self) -> &'static str {
        match self {
            Cable::Service => "eth0",
            Cable::Direct => "eth1",
        }
    }

    fn port(self, host: &str) -> String {
        format!("{}-{host}", &self.bridge()[..1])
    }
}

impl Way {
    fn hook(self) -> &'static str {
        match self {
            Way::Out => "ingress",
            Way::In => "egress",
        }
    }
}
