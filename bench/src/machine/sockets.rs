//! Who listens on a TCP port, from `/proc/net/tcp` and the processes' descriptors.

use std::collections::BTreeSet;
use std::path::Path;

use crate::machine::process::all;
use crate::trouble::Trouble;
use crate::trouble::While;

/// The state of a listening socket (`TCP_LISTEN`), as the file writes it.
const LISTEN: &str = "0A";

/// The names of those outside of `processes` that listen on `port`, whatever their address. The kernel shares out
/// connections among all listeners of a port: what goes to another one is not the measured program's work.
pub fn strangers(port: u16, processes: &[i32]) -> Result<Vec<String>, Trouble> {
    let mut listeners = listeners(port)?;
    for process in processes {
        let own = sockets(*process);
        listeners.retain(|socket| !own.contains(socket));
    }
    if listeners.is_empty() {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for process in all()? {
        if sockets(process).intersection(&listeners).next().is_some() {
            names.push(name(process));
        }
    }
    if names.is_empty() {
        names.push("a program of somebody else".to_owned());
    }
    Ok(names)
}

/// The inodes of all sockets that listen on a port.
fn listeners(port: u16) -> Result<BTreeSet<u64>, Trouble> {
    let mut found = BTreeSet::new();
    for path in ["/proc/net/tcp", "/proc/net/tcp6"] {
        // A kernel without IPv6 has no second file.
        if path.ends_with('6') && !Path::new(path).exists() {
            continue;
        }
        let text = std::fs::read_to_string(path).during(&format!("reading {path}"))?;
        found.extend(parse(&text, port));
    }
    Ok(found)
}

fn parse(text: &str, port: u16) -> Vec<u64> {
    let port = format!("{port:04X}");
    let lines = text.lines().filter_map(|line| {
        // "sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode …": proc_net_tcp.
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let (_, local_port) = words.get(1)?.rsplit_once(':')?;
        if local_port != port || *words.get(3)? != LISTEN {
            return None;
        }
        words.get(9)?.parse().ok()
    });
    lines.collect()
}

/// The inodes of the sockets that a process has open. Each thread is looked at: some have a descriptor table of
/// their own. What may not be looked into has none.
fn sockets(process: i32) -> BTreeSet<u64> {
    let mut found = BTreeSet::new();
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{process}/task")) else {
        return found;
    };
    for task in tasks.flatten() {
        let Ok(descriptors) = std::fs::read_dir(task.path().join("fd")) else {
            continue;
        };
        found.extend(descriptors.flatten().filter_map(|descriptor| {
            let target = std::fs::read_link(descriptor.path()).ok()?;
            let inode = target
                .to_str()?
                .strip_prefix("socket:[")?
                .strip_suffix(']')?;
            inode.parse::<u64>().ok()
        }));
    }
    found
}

fn name(process: i32) -> String {
    let name = std::fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
    format!("{} (process {process})", name.trim())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    const TCP: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
           0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0\n\
           1: 0100007F:1F90 0100007F:C000 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 100 0 0 10 0\n\
           2: 0100007F:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0 100 0 0 10 0\n";

    #[test]
    fn only_listening_sockets_of_the_port_are_found() {
        assert_eq!(parse(TCP, 8080), [4711]);
        assert_eq!(parse(TCP, 22), [4713]);
        assert!(parse(TCP, 80).is_empty());
    }

    #[test]
    fn a_listener_belongs_to_its_process_and_is_a_stranger_to_others() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let own = i32::try_from(std::process::id()).unwrap();
        assert!(strangers(port, &[own]).unwrap().is_empty());
        let names = strangers(port, &[]).unwrap();
        assert_eq!(names.len(), 1);
        assert!(names[0].contains(&format!("(process {own})")), "{names:?}");
    }
}
