//! How a ring is set up: sizes, flags and features, each with its reason and the kernel that brought it; and
//! what to tell an operator whose machine refuses.
//!
//! | flag | kernel | why |
//! |---|---|---|
//! | `CLAMP` | 5.6 | sizes above the kernel's maximum are lowered instead of refused |
//! | `CQSIZE` | 5.5 | all armed receives can complete at once; twice the submissions is too few |
//! | `SUBMIT_ALL` | 5.18 | one bad entry must not hold back those behind it |
//! | `TASKRUN_FLAG` | 5.19 | says when deferred work waits; without it a plain submit completes nothing |
//! | `SINGLE_ISSUER` | 6.0 | one thread submits: the kernel takes no lock, and checks it |
//! | `DEFER_TASKRUN` | 6.1 | completions are produced when we wait, in one batch, not between our instructions |
//! | `NO_SQARRAY` | 6.6 | entries are taken in order; one indirection less |
//!
//! The ring's own descriptor is registered (5.18): an enter then looks nothing up.

use std::fmt;

use io_uring::IoUring;
use io_uring::Probe;
use io_uring::opcode;
use nix::errno::Errno;
use nix::sys::resource::Resource;
use nix::sys::resource::getrlimit;

/// Submissions of one batch. A fuller turn submits in between, which is counted.
pub const SUBMISSION_ENTRIES: u32 = 1024;
/// Completions that can wait. More than this at once (connections times armed operations) go through the
/// kernel's overflow list: slower, nothing is lost.
pub const COMPLETION_ENTRIES: u32 = 16_384;
/// Buffers that can be published for the kernel to pick from, at most.
pub const PICK_ENTRIES: u16 = 4096;
/// Threads the kernel may start for operations that cannot wait asynchronously. No operation of ours is one
/// (`tests/kernel.rs`), so a few; the kernel's default would be thousands.
const KERNEL_THREADS: u32 = 2;
/// The oldest kernel that has everything used here: absolute timeouts of a wait are of 6.12.
const LEAST_KERNEL: &str = "6.12";
/// The long-term kernel this is tested on.
const RECOMMENDED_KERNEL: &str = "6.18";

/// Memory of one ring that the kernel charges to `RLIMIT_MEMLOCK`: entries of 64 and 16 bytes, 16 for each
/// buffer to pick, and a page for the head.
pub const LOCKED_BYTES: u64 = SUBMISSION_ENTRIES as u64 * 64
    + COMPLETION_ENTRIES as u64 * 16
    + PICK_ENTRIES as u64 * 16
    + 4096;

/// Why there is no ring, and what mends it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RingError {
    /// The kernel was built without it, or hides it.
    Absent,
    /// The sysctl `kernel.io_uring_disabled` (Linux 6.6) forbids it.
    Disabled { level: u8 },
    /// A seccomp filter, as containers have it, forbids it.
    Filtered,
    /// Something else forbids it: a security module.
    Forbidden,
    /// The kernel lacks something it needs.
    TooOld { release: String },
    /// The kernel lacks one operation.
    NoOperation { name: &'static str, release: String },
    /// `RLIMIT_MEMLOCK` is too low; all rings of the user count together.
    Memory { limit_bytes: u64 },
    /// Too many descriptors are open.
    Descriptors,
    /// The memory for buffers could not be reserved.
    Buffers,
    /// A call failed in a way that has no remedy of its own.
    Refused { call: &'static str, errno: Errno },
}

impl fmt::Display for RingError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RingError::Absent => write!(
                out,
                "this kernel has no io_uring; HALB needs Linux {LEAST_KERNEL} or newer with CONFIG_IO_URING"
            ),
            RingError::Disabled { level } => write!(
                out,
                "kernel.io_uring_disabled is {level}, which forbids io_uring; \
                 allow it with: sysctl -w kernel.io_uring_disabled=0"
            ),
            RingError::Filtered => write!(
                out,
                "a seccomp filter forbids io_uring, as the default profile of containers does; \
                 run the container with a profile that allows io_uring_setup, io_uring_enter and \
                 io_uring_register"
            ),
            RingError::Forbidden => write!(
                out,
                "io_uring is not permitted to this process; look at the security module's log \
                 (SELinux, AppArmor) for io_uring"
            ),
            RingError::TooOld { release } => write!(
                out,
                "Linux {release} lacks features HALB needs; it needs {LEAST_KERNEL} or newer, \
                 {RECOMMENDED_KERNEL} is recommended"
            ),
            RingError::NoOperation { name, release } => write!(
                out,
                "Linux {release} does not allow the io_uring operation {name}; HALB needs {LEAST_KERNEL} \
                 or newer, {RECOMMENDED_KERNEL} is recommended"
            ),
            RingError::Memory { limit_bytes } => write!(
                out,
                "not enough lockable memory for a ring: each worker needs {} KiB, and the limit for all \
                 of this user is {} KiB; raise it with LimitMEMLOCK=infinity in the systemd unit or \
                 ulimit -l unlimited",
                LOCKED_BYTES.div_ceil(1024),
                limit_bytes / 1024
            ),
            RingError::Descriptors => write!(
                out,
                "too many open files to open a ring; raise LimitNOFILE in the systemd unit or ulimit -n"
            ),
            RingError::Buffers => write!(
                out,
                "the memory for buffers could not be reserved; lower the memory limit of the \
                 configuration or raise that of the process"
            ),
            RingError::Refused { call, errno } => write!(out, "{call} failed: {errno}"),
        }
    }
}

impl std::error::Error for RingError {}

/// What the machine says about itself, for telling causes apart.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Facts {
    /// `kernel.io_uring_disabled`; `None` before Linux 6.6.
    pub disabled: Option<u8>,
    /// Whether a seccomp filter is in force.
    pub filtered: bool,
    pub release: String,
    pub memlock_bytes: u64,
}

impl Facts {
    /// Asks the machine. What it does not say stays at its default.
    pub fn gather() -> Facts {
        let disabled = std::fs::read_to_string("/proc/sys/kernel/io_uring_disabled");
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease");
        Facts {
            disabled: disabled.ok().and_then(|level| level.trim().parse().ok()),
            filtered: is_filtered(&status),
            release: release.unwrap_or_default().trim().to_owned(),
            memlock_bytes: getrlimit(Resource::RLIMIT_MEMLOCK).map_or(0, |(soft, _)| soft),
        }
    }
}

/// Names the cause of a failed set-up call.
pub fn classify(call: &'static str, errno: Errno, facts: &Facts) -> RingError {
    match errno {
        Errno::ENOSYS if facts.filtered => RingError::Filtered,
        Errno::ENOSYS => RingError::Absent,
        Errno::EPERM => match facts.disabled {
            Some(level @ 1..) => RingError::Disabled { level },
            Some(0) | None if facts.filtered => RingError::Filtered,
            Some(0) | None => RingError::Forbidden,
        },
        Errno::EINVAL => RingError::TooOld {
            release: facts.release.clone(),
        },
        Errno::ENOMEM => RingError::Memory {
            limit_bytes: facts.memlock_bytes,
        },
        Errno::EMFILE | Errno::ENFILE => RingError::Descriptors,
        errno => RingError::Refused { call, errno },
    }
}

/// A ring for the calling thread, with all it needs or an error that says what is missing.
pub(super) fn build() -> Result<IoUring, RingError> {
    let ring = IoUring::builder()
        .setup_clamp()
        .setup_cqsize(COMPLETION_ENTRIES)
        .setup_submit_all()
        .setup_taskrun_flag()
        .setup_single_issuer()
        .setup_defer_taskrun()
        .setup_no_sqarray()
        .build(SUBMISSION_ENTRIES)
        .map_err(|error| classify("io_uring_setup", errno(&error), &Facts::gather()))?;
    check_features(&ring)?;
    check_operations(&ring)?;
    ring.submitter()
        .register_iowq_max_workers(&mut [KERNEL_THREADS; 2])
        .map_err(|error| classify("io_uring_register", errno(&error), &Facts::gather()))?;
    Ok(ring)
}

/// The number of a system call's error; the library makes none without.
pub(super) fn errno(error: &std::io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

fn check_features(ring: &IoUring) -> Result<(), RingError> {
    let has = ring.params();
    // In the order of their kernels: completions are never dropped (5.5), addresses are read at submission
    // (5.5), a wait takes a timeout (5.11), success can be silent (5.17), and 6.12, of which a minimal
    // wait is the only visible sign: absolute timeouts came with it.
    let all = has.is_feature_nodrop()
        && has.is_feature_submit_stable()
        && has.is_feature_ext_arg()
        && has.is_feature_skip_cqe_on_success()
        && has.is_feature_min_timeout();
    if all {
        return Ok(());
    }
    Err(RingError::TooOld {
        release: Facts::gather().release,
    })
}

fn check_operations(ring: &IoUring) -> Result<(), RingError> {
    let mut probe = Probe::new();
    ring.submitter()
        .register_probe(&mut probe)
        .map_err(|error| classify("io_uring_register", errno(&error), &Facts::gather()))?;
    let needed = [
        ("accept", opcode::AcceptMulti::CODE),
        ("connect", opcode::Connect::CODE),
        ("recv", opcode::Recv::CODE),
        ("send", opcode::Send::CODE),
        ("cancel", opcode::AsyncCancel2::CODE),
        ("close", opcode::Close::CODE),
        ("read", opcode::Read::CODE),
    ];
    for (name, code) in needed {
        if !probe.is_supported(code) {
            let release = Facts::gather().release;
            return Err(RingError::NoOperation { name, release });
        }
    }
    Ok(())
}

/// Mode 2 of `Seccomp:` is a filter; 1 would not even let us read this.
fn is_filtered(status: &str) -> bool {
    status
        .lines()
        .filter_map(|line| line.strip_prefix("Seccomp:"))
        .any(|mode| mode.trim() == "2")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(disabled: Option<u8>, filtered: bool) -> Facts {
        Facts {
            disabled,
            filtered,
            release: "5.10.0".to_owned(),
            memlock_bytes: 65_536,
        }
    }

    #[test]
    fn every_cause_is_told_apart() {
        let table = [
            (Errno::ENOSYS, None, false, RingError::Absent),
            (Errno::ENOSYS, None, true, RingError::Filtered),
            (
                Errno::EPERM,
                Some(2),
                false,
                RingError::Disabled { level: 2 },
            ),
            (
                Errno::EPERM,
                Some(1),
                true,
                RingError::Disabled { level: 1 },
            ),
            (Errno::EPERM, Some(0), true, RingError::Filtered),
            (Errno::EPERM, None, true, RingError::Filtered),
            (Errno::EPERM, Some(0), false, RingError::Forbidden),
            (Errno::EPERM, None, false, RingError::Forbidden),
            (
                Errno::EINVAL,
                None,
                false,
                RingError::TooOld {
                    release: "5.10.0".to_owned(),
                },
            ),
            (
                Errno::ENOMEM,
                Some(0),
                false,
                RingError::Memory {
                    limit_bytes: 65_536,
                },
            ),
            (Errno::EMFILE, Some(0), false, RingError::Descriptors),
            (Errno::ENFILE, Some(0), false, RingError::Descriptors),
            (
                Errno::EFAULT,
                Some(0),
                false,
                RingError::Refused {
                    call: "setup",
                    errno: Errno::EFAULT,
                },
            ),
        ];
        for (errno, disabled, filtered, expected) in table {
            let facts = facts(disabled, filtered);
            assert_eq!(
                classify("setup", errno, &facts),
                expected,
                "{errno} {facts:?}"
            );
        }
    }

    #[test]
    fn errors_name_the_mending() {
        let text = RingError::Disabled { level: 2 }.to_string();
        assert!(
            text.contains("sysctl -w kernel.io_uring_disabled=0"),
            "{text}"
        );
        let text = RingError::Memory {
            limit_bytes: 8 << 20,
        }
        .to_string();
        assert!(text.contains("LimitMEMLOCK=infinity"), "{text}");
        assert!(text.contains("388 KiB"), "{text}");
        assert!(text.contains("8192 KiB"), "{text}");
        let text = RingError::TooOld {
            release: "5.15.0".to_owned(),
        }
        .to_string();
        assert!(text.contains("5.15.0") && text.contains("6.12"), "{text}");
    }

    #[test]
    fn a_filter_is_seen_in_the_status() {
        assert!(is_filtered("Name:\tx\nSeccomp:\t2\nSeccomp_filters:\t1\n"));
        assert!(!is_filtered("Name:\tx\nSeccomp:\t0\nSeccomp_filters:\t0\n"));
        assert!(!is_filtered(""));
    }
}
