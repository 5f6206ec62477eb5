//! What there is of the program as a whole, and of its workers.

use crate::control::figures::Figures;
use crate::control::metrics::Program;
use crate::control::metrics::format::Text;
use crate::http::ending::FAULTS;

pub fn write(text: &mut Text, figures: &Figures, program: &Program) {
    write_process(text, program);
    write_memory(text, figures, program);
    write_limits(text, figures, program);
    write_traffic(text, figures);
    write_workers(text, figures, program);
    write_mon(text, program);
}

fn write_process(text: &mut Text, program: &Program) {
    let labels = [("version", program.version), ("node", &program.node)];
    text.gauge(
        "halb_build_info",
        "Which HALB this is, and what the server is called.",
    )
    .sample(&labels, 1);
    text.gauge("halb_uptime_seconds", "How long it has served.")
        .sample(&[], program.uptime_seconds);
    text.gauge(
        "process_start_time_seconds",
        "When the process began, in seconds since 1970 (UTC).",
    )
    .maybe(&[], program.process.started_seconds);
    text.counter(
        "process_cpu_seconds_total",
        "Time that the process had processors for, in the kernel and outside.",
    )
    .maybe(&[], program.process.cpu_seconds);
}

fn write_memory(text: &mut Text, figures: &Figures, program: &Program) {
    let resident = program.process.resident_bytes;
    text.gauge(
        "process_resident_memory_bytes",
        "Memory that the process has.",
    )
    .maybe(&[], resident);
    text.gauge(
        "halb_start_resident_memory_bytes",
        "Memory that the process had when it began to serve.",
    )
    .maybe(&[], program.started_resident_bytes);
    let memory = program.memory.as_ref();
    text.gauge(
        "halb_memory_used_bytes",
        "Memory that counts against the limit: of a cgroup, the kernel's part included, or of the process.",
    )
    .maybe(&[], memory.map(|memory| memory.used_bytes));
    text.gauge("halb_memory_limit_bytes", "The limit that is nearest.")
        .maybe(&[], memory.map(|memory| memory.limit_bytes));
    text.gauge(
        "halb_memory_short",
        "Whether accepting has stopped because memory is nearly full.",
    )
    .sample(&[], u8::from(program.memory_short));
    let more = resident
        .zip(program.started_resident_bytes)
        .map(|(now, then)| now.saturating_sub(then));
    let each = more.filter(|_| figures.connections_active > 0);
    text.gauge(
        "halb_connection_memory_bytes",
        "Memory that the process has more than when it began to serve, for each connection of a client that is open \
         now; it keeps what it once needed, so this says something while there are many.",
    )
    .maybe(&[], each.map(|bytes| bytes as f64 / figures.connections_active as f64));
}

fn write_limits(text: &mut Text, figures: &Figures, program: &Program) {
    let limits = &program.limits;
    text.gauge("halb_cpus", "Processors that it may use (nbcproc).")
        .sample(&[], limits.nbcproc);
    text.gauge("halb_memory_max_bytes", "Memory that it may use (memmax).")
        .sample(&[], limits.memmax);
    text.gauge(
        "halb_open_files_max",
        "Files that one thread may have open (ulimit-n).",
    )
    .sample(&[], limits.ulimit_n);
    text.gauge(
        "halb_sockets_max",
        "Sockets of all workers together (maxsock).",
    )
    .sample(&[], limits.maxsock);
    text.gauge(
        "halb_connections_max",
        "Connections of clients that are served at a time (maxconn); more wait.",
    )
    .sample(&[], figures.max_connections);
}

fn write_traffic(text: &mut Text, figures: &Figures) {
    text.gauge(
        "halb_connections_active",
        "Connections of clients, those that wait included.",
    )
    .sample(&[], figures.connections_active);
    text.gauge(
        "halb_connections_waiting",
        "Connections of clients that wait for a place under the maximum.",
    )
    .sample(&[], figures.connections_waiting);
    text.counter(
        "halb_connections_total",
        "Connections of clients that were accepted.",
    )
    .sample(&[], figures.connections_total);
    text.counter("halb_requests_total", "Requests whose head came whole.")
        .sample(&[], figures.requests_total);
    text.counter(
        "halb_replies_total",
        "Answers of HALB's own, in place of an output's.",
    )
    .sample(&[], figures.replies_total);
    let mut endings = text.counter(
        "halb_endings_total",
        "How sessions ended, and requests that never became one; fault is whose it was.",
    );
    for ((reason, count), fault) in figures.endings.iter().zip(FAULTS) {
        endings.sample(&[("reason", reason), ("fault", fault.word())], count);
    }
    text.gauge("halb_queue", "Requests in the queue, over all outputs.")
        .sample(&[], figures.queue.now);
    text.gauge(
        "halb_queue_max",
        "Most requests that were ever in the queue at a time, over all outputs.",
    )
    .sample(&[], figures.queue.most);
    text.gauge("halb_sessions_active", "Active sessions, over all outputs.")
        .sample(&[], figures.sessions_active);
    text.gauge(
        "halb_sessions_max",
        "Most sessions that were ever active at a time, over all outputs.",
    )
    .sample(&[], figures.sessions_max);
    text.counter(
        "halb_sessions_total",
        "Completed sessions, over all outputs.",
    )
    .sample(&[], figures.sessions_total);
    text.counter("halb_errors_total", "Failed probes, over all outputs.")
        .sample(&[], figures.errors);
}

fn write_workers(text: &mut Text, figures: &Figures, program: &Program) {
    let names: Vec<String> = (0..figures.workers.len())
        .map(|number| number.to_string())
        .collect();
    let workers = || names.iter().zip(&figures.workers);
    let mut family = text.gauge(
        "halb_worker_connections",
        "Connections of clients that a worker has.",
    );
    for (name, worker) in workers() {
        family.sample(&[("worker", name)], worker.connections_active);
    }
    let mut family = text.counter(
        "halb_worker_requests_total",
        "Requests whose head came whole, by worker.",
    );
    for (name, worker) in workers() {
        family.sample(&[("worker", name)], worker.requests_total);
    }
    let mut family = text.counter("halb_worker_turns_total", "Times around a worker's loop.");
    for (name, worker) in workers() {
        family.sample(&[("worker", name)], worker.turns_total);
    }
    let loads = &program.process.workers;
    let mut family = text.counter(
        "halb_worker_cpu_seconds_total",
        "Time that a worker had a processor for.",
    );
    for (number, load) in loads {
        family.sample(
            &[("worker", &number.to_string())],
            load.running_nanos as f64 / 1e9,
        );
    }
    let mut family = text.counter(
        "halb_worker_cpu_wait_seconds_total",
        "Time that a worker waited for a processor, with work to do.",
    );
    for (number, load) in loads {
        family.sample(
            &[("worker", &number.to_string())],
            load.waiting_nanos as f64 / 1e9,
        );
    }
}

fn write_mon(text: &mut Text, program: &Program) {
    text.gauge(
        "halb_mon_connected",
        "Whether mon has a connection, or an address for StatsD.",
    )
    .sample(&[], u8::from(program.mon_connected));
    text.counter(
        "halb_mon_sent_total",
        "Records or StatsD datagrams that mon has sent.",
    )
    .sample(&[], program.mon_sent);
    text.counter(
        "halb_mon_dropped_total",
        "Records or StatsD datagrams that nobody took.",
    )
    .sample(&[], program.mon_dropped);
    text.counter(
        "halb_log_dropped_total",
        "Lines of the access log for which there was no room on their way.",
    )
    .sample(&[], program.log_dropped);
}
