//! What a child takes on before it looks at its input. Limits hold everywhere; the walls around folder and network are Linux's,
//! as far as the running kernel has them.

use rustix::process::{Resource, Rlimit, setrlimit};

use super::model::ChildLimits;

/// Takes the limits on. They hold for this process until it ends.
pub(super) fn bind(limits: &ChildLimits) -> rustix::io::Result<()> {
    let most = |value: u64| Rlimit { current: Some(value), maximum: Some(value) };
    // Private memory rather than addresses: allocators and thread stacks reserve far more than they use.
    setrlimit(Resource::Data, most(limits.memory))?;
    let seconds = limits.processor.as_secs().max(1);
    // The signal at the first limit ends the process; the second is for who would ignore it.
    setrlimit(Resource::Cpu, Rlimit { current: Some(seconds), maximum: Some(seconds.saturating_add(5)) })?;
    setrlimit(Resource::Fsize, most(limits.file))?;
    setrlimit(Resource::Nofile, most(limits.open_files))?;
    setrlimit(Resource::Core, most(0))
}

/// Gives up everything but the files of the current folder: other files, the network, other programs. Holds for this thread and
/// those it starts from now on, so it comes before the first.
#[cfg(target_os = "linux")]
pub(super) fn wall_in() -> Result<(), String> {
    let _older_kernels_have_no_such_wall = folder_only().map_err(|e| e.to_string())?;
    no_calls_to_others().map_err(|e| e.to_string())
}

/// Other systems have no such walls that a process can put up for itself.
#[cfg(not(target_os = "linux"))]
pub(super) fn wall_in() -> Result<(), String> {
    Ok(())
}

/// Tells whether the kernel knows such walls.
#[cfg(target_os = "linux")]
fn folder_only() -> Result<bool, landlock::RulesetError> {
    use landlock::{
        ABI, Access as _, AccessFs, AccessNet, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, RulesetStatus,
    };
    // The newest set of rights that this was tried with; older kernels know fewer and restrict what they know.
    let all = ABI::V5;
    let walls = Ruleset::default()
        .handle_access(AccessFs::from_all(all))?
        .handle_access(AccessNet::from_all(all))?
        .create()?
        .add_rules(landlock::path_beneath_rules(["."], AccessFs::from_all(all)))?
        .restrict_self()?;
    Ok(walls.ruleset != RulesetStatus::NotEnforced)
}

/// Nothing that reads a file needs these; what breaks out of a parser would.
#[cfg(target_os = "linux")]
const REFUSED: [libc::c_long; 9] = [
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_writev,
    // It makes other calls without making them.
    libc::SYS_io_uring_setup,
];

#[cfg(target_os = "linux")]
fn no_calls_to_others() -> Result<(), seccompiler::Error> {
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
    let Ok(machine) = std::env::consts::ARCH.try_into() else {
        // No filters for this processor: the other walls stand.
        return Ok(());
    };
    let refused = SeccompAction::Errno(rustix::io::Errno::ACCESS.raw_os_error().unsigned_abs());
    let rules = REFUSED.into_iter().map(|call| (call, Vec::new())).collect();
    let program: BpfProgram = SeccompFilter::new(rules, SeccompAction::Allow, refused, machine)?.try_into()?;
    match seccompiler::apply_filter(&program) {
        // A kernel or a container without filters; the other walls stand.
        Err(seccompiler::Error::Prctl(_) | seccompiler::Error::Seccomp(_)) => Ok(()),
        applied => applied,
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs::File;
    use std::io::ErrorKind;
    use std::net::{TcpListener, UdpSocket};
    use std::process::Command;

    use super::*;

    #[test]
    fn behind_the_walls_there_is_the_folder_and_nothing_else() {
        // The walls are one thread's; the rest of the tests stays outside.
        std::thread::scope(|threads| {
            let inside = threads.spawn(|| {
                let denied = |error: std::io::Error| assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
                let enforced = folder_only().unwrap();
                wall_in().unwrap();
                File::open("Cargo.toml").unwrap();
                if enforced {
                    denied(File::open("/etc/passwd").unwrap_err());
                    denied(File::create("/tmp/rhiza-outside").unwrap_err());
                }
                denied(TcpListener::bind("127.0.0.1:0").unwrap_err());
                denied(UdpSocket::bind("127.0.0.1:0").unwrap_err());
                denied(Command::new("/bin/true").spawn().unwrap_err());
            });
            inside.join().unwrap();
        });
    }
}
