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
    log_hits(n) "{n} found" "找到 {n} 处"
    log_empty(key) "nothing was said yet; {key} shows more levels" "尚无日志；按 {key} 显示更多级别"
    log_search_title "Search the log" "搜索日志"
    log_search_explained "any part of a line; empty ends the search" "行内任意文字；留空结束搜索"
    log_save_title "Save the log" "保存日志"
    log_save_explained "a new file for all of its lines, of every level" "新文件，保存所有级别的全部日志"
    log_file_wanted "the name of a file is wanted" "请输入文件名"
    log_nothing_to_save "the log is empty" "日志为空"
    log_saved(path) "the log is in {path}" "日志已保存到 {path}"
    not_in_log(text) "no line shown has {text} in it" "显示的日志中没有 {text}"
    search_first(key) "search first: {key}" "请先搜索：{key}"
    log_at_begin "lines are shown from their begin" "各行已从头显示"
    log_at_end "no line is longer" "没有更长的行"
    rates_retries(n) "retries {n}" "重试 {n} 次"
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
