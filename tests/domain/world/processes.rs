//! Which processes and threads there are, from /proc.

use std::fs;

use nix::unistd::Pid;

/// The children of a process with `word` among their arguments.
pub fn children(of: Pid, word: &str) -> Vec<Pid> {
    let all = fs::read_dir("/proc").unwrap();
    let names = all.map(|entry| entry.unwrap().file_name());
    let ids = names.filter_map(|name| name.to_str()?.parse().ok().map(Pid::from_raw));
    ids.filter(|id| parent(*id) == Some(of) && is_called(*id, word))
        .collect()
}

/// Whether that process still is one with `word` among its arguments.
pub fn is_called(id: Pid, word: &str) -> bool {
    let arguments = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
    arguments
        .split(|byte| *byte == 0)
        .any(|argument| argument == word.as_bytes())
}

/// The thread of a process that is called so.
pub fn thread(of: Pid, name: &str) -> Option<Pid> {
    let tasks = fs::read_dir(format!("/proc/{of}/task")).ok()?;
    let mut names = tasks.filter_map(|entry| Some(entry.ok()?.file_name()));
    names.find_map(|id| {
        let id = id.to_str()?;
        let called = fs::read_to_string(format!("/proc/{of}/task/{id}/comm")).ok()?;
        (called.trim_end() == name).then(|| Pid::from_raw(id.parse().unwrap()))
    })
}

fn parent(id: Pid) -> Option<Pid> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // proc_pid_stat(5): the name may hold anything, so count from its last parenthesis.
    let (_, rest) = stat.rsplit_once(')')?;
    let parent = rest.split_whitespace().nth(1)?;
    parent.parse().ok().map(Pid::from_raw)
}
