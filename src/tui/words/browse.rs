//! The browser, the details and the marks.

use crate::config::Language;

texts! {
    rule_asks(name, filter) "{name} {filter}: asking which tags there are" "{name} {filter}：正在查询有哪些标签"
    rule_empty(name, filter) "{name} {filter}: no tag matches now" "{name} {filter}：目前没有匹配的标签"
    rule_images(name, filter, n) "{name} {filter}: {n} tags" "{name} {filter}：{n} 个标签"
}
