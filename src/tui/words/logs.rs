//! The log.

use crate::config::Language;
use crate::job::Level;

texts! {
    log_debug "debug" "调试"
    log_info "info" "信息"
    log_warn "warn" "警告"
    log_error "error" "错误"
    log_added(job, name) "job {job} {name}: added" "任务 {job} {name}：已加入"
    log_moved(job, name, state) "job {job} {name}: {state}" "任务 {job} {name}：{state}"
    log_staging(what, bytes) "{what}: {bytes} so far" "{what}：已读 {bytes}"
    log_planned(job, name, blobs, bytes) "job {job} {name}: {blobs} blobs, {bytes}" "任务 {job} {name}：{blobs} 个数据块，{bytes}"
    log_retry(reason, attempt, of, seconds) "{reason}; try {attempt} of {of} in {seconds} s" "{reason}；{seconds} 秒后第 {attempt}/{of} 次尝试"
    log_follow "follow" "跟随"
    log_newer(n) "{n} newer" "之后 {n} 行"
    rates_title "60 s" "60 秒"
    rates_peak(rate) "peak {rate}/s" "峰值 {rate}/s"
    rates_wire(bytes) "wire {bytes}" "传输 {bytes}"
    rates_reused(bytes) "reused {bytes}" "复用 {bytes}"
}

impl Language {
    /// A level's word.
    pub fn log_level(self, level: Level) -> &'static str {
        match level {
            Level::Debug => self.log_debug(),
            Level::Info => self.log_info(),
            Level::Warn => self.log_warn(),
            Level::Error => self.log_error(),
        }
    }
}
