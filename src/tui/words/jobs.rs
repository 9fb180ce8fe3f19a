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

    none_to_cancel(n) "of these {n} jobs none can be cancelled: they are over" "这 {n} 个任务均已结束，无可取消"
    none_to_retry(n) "of these {n} jobs none has failed" "这 {n} 个任务均未失败，无需重试"
    none_to_pause(n) "of these {n} jobs none is running or paused" "这 {n} 个任务均不在运行或暂停"
    let_them_run "let them run" "让它们继续运行"
    cancel_them(n) "cancel {n} jobs: what is under way is dropped" "取消 {n} 个任务：丢弃正在传输的内容"
    cancel_them_title(n) "{n} jobs are not over" "{n} 个任务尚未结束"
    cancelling(job) "job {job} is being cancelled" "正在取消任务 {job}"
    cancelling_all(n) "{n} jobs are being cancelled" "正在取消 {n} 个任务"
    retrying(job) "job {job} is queued again" "任务 {job} 已重新排队"
    retrying_all(n) "{n} jobs are queued again" "{n} 个任务已重新排队"
    pausing(job) "job {job} pauses: what is under way is finished first" "任务 {job} 即将暂停：先传完正在传输的内容"
    pausing_all(n) "{n} jobs pause: what is under way is finished first" "{n} 个任务即将暂停：先传完正在传输的内容"
    resuming(job) "job {job} goes on" "任务 {job} 继续"
    resuming_all(n) "{n} jobs go on" "{n} 个任务继续"
    priorities_set(n, by) "{n} jobs: priority {by}" "{n} 个任务：优先级 {by}"
    nothing_finished "no job has finished" "没有已结束的任务"
    finished_hidden(n, key) "{n} finished jobs are hidden; {key} shows them again" "已隐藏 {n} 个已结束的任务；按 {key} 重新显示"
    finished_shown(n) "{n} finished jobs are shown again" "重新显示 {n} 个已结束的任务"
    showing_jobs(which) "jobs shown: {which}" "显示任务：{which}"
    no_job_with(text) "no job has {text} in it" "没有包含 {text} 的任务"
    no_such_jobs(which, filter) "no such jobs: {which} shows others, {filter} filters" "没有符合的任务：按 {which} 切换，按 {filter} 筛选"
    no_layers(job) "job {job}: its layers are not known yet" "任务 {job}：还没有各层的信息"
    close_first(key) "close this first: {key}" "请先关闭：{key}"

    jobs_of(shown, all) "({shown} of {all})" "（{shown}/{all}）"
    jobs_by(order) "by {order}" "按{order}"
    jobs_all "all" "全部"
    jobs_unfinished "unfinished" "未结束"
    jobs_finished "finished" "已结束"
    order_state "state" "状态"
    order_added "age" "先后"
    order_newest "newest" "最新"
    order_name "name" "名称"
    jobs_alike(n) "{n} jobs" "{n} 个任务"
    jobs_filter_title "Show jobs" "显示任务"
    jobs_filter_explained
        "words of their names, states or failures: team-a failed; empty for all"
        "名称、状态或失败原因中的词：team-a failed；留空则显示全部"

    engine_saves(bytes) "the engine saves it: {bytes}" "引擎正在导出：{bytes}"
    engine_at(bytes) "engine {bytes}" "引擎 {bytes}"
    engine_at_of(bytes, all) "engine {bytes} of {all}" "引擎 {bytes}/{all}"
    waits_for_turn "waits for its turn" "排队等待"
    waits_for_job(job) "waits for job {job}" "等待任务 {job}"
    puts_manifests "puts manifests" "写入清单"
    stalled(seconds) "stalled {seconds} s" "停滞 {seconds} 秒"
    stalled_on(seconds, blob) "stalled {seconds} s {blob}" "停滞 {seconds} 秒 {blob}"
    retry_in(attempt, of, seconds) "retry {attempt}/{of} in {seconds} s" "{seconds} 秒后重试 {attempt}/{of}"
    retry_now(attempt, of) "retry {attempt}/{of}" "重试 {attempt}/{of}"
    layers_done(settled, all) "{settled}/{all} layers" "{settled}/{all} 层"
    key_login(key) "{key} login" "{key} 登录"
    key_retry(key) "{key} retry" "{key} 重试"
    key_why(key) "{key} why" "{key} 原因"
    key_retry_all(key) "{key} retry all" "{key} 全部重试"
    key_list(key) "{key} list" "{key} 展开"
    key_fold(key) "{key} fold" "{key} 收起"
    key_open(key) "{key} open" "{key} 打开"
    key_filter(key) "{key} filter" "{key} 筛选"
    key_again(key) "{key} queue again" "{key} 再次入队"
    key_undo(key) "{key} undo its tags" "{key} 撤销标签"
    job_done "done" "完成"
    job_done_in(time) "in {time}" "用时 {time}"
    job_sent(bytes) "sent {bytes}" "传输 {bytes}"
    was_there_already "was there already" "已存在"
    layer_done(size) "{size} done" "{size} 完成"
    layer_there(size) "{size} reused (there)" "{size} 复用（已存在）"
    layer_mounted(size) "{size} reused (mount)" "{size} 复用（挂载）"
    layer_failed(size) "{size} failed" "{size} 失败"
    hint_why "why" "原因"
    hint_go_on "go on" "继续"

    job_title(job) "Job {job}" "任务 {job}"
    job_gone "the job is gone" "任务已不存在"
    retry_tries_again(key) "{key} tries it again" "按 {key} 重试"
    field_from "from" "来源"
    field_to "to" "目标"
    field_options "options" "选项"
    field_moved "moved" "已传"
    field_times "times" "时间"
    field_priority "priority" "优先级"
    field_process "process" "进程"
    field_attempt(n) "attempt {n}" "第 {n} 次"
    job_option_platforms(platforms) "platforms {platforms}" "平台 {platforms}"
    job_option_tags(tags) "tags {tags}" "标签 {tags}"
    job_option_overwrite "overwrites files" "覆盖文件"
    job_option_keep_tags "keeps tags" "保留标签"
    job_option_referrers "with referrers" "含引用者"
    job_option_digest_tags "with signature tags" "含签名标签"
    job_option_foreign_layers "with foreign layers" "含外部层"
    job_option_format(format) "as {format}" "格式 {format}"
    moved_of(bytes) "of {bytes}" "共 {bytes}"
    retried(n) "{n} retries" "重试 {n} 次"
    created_at(time) "created {time}" "创建 {time}"
    started_at(time) "started {time}" "开始 {time}"
    finished_at(time) "ended {time}" "结束 {time}"
    lasted(time) "took {time}" "用时 {time}"
    heading_layers "Layers" "各层"
    heading_arrived "Arrived" "已到达"
    heading_failure "Failure" "失败"
    heading_exchange "HTTP" "HTTP 交换"
    heading_log "Log" "日志"
    more_layers(n) "{n} more" "另有 {n} 层"
    was_digest(old, new) "made anew: {old} became {new}" "重新生成：{old} 变为 {new}"
    tag_moved(name, change) "{name} was another image: {change}" "{name} 原为另一镜像：{change}"
    sent_times(n) " (sent {n} times)" "（已发送 {n} 次）"
    earlier_lines(n) "{n} earlier lines" "更早 {n} 行"

    history_title "History" "历史"
    history_asked "the history is being read" "正在读取历史"
    history_empty "no job has finished yet" "尚无已结束的任务"
    history_nothing_found "no job has all of these words" "没有包含这些词的任务"
    tags_moved(n) "tags moved: {n}" "移动标签 {n} 个"
    queued_again(job, key) "job {job} is in the queue again: {key} starts it" "任务 {job} 已再次入队：按 {key} 启动"
    job_queued_already(job) "job {job} is in the queue already" "任务 {job} 已在队列中"
    moved_no_tags(job) "job {job} took no tag from another image" "任务 {job} 未移动任何标签"
    asking_moved_tags(n) "asking what {n} tags stand for now" "正在查询 {n} 个标签的现状"
}

impl Language {
    /// Columns of the names before a job's values.
    pub fn job_fields_width(self) -> usize {
        match self {
            Language::English => 9,
            Language::Chinese => 7,
        }
    }

    /// A state as a predicate.
    pub fn job_predicate(self, state: JobState) -> String {
        let name = self.job_state(state);
        match state {
            JobState::Succeeded | JobState::Failed => self.job_has(name),
            _ => self.job_is(name),
        }
    }
}
