//! The words with which it does not start: the manual's, then the cause. Each is provoked by a cause that is real.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use crate::node;
use crate::start::fails;
use crate::start::fails_with;
use crate::start::start_at;

/// The same start under a filter that forbids one system call.
fn without(call: &str, inside: &Command) -> Command {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/backends/without.py");
    let mut command = Command::new("python3");
    command.arg(script).arg(call);
    command.arg(inside.get_program()).args(inside.get_args());
    command.env_clear().envs(node::apart());
    command
}

#[test]
fn mistakes_are_listed_and_nothing_starts() {
    let table = [
        (
            "mode=nonsense",
            "command line --set mode: Error: invalid operation mode specified: ",
        ),
        (
            "healthcheck_method=ping",
            "command line --set healthcheck_method: Error: unknown health check method ping specified.: ",
        ),
        (
            "healthcheck_url=ftp://web/alive.html",
            "command line --set healthcheck_url: Error: the healthcheck_url, when specified as an URL, must begin with \
             http:// and contain a full path to the document ( ex: http://host.name.domain/file/to/check/for.html ).: ",
        ),
        (
            "ui_port=0",
            "command line --set ui_port: Error: ui_port value must be between 1 and 65535.: ",
        ),
        (
            "ctl_port=65536",
            "command line --set ctl_port: Error: ctl_port value must be between 1 and 65535.: ",
        ),
    ];
    let mut all = start_at("127.0.0.1:0");
    for (setting, expected) in table {
        let said = fails_with(start_at("127.0.0.1:0").args(["--set", setting]));
        assert!(
            said.lines().any(|line| line.starts_with(expected)),
            "{said}"
        );
        assert!(said.ends_with("\n1 mistake in the configuration"), "{said}");
        all.args(["--set", setting]);
    }
    let said = fails_with(&mut all);
    assert!(
        said.ends_with("\n5 mistakes in the configuration"),
        "{said}"
    );
}

#[test]
fn without_io_uring_it_says_why_and_what_mends_it() {
    let said = fails(&mut without("io_uring_setup", &start_at("127.0.0.1:0")));
    let start = "Error: failed to start HALB: a seccomp filter forbids io_uring";
    assert!(said.starts_with(start), "{said}");
    assert!(
        said.contains("a profile that allows io_uring_setup"),
        "{said}"
    );
}

#[test]
fn without_knowing_the_cores_it_does_not_start() {
    let said = fails(&mut without("sched_getaffinity", &start_at("127.0.0.1:0")));
    let expected = "Error: failed to determine number of available CPUs: Operation not permitted";
    assert_eq!(said, expected);
}

#[test]
fn without_sockets_for_the_counters_it_does_not_start() {
    let mut inside = start_at("127.0.0.1:0");
    inside.args(["--set", "mon=statsd://127.0.0.1:9"]);
    let said = fails(&mut without("udp", &inside));
    let start = "Error: failed to initialize statistics reporting: no socket for mon: ";
    assert!(said.starts_with(start), "{said}");
}

#[test]
fn without_sockets_to_probe_with_it_does_not_start() {
    let mut inside = start_at("127.0.0.1:0");
    inside.args(["--set", "out1=[::1]:9"]);
    let said = fails(&mut without("ipv6", &inside));
    let expected = "Error: failed to initialize external health checker: no socket to probe any output with: \
                    Operation not permitted (os error 1)";
    assert_eq!(said, expected);
}

#[test]
fn without_an_address_for_the_user_interface_it_does_not_start() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap();
    let mut command = start_at("127.0.0.1:0");
    command.args(["--set", "ui=127.0.0.1", "--set"]);
    let said = fails(command.arg(format!("ui_port={}", address.port())));
    let expected = format!(
        "Error: failed to initialize the user interface terminal: \
         cannot listen on {address} (ui, ui_port): another program listens there"
    );
    assert_eq!(said, expected);
}

#[test]
fn without_knowing_the_memory_it_does_not_start() {
    let inside = start_at("127.0.0.1:0");
    let mut command = Command::new("unshare");
    let script = r#"mount -t tmpfs nothing /proc && exec "$@""#;
    command.args(["--user", "--map-root-user", "--mount"]);
    command.args(["sh", "-c", script, "sh"]);
    command.arg(inside.get_program()).args(inside.get_args());
    command.env_clear().envs(node::apart());
    command.env("PATH", std::env::var_os("PATH").unwrap());
    let said = fails(&mut command);
    let expected = "Error: unable to determine appliance memory configuration: /proc/meminfo: \
                    No such file or directory (os error 2); set [resources] memory";
    assert_eq!(said, expected);
}
