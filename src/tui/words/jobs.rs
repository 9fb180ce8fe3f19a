//! Jobs, their failures and their history.

use crate::config::Language;
use crate::job::JobState;

texts! {

    no_job "there is no job" "没有任务"
    no_job_to_cancel "there is no job to cancel" "没有可取消的任务"
    no_job_to_retry "there is no job to retry" "没有可重试的任务"
    no_job_to_pause "there is no job to pause" "没有可暂停的任务"
    job_has(state) "has {state}" "状态为“{state}”"
    job_is(state) "is {state}" "状态为“{state}”"
    cancels_nothing(job, is) "job {job} {is}: there is nothing to cancel" "任务 {job} {is}：无可取消"
    retries_failed_only(job, is) "job {job} {is}: only failed jobs are retried" "任务 {job} {is}：只有失败的任务可重试"
    pauses_running_only(job, is) "job {job} {is}: only running jobs are paused" "任务 {job} {is}：只有运行中的任务可暂停"
    priority_for_nothing(job, is) "job {job} {is}: a priority would change nothing" "任务 {job} {is}：优先级已无作用"
    priority_set(job, priority) "job {job}: priority {priority}" "任务 {job}：优先级 {priority}"
    let_it_run "let it run" "让它继续运行"
    cancel_it "cancel it: what is under way is dropped" "取消：丢弃正在传输的内容"
    cancel_title "Cancel?" "取消任务？"
    job_is_running(job, name) "job {job} {name} is running" "任务 {job} {name} 正在运行"

    one_worker "1 blob at a time" "同时传输 1 个数据块"
    workers(n) "{n} blobs at a time" "同时传输 {n} 个数据块"
    workers_at_host(workers, n) "{workers}, {n} of them at one host" "{workers}，每台主机最多 {n} 个"
    bandwidth_none "no limit of bandwidth" "不限带宽"
    bandwidth_is(rate) "at most {rate}/s" "最高 {rate}/s"
    bandwidth_title "Bandwidth" "带宽"
    bandwidth_explained
        "bytes a second in all: 800KB, 20MB, 200Mbit; empty for no limit"
        "全部任务每秒字节数：800KB、20MB、200Mbit；留空则不限"

    engine_saves(bytes) "the engine saves it: {bytes}" "引擎正在导出：{bytes}"
    engine_at(bytes) "engine {bytes}" "引擎 {bytes}"
    engine_at_of(bytes, all) "engine {bytes} of {all}" "引擎 {bytes}/{all}"
    waits "waits" "等待"
    stalled(seconds) "stalled {seconds} s" "停滞 {seconds} 秒"
    blobs_done(settled, all) "{settled}/{all} blobs" "{settled}/{all} 数据块"
    key_login(key) "{key} login" "{key} 登录"
    key_retry(key) "{key} retry" "{key} 重试"
    key_why(key) "{key} why" "{key} 原因"
    job_done "done" "完成"
    job_done_in(time) "in {time}" "用时 {time}"
    job_sent(bytes) "sent {bytes}" "传输 {bytes}"
    job_reused(bytes) "reused {bytes}" "复用 {bytes}"
    was_there_already "was there already" "已存在"
    layer_done(size) "{size} done" "{size} 完成"
    layer_there(size) "{size} was there" "{size} 已存在"
    layer_mounted(size) "{size} mounted" "{size} 已挂载"
    layer_failed(size) "{size} failed" "{size} 失败"
    hint_layers "layers" "各层"
    hint_why "why" "原因"
    hint_go_on "go on" "继续"

    job_title(job) "Job {job}" "任务 {job}"
    job_gone "the job is gone" "任务已不存在"
    retry_tries_again(key) "{key} in the jobs tries again" "在任务中按 {key} 重试"
    blobs_settled(settled, all) "{settled} of {all} blobs are settled" "{all} 个数据块中 {settled} 个已就绪"
}

impl Language {
    /// A state as a predicate.
    pub fn job_predicate(self, state: JobState) -> String {
        let name = self.job_state(state);
        match state {
            JobState::Succeeded | JobState::Failed => self.job_has(name),
            _ => self.job_is(name),
        }
    }
}
