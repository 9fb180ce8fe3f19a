//! Lists: pages, orders, filters, ranges, windows.

use super::*;

fn shown(list: &Listing) -> Vec<&str> {
    (0..list.len()).filter_map(|n| list.text(n)).collect()
}

fn filtered(list: &mut Listing, text: &str) {
    list.set_filter(text);
    let mut matcher = Matcher::new(nucleo_matcher::Config::DEFAULT);
    while list.has_work() {
        list.work(&mut matcher);
    }
}

#[test]
fn pages_are_merged_and_the_cursor_stays_on_its_row() {
    let mut list = Listing::new(Sort::Versions, true);
    list.extend(["1.0", "1.2"]);
    list.move_to(1);
    assert_eq!(list.current(), Some("1.0"));
    list.extend(["latest", "1.10", "0.9"]);
    assert_eq!(shown(&list), ["latest", "1.10", "1.2", "1.0", "0.9"]);
    assert_eq!(list.current(), Some("1.0"));
    list.next_sort();
    assert_eq!(shown(&list), ["0.9", "1.0", "1.10", "1.2", "latest"]);
    assert_eq!(list.current(), Some("1.0"));
    list.next_sort();
    assert_eq!(shown(&list), ["1.0", "1.2", "latest", "1.10", "0.9"]);
}

#[test]
fn pages_in_any_order_give_the_order_of_one_page() {
    let names: Vec<String> = (0..997).map(|n| format!("{}.{}-x", n * 7919 % 31, n * 104_729 % 97)).collect();
    for sort in [Sort::Versions, Sort::Names, Sort::Arrival] {
        let mut whole = Listing::new(sort, true);
        whole.extend(&names);
        let mut paged = Listing::new(sort, true);
        names.chunks(13).for_each(|page| paged.extend(page));
        assert_eq!(shown(&paged), shown(&whole), "{sort:?}");
    }
}

#[test]
fn a_filter_narrows_widens_and_ranks() {
    let mut list = Listing::of(["1.2.9", "1.9.0", "v1.9", "2.0", "镜像-1.9"], Sort::Arrival);
    filtered(&mut list, "1");
    assert_eq!(list.len(), 4);
    filtered(&mut list, "1.9");
    assert_eq!(list.len(), 4);
    assert_eq!(list.text(3), Some("1.2.9"), "a scattered match ranks last");
    filtered(&mut list, "镜");
    assert_eq!(shown(&list), ["镜像-1.9"]);
    filtered(&mut list, "zz");
    assert!(list.is_empty() && list.current().is_none());
    filtered(&mut list, "");
    assert_eq!(list.len(), 5);
}

#[test]
fn a_refresh_keeps_rows_until_the_first_page_and_then_the_cursors_row() {
    let mut list = Listing::of(["a", "b", "c"], Sort::Names);
    list.move_to(1);
    list.begin(1);
    assert_eq!(list.len(), 3);
    list.extend(["0", "a"]);
    list.extend(["b"]);
    list.end(None);
    assert_eq!((shown(&list), list.current()), (vec!["0", "a", "b"], Some("b")));
    list.begin(1);
    list.end(None);
    assert_eq!((list.len(), &list.load), (0, &Load::Done));
}

#[test]
fn a_filter_holds_while_pages_come_and_the_cursor_stays_on_its_row() {
    let mut list = Listing::new(Sort::Names, false);
    let mut matcher = Matcher::new(nucleo_matcher::Config::DEFAULT);
    list.extend(["a1", "b1", "a3"]);
    filtered(&mut list, "a");
    list.move_to(1);
    assert_eq!(list.current(), Some("a3"));
    for page in [["a2", "c"], ["a0", "a4"]] {
        list.extend(page);
        while list.has_work() {
            list.work(&mut matcher);
        }
        assert_eq!(list.current(), Some("a3"));
    }
    assert_eq!((list.len(), list.total()), (5, 7));
    filtered(&mut list, "a4");
    assert_eq!(list.current(), Some("a4"), "what is typed moves the cursor to the best match");
}

#[test]
fn ranges_and_windows() {
    let mut list = Listing::of((0..100).map(|n| format!("t{n}")), Sort::Arrival);
    list.move_to(10);
    assert_eq!(list.toggle_range(), None);
    list.move_by(-4);
    assert_eq!(list.range(), Some((6, 10)));
    assert_eq!(list.toggle_range(), Some((6, 10)));
    assert_eq!(list.range(), None);
    list.move_by(1000);
    list.settle(20);
    assert_eq!((list.cursor(), list.offset), (99, 80));
    list.move_by(-1000);
    list.settle(20);
    assert_eq!((list.cursor(), list.offset), (0, 0));
}

#[test]
fn fifty_thousand_rows_are_filtered_in_steps() {
    let mut list = Listing::of((0..50_000).map(|n| format!("v1.{n}.0")), Sort::Names);
    list.set_filter("499");
    let mut matcher = Matcher::new(nucleo_matcher::Config::DEFAULT);
    let mut steps = 0;
    while list.has_work() {
        list.work(&mut matcher);
        steps += 1;
    }
    assert_eq!(steps, 50_000usize.div_ceil(STEP));
    assert!(list.len() > 100 && list.text(0).unwrap().contains("499"));
}
