//! Byte ranges: `Range` of a download, `Content-Range` of an upload's chunk. Pure.

/// What a `Range` header asks of content of a known size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Everything: no range, or one that is not understood and so does not count (RFC 9110, 14.2).
    Whole,
    /// `length` bytes from `start` on.
    Part { start: u64, length: u64 },
    /// Nothing that exists.
    Nothing,
}

/// Reads a `Range` header. Several ranges at once are answered with everything, as the RFC allows.
pub(super) fn wanted(header: Option<&str>, size: u64) -> Wanted {
    let Some((unit, range)) = header.and_then(|header| header.trim().split_once('=')) else {
        return Wanted::Whole;
    };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Wanted::Whole;
    }
    let Some((first, last)) = range.trim().split_once('-') else { return Wanted::Whole };
    let part = |start: u64, end: u64| match start < size && size > 0 {
        true => Wanted::Part { start, length: end.min(size) - start },
        false => Wanted::Nothing,
    };
    match (number(first), number(last), first.trim().is_empty(), last.trim().is_empty()) {
        (Some(first), Some(last), ..) if first <= last => part(first, last.saturating_add(1)),
        (Some(first), None, _, true) => part(first, size),
        (None, Some(0), true, _) => Wanted::Nothing,
        (None, Some(count), true, _) => part(size.saturating_sub(count), size),
        _ => Wanted::Whole,
    }
}

/// Reads the first and last byte of a chunk: `0-99`, as the specification has it, or `bytes 0-99/*`, as RFC 9110 has
/// it.
pub(super) fn chunk(header: &str) -> Option<(u64, u64)> {
    let range = header.trim();
    let range = range.strip_prefix("bytes").map_or(range, |rest| rest.trim_start_matches([' ', '=']));
    let (first, last) = range.split('/').next()?.split_once('-')?;
    let (first, last) = (number(first)?, number(last)?);
    // The length must fit too.
    (first <= last && last < u64::MAX).then_some((first, last))
}

/// Digits only: `parse` alone would take a plus sign.
fn number(text: &str) -> Option<u64> {
    let text = text.trim();
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_mean_what_the_rfc_says() {
        let part = |start, length| Wanted::Part { start, length };
        for (header, want) in [
            ("bytes=0-3", part(0, 4)),
            ("bytes=2-", part(2, 8)),
            ("bytes=9-9", part(9, 1)),
            ("bytes=5-500", part(5, 5)),
            ("Bytes = 5-6", part(5, 2)),
            ("bytes=-3", part(7, 3)),
            ("bytes=-30", part(0, 10)),
            ("bytes=0-18446744073709551615", part(0, 10)),
            ("bytes=10-", Wanted::Nothing),
            ("bytes=10-20", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
            ("bytes=3-2", Wanted::Whole),
            ("bytes=-", Wanted::Whole),
            ("bytes=a-b", Wanted::Whole),
            ("bytes=+1-2", Wanted::Whole),
            ("bytes=0-1,3-4", Wanted::Whole),
            ("lines=0-1", Wanted::Whole),
            ("", Wanted::Whole),
        ] {
            assert_eq!(wanted(Some(header), 10), want, "{header}");
        }
        assert_eq!(wanted(None, 10), Wanted::Whole);
        assert_eq!(wanted(Some("bytes=0-"), 0), Wanted::Nothing);
        assert_eq!(wanted(Some("bytes=-5"), 0), Wanted::Nothing);
    }

    #[test]
    fn chunks_are_read_in_both_spellings() {
        for header in ["5-9", " 5-9 ", "bytes 5-9/*", "bytes=5-9", "bytes 5-9/100"] {
            assert_eq!(chunk(header), Some((5, 9)), "{header}");
        }
        for header in ["", "5", "9-5", "-5", "5-", "a-b", "0-18446744073709551615", "bytes */10"] {
            assert_eq!(chunk(header), None, "{header}");
        }
    }
}
