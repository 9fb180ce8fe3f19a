//! Who a process is, and whether it still lives: what a lease on a job is worth.
//!
//! A pid alone says little: it is given again after the process's end, after a reboot, on another host and in
//! another container. So a process is (host, boot, pid namespace, pid, start time), and one open ledger in it
//! is an instance of its own: a ledger that was dropped works on nothing any more, though its process lives.

use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rustix::process::{Pid, test_kill_process};

/// A process elsewhere (another host, another container) cannot be looked at. It is taken for gone when the
/// ledger has heard nothing from it for this long, in milliseconds: a day. Should it come back, the epoch
/// of its leases is an old one and it can write nothing.
pub(super) const SILENCE_LIMIT: i64 = 24 * 60 * 60 * 1000;

/// The instances that are open in this process. A std Mutex: it is held for a set operation only.
static OPEN: Mutex<BTreeSet<u64>> = Mutex::new(BTreeSet::new());
static NEXT: AtomicU64 = AtomicU64::new(1);

/// The identity of one open ledger in one process. Unknown parts are empty or 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Process {
    pub host: String,
    /// Linux: the kernel's boot id; another one after each start of the machine.
    pub boot: String,
    /// The pid namespace: pids of another one mean nothing here.
    pub namespace: String,
    pub pid: u32,
    /// When the process began, in clock ticks since the boot.
    pub started: u64,
    pub instance: u64,
}

/// This process's own identity; the instance counts as open until it is dropped.
#[derive(Debug)]
pub(super) struct Me {
    pub process: Process,
    /// The key of its row: unique whatever happens to pids and clocks.
    pub key: String,
}

impl Me {
    /// A new instance in this process, `now` in milliseconds since 1970.
    pub fn open(now: i64) -> Me {
        let pid = std::process::id();
        let instance = NEXT.fetch_add(1, Ordering::Relaxed);
        let process = Process {
            host: line_of("/proc/sys/kernel/hostname"),
            boot: line_of("/proc/sys/kernel/random/boot_id"),
            namespace: fs::read_link("/proc/self/ns/pid")
                .map(|p| p.display().to_string())
                .unwrap_or_default(),
            pid,
            started: stat("self").map_or(0, |stat| stat.started),
            instance,
        };
        OPEN.lock().unwrap_or_else(PoisonError::into_inner).insert(instance);
        let key =
            format!("{}/{}/{pid}/{}/{instance}/{now}", process.boot, process.namespace, process.started);
        Me { process, key }
    }
}

impl Me {
    /// From now on this instance is gone.
    pub fn retire(&self) {
        OPEN.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.process.instance);
    }
}

impl Drop for Me {
    fn drop(&mut self) {
        self.retire();
    }
}

impl Process {
    /// Whether this process, last heard of at `seen`, is certainly (or, where it cannot be looked at, very
    /// probably) gone. A stopped process lives. Times in milliseconds since 1970.
    pub fn is_gone(&self, me: &Process, seen: i64, now: i64) -> bool {
        if self.boot != me.boot {
            // This host was started again since; or it is another host.
            return self.host == me.host || now.saturating_sub(seen) > SILENCE_LIMIT;
        }
        if self.namespace != me.namespace {
            return now.saturating_sub(seen) > SILENCE_LIMIT;
        }
        if (self.pid, self.started) == (me.pid, me.started) {
            return !OPEN.lock().unwrap_or_else(PoisonError::into_inner).contains(&self.instance);
        }
        !self.is_running()
    }

    fn is_running(&self) -> bool {
        match stat(&self.pid.to_string()) {
            Some(stat) => !stat.is_dead && (self.started == 0 || stat.started == self.started),
            // With a /proc, nobody is there; without one (macOS), ask for the pid alone.
            None if stat("self").is_some() => false,
            None => {
                let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
                pid.is_some_and(|pid| !matches!(test_kill_process(pid), Err(rustix::io::Errno::SRCH)))
            }
        }
    }
}

struct Stat {
    /// A zombie, or on its way out: it does nothing any more.
    is_dead: bool,
    started: u64,
}

fn stat(pid: &str) -> Option<Stat> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// proc(5): `pid (comm) state …`, the start time is field 22. The name may hold blanks and brackets.
fn parse_stat(text: &str) -> Option<Stat> {
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let is_dead = matches!(fields.next()?, "Z" | "X" | "x");
    let started = fields.nth(18)?.parse().ok()?;
    Some(Stat { is_dead, started })
}

fn line_of(path: &str) -> String {
    fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_time_is_found_behind_any_name() {
        let stat = parse_stat("7 (a) b) c) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4242 1 2").unwrap();
        assert!(!stat.is_dead && stat.started == 4242);
        assert!(parse_stat("7 (z) Z 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4242 1 2").unwrap().is_dead);
        assert!(parse_stat("7 (short) S 1").is_none() && parse_stat("").is_none());
    }

    #[test]
    fn an_instance_lives_until_it_is_dropped() {
        let (me, other) = (Me::open(0), Me::open(0));
        assert_ne!(me.key, other.key);
        let process = other.process.clone();
        assert!(!process.is_gone(&me.process, 0, i64::MAX));
        drop(other);
        assert!(process.is_gone(&me.process, 0, 0));
    }

    #[test]
    fn another_boot_of_this_host_is_gone_and_another_host_only_after_long_silence() {
        let me = Me::open(0);
        let before = Process { boot: "earlier".to_owned(), ..me.process.clone() };
        assert!(before.is_gone(&me.process, 0, 0));
        let elsewhere = Process { host: "elsewhere".to_owned(), ..before };
        let container = Process { namespace: "pid:[1]".to_owned(), ..me.process.clone() };
        for process in [elsewhere, container] {
            assert!(!process.is_gone(&me.process, 0, SILENCE_LIMIT));
            assert!(process.is_gone(&me.process, 0, SILENCE_LIMIT + 1));
        }
    }

    #[test]
    fn a_pid_that_was_given_again_is_another_process() {
        let me = Me::open(0);
        let init = Process { pid: 1, started: stat("1").map_or(0, |s| s.started), ..me.process.clone() };
        assert!(!init.is_gone(&me.process, 0, 0));
        if init.started != 0 || stat("1").is_some() {
            assert!(Process { started: init.started + 1, ..init }.is_gone(&me.process, 0, 0));
        }
        assert!(Process { pid: 999_999_999, started: 1, ..me.process.clone() }.is_gone(&me.process, 0, 0));
    }
}
