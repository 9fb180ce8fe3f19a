//! The panes' names, and what an empty one says.

use crate::config::Language;

texts! {
    pane_registries "Registries" "镜像仓库"
    pane_browse "Browse" "浏览"
    pane_queue "Queue" "队列"
    pane_jobs "Jobs" "任务"
    pane_logs "Logs" "日志"
    pane_details "Details" "详情"
    nothing_started(start) "nothing was started yet: {start} starts the queue" "尚未启动任何任务：按 {start} 启动队列"
}
