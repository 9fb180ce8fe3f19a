//! Jobs of other processes, and ways out.

use crate::config::Language;

texts! {
    one_left_behind(key) "1 job was interrupted: {key} goes on with it" "1 个任务被中断：按 {key} 继续"
    left_behind(n, key) "{n} jobs were interrupted: {key} goes on with them" "{n} 个任务被中断：按 {key} 继续"
    nothing_left_behind "no job was interrupted" "没有被中断的任务"
    goes_on_here(n) "interrupted jobs that go on here: {n}" "在此继续的中断任务：{n}"
    is_interrupted "interrupted" "已中断"
    had_of(percent, total) " at {percent}% of {total}" "，已完成 {percent}%（共 {total}）"
    key_goes_on(key) "{key} go on" "{key} 继续"
    elsewhere_short(n) "{n} elsewhere" "其他进程 {n}"
    elsewhere(n, pid) "{n} in another wharf (pid {pid})" "另一个 wharf 有 {n} 个任务（pid {pid}）"
    elsewhere_alone(n, pid) "{n} in another wharf (pid {pid}, no terminal)" "另一个 wharf 有 {n} 个任务（pid {pid}，无终端）"
    elsewhere_alone_since(n, pid, since) "{n} in another wharf (pid {pid}, without terminal for {since})" "另一个 wharf 有 {n} 个任务（pid {pid}，无终端已 {since}）"
    elsewhere_several(n, processes) "{n} in {processes} other wharfs" "另外 {processes} 个 wharf 有 {n} 个任务"
    layers_elsewhere "another wharf has this job: its layers are only seen there" "该任务属于另一个 wharf：只有那里能看到各层"
    not_recorded(reason) "jobs are not recorded, and end with wharf: {reason}" "任务不会被记录，并随 wharf 结束：{reason}"

    quit_stay "stay" "留下"
    quit_when_done "wait for the jobs, then quit" "等任务完成后退出"
    quit_and_leave "quit, and leave the jobs running in the background: a layer under way may be sent again" "退出，任务转到后台继续：正在传输的层可能重传"
    quit_and_stop "stop the jobs and quit: they can go on at the next start; a layer under way may be sent again" "停止任务并退出：下次启动可继续；正在传输的层可能重传"
    quit_and_cancel "stop the jobs and quit: they are not recorded, and are lost" "停止任务并退出：任务未被记录，将会丢失"
    quit_now "quit" "退出"
    quits_when_done "quits when the jobs are done" "任务完成后退出"
    stopping "stopping" "正在停止"
    handing_over "handing the jobs over" "正在移交任务"
    still_starting "the queue is just being started: once more in a moment" "队列正在启动：请稍后再试"
    cannot_leave(reason) "the jobs cannot be left running: {reason}" "任务无法转到后台：{reason}"
    one_runs "1 job is running." "1 个任务正在运行。"
    jobs_run(n) "{n} jobs are running." "{n} 个任务正在运行。"
    one_runs_others_wait(waiting) "1 job is running, {waiting} waiting." "1 个任务正在运行，{waiting} 个在等待。"
    jobs_run_others_wait(n, waiting) "{n} jobs are running, {waiting} waiting." "{n} 个任务正在运行，{waiting} 个在等待。"
    one_draft_forgotten "The image in the queue was not started and is forgotten." "队列中的 1 个镜像尚未启动，将被丢弃。"
    drafts_forgotten(n) "The {n} images in the queue were not started and are forgotten." "队列中的 {n} 个镜像尚未启动，将被丢弃。"

    one_left_running(pid) "1 job goes on in the background (process {pid}): `wharf jobs --watch` or another `wharf` shows it" "1 个任务在后台继续（进程 {pid}）：可用 `wharf jobs --watch` 或再次启动 `wharf` 查看"
    left_running(n, pid) "{n} jobs go on in the background (process {pid}): `wharf jobs --watch` or another `wharf` shows them" "{n} 个任务在后台继续（进程 {pid}）：可用 `wharf jobs --watch` 或再次启动 `wharf` 查看"
    not_left_running(reason) "the jobs could not be left running: {reason}; `wharf jobs resume` goes on with them" "任务无法转到后台：{reason}；可用 `wharf jobs resume` 继续"
    one_stopped "1 job is not finished: `wharf jobs resume` or another `wharf` goes on with it" "1 个任务未完成：可用 `wharf jobs resume` 或再次启动 `wharf` 继续"
    stopped_jobs(n) "{n} jobs are not finished: `wharf jobs resume` or another `wharf` goes on with them" "{n} 个任务未完成：可用 `wharf jobs resume` 或再次启动 `wharf` 继续"
}

impl Language {
    /// Two sentences one behind the other.
    pub fn sentences(self, first: &str, second: &str) -> String {
        let apart = if self == Language::English { " " } else { "" };
        format!("{first}{apart}{second}")
    }
}
