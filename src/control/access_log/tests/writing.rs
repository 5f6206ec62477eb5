use std::fs;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::Sample;
use crate::control::access_log::AccessLog;
use crate::control::access_log::Opened;
use crate::control::access_log::batch::Batch;
use crate::control::access_log::sink::Sink;
use crate::control::reload::parts::Part;
use crate::control::state::tests::Scratch;
use crate::model::config::AccessLog as Target;
use crate::model::config::Config;
use crate::model::config::LogFormat;
use crate::plane::Plane;
use crate::plane::records::Put;
use crate::ring::inbox::Hub;

/// Workers that only say what has become of requests.
struct Workers {
    plane: Arc<Plane>,
    hub: Arc<Hub>,
    said: u64,
}

impl Workers {
    fn new(count: usize) -> Workers {
        Workers {
            plane: Arc::new(Plane::new(count, 10)),
            hub: Arc::new(Hub::new(count).unwrap()),
            said: 0,
        }
    }

    fn log(&self, path: &Path) -> AccessLog {
        let opened = Opened::of(&config(Target::File(path.to_owned())));
        AccessLog::begin(&self.plane, &self.hub, opened.unwrap()).unwrap()
    }

    /// What a worker does for each request, the next number in its target.
    fn say(&mut self, worker: usize) -> Put {
        let mut sample = Sample::answered();
        sample.texts[1] = format!("/{}", self.said).into_bytes();
        let put = self.plane.open_records(worker).put(&sample.encoded());
        match put {
            Put::Stored => self.said += 1,
            Put::StoredWake => {
                self.said += 1;
                self.hub.ring_log();
            }
            Put::Dropped => self.plane.page(worker).log_dropped.add(1),
        }
        put
    }
}

/// The numbers in lines, each of which has to be whole.
fn numbers(text: &str) -> Vec<u64> {
    assert!(text.is_empty() || text.ends_with('\n'), "{text}");
    let number = |line: &str| {
        let rest = line.strip_prefix("192.0.2.7 - - [")?;
        assert!(
            rest.ends_with("HTTP/1.1\" 200 4242 \"-\" \"curl/8.5\""),
            "{line}"
        );
        rest.split(' ').nth(3)?[1..].parse().ok()
    };
    text.lines().map(|line| number(line).unwrap()).collect()
}

fn config(target: Target) -> Config {
    Config {
        access_log: target,
        log_format: LogFormat::Combined,
        ..Config::default()
    }
}

fn all(said: u64) -> Vec<u64> {
    (0..said).collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

#[test]
fn every_record_of_every_worker_becomes_a_line() {
    let folder = Scratch::new();
    let path = folder.0.join("access.log");
    let mut workers = Workers::new(3);
    let log = workers.log(&path);
    for request in 0..5000 {
        assert_ne!(workers.say(request % 3), Put::Dropped);
    }
    log.finish();
    let mut found = numbers(&read(&path));
    found.sort_unstable();
    assert_eq!(found, all(workers.said));
}

#[test]
fn no_line_is_lost_when_the_file_is_moved_away() {
    let folder = Scratch::new();
    let (path, old) = (folder.0.join("a"), folder.0.join("a.1"));
    let mut workers = Workers::new(1);
    let log = workers.log(&path);
    for round in 0..10 {
        (0..50).for_each(|_| assert_ne!(workers.say(0), Put::Dropped));
        if round == 5 {
            fs::rename(&path, &old).unwrap();
            log.reopen();
        }
    }
    log.finish();
    let mut found = numbers(&read(&old));
    assert!(found.len() >= 300, "what was said before it went");
    found.extend(numbers(&read(&path)));
    assert_eq!(found, all(workers.said));
}

#[test]
fn a_log_that_cannot_be_opened_again_is_written_on() {
    let folder = Scratch::new();
    let path = folder.0.join("in");
    fs::create_dir(&path).unwrap();
    let (file, moved) = (path.join("a"), folder.0.join("gone"));
    let mut workers = Workers::new(1);
    let log = workers.log(&file);
    fs::rename(&path, &moved).unwrap();
    log.reopen();
    workers.say(0);
    log.finish();
    assert_eq!(numbers(&read(&moved.join("a"))), [0]);
}

#[test]
fn another_configuration_moves_the_log() {
    let folder = Scratch::new();
    let (first, second) = (folder.0.join("first"), folder.0.join("second"));
    let mut workers = Workers::new(1);
    let log = workers.log(&first);
    workers.say(0);
    log.change(Opened::of(&config(Target::File(second.clone()))).unwrap());
    workers.say(0);
    log.finish();
    let mut found = numbers(&read(&first));
    assert!(!found.is_empty(), "what was said before");
    found.extend(numbers(&read(&second)));
    assert_eq!(found, [0, 1]);
}

/// The thread may hear of both at the same time.
#[test]
fn each_of_two_logs_in_a_row_gets_what_is_its() {
    let folder = Scratch::new();
    let (first, second) = (folder.0.join("first"), folder.0.join("second"));
    let mut workers = Workers::new(1);
    let none = Opened::of(&config(Target::None)).unwrap();
    let log = AccessLog::begin(&workers.plane, &workers.hub, none).unwrap();
    let to = |path: &Path| Opened::of(&config(Target::File(path.to_owned()))).unwrap();
    let both = [to(&first), to(&second)];
    workers.say(0);
    log.order(|orders| orders.changes.extend(both));
    log.finish();
    assert_eq!(
        (numbers(&read(&first)), read(&second)),
        (vec![0], String::new())
    );
}

#[test]
fn a_reload_opens_another_log_before_it_changes_anything() {
    let folder = Scratch::new();
    let (first, second) = (folder.0.join("first"), folder.0.join("second"));
    let mut workers = Workers::new(1);
    let log = Arc::new(workers.log(&first));
    let before = config(Target::File(first.clone()));
    assert!(log.prepare(&before, &before).unwrap().is_none());
    let nowhere = config(Target::File(folder.0.join("none/there")));
    let Err(refusal) = log.prepare(&before, &nowhere) else {
        panic!("it cannot be opened");
    };
    assert!(
        refusal.contains("none/there (access_log): No such file"),
        "{refusal}"
    );
    let next = config(Target::File(second.clone()));
    let commit = log.prepare(&before, &next).unwrap().unwrap();
    workers.say(0);
    commit();
    log.finish();
    assert_eq!(
        (numbers(&read(&first)), read(&second)),
        (vec![0], String::new())
    );
}

#[test]
fn a_pipe_that_nobody_reads_holds_up_nobody_and_gets_whole_lines() {
    let folder = Scratch::new();
    let path = folder.0.join("pipe");
    mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
    let pipe = path.clone();
    // Whoever opens a named pipe waits for its other end.
    let opened = std::thread::spawn(move || File::open(pipe).unwrap());
    let keeps_open = fs::OpenOptions::new().write(true).open(&path).unwrap();
    let mut reader = opened.join().unwrap();
    let mut workers = Workers::new(1);
    let log = workers.log(&path);
    drop(keeps_open);
    while workers.say(0) != Put::Dropped {}
    assert_eq!(workers.plane.log_dropped(), 1);
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        text
    });
    log.finish();
    assert_eq!(numbers(&reading.join().unwrap()), all(workers.said));
}

#[test]
fn what_is_said_before_there_is_a_log_waits_for_it() {
    let folder = Scratch::new();
    let path = folder.0.join("a");
    let mut workers = Workers::new(1);
    let none = Opened::of(&config(Target::None)).unwrap();
    let log = AccessLog::begin(&workers.plane, &workers.hub, none).unwrap();
    workers.say(0);
    log.change(Opened::of(&config(Target::File(path.clone()))).unwrap());
    log.finish();
    assert_eq!(numbers(&read(&path)), [0]);
}

#[test]
fn a_line_that_went_in_part_goes_whole_to_the_next_file() {
    let folder = Scratch::new();
    let path = folder.0.join("a");
    let mut batch = Batch::default();
    batch.end().extend(b"one\ntwo\nthree\n");
    batch.taken = 6; // within the second
    assert_eq!(batch.len(), 8);
    batch.rewind();
    let mut sink = Sink::open(&Target::File(path.clone())).unwrap().unwrap();
    batch.flush(&mut sink).unwrap();
    assert!(batch.is_empty());
    assert_eq!(read(&path), "two\nthree\n");
    batch.end().extend(b"four\nfive\n");
    batch.rewind();
    assert_eq!(batch.len(), 10, "nothing had gone");
    batch.taken = 5;
    assert_eq!(batch.give_up(), 1);
    assert!(batch.is_empty());
}
