//! The order of names: numbers by their value, and tags with the newest version first.

/// A key whose bytes sort as a person would sort the names: `v9` before `v10`.
pub fn natural_key(text: &str) -> Box<[u8]> {
    let mut key = Vec::with_capacity(text.len() + 8);
    push_natural(&mut key, text);
    key.into()
}

/// A key whose bytes, compared in *descending* order, list tags as a person wants them: `latest`, then versions from
/// the newest down (`1.27` before `1.27-alpine` before `1.9`), then the rest.
pub fn version_key(tag: &str) -> Box<[u8]> {
    let mut key = Vec::with_capacity(tag.len() + 8);
    let plain = tag.strip_prefix(['v', 'V']).filter(|rest| starts_with_digit(rest)).unwrap_or(tag);
    if tag == "latest" {
        key.push(3);
        return key.into();
    }
    // Not a version though it begins with a digit: a commit's hash.
    let hash = tag.len() >= 7
        && tag.bytes().all(|b| b.is_ascii_hexdigit())
        && tag.bytes().any(|b| b.is_ascii_alphabetic());
    if !starts_with_digit(plain) || hash {
        key.push(1);
        // Ascending within a descending order.
        let begin = key.len();
        push_natural(&mut key, tag);
        key[begin..].iter_mut().for_each(|b| *b = !*b);
        key.push(0xff);
        return key.into();
    }
    key.push(2);
    let mut rest = plain;
    loop {
        rest = push_number(&mut key, rest);
        match rest.strip_prefix('.') {
            Some(after) if starts_with_digit(after) => rest = after,
            _ => break,
        }
    }
    // Behind any further number, before any suffix.
    match rest.is_empty() {
        true => key.push(0x7f),
        false => {
            key.push(1);
            push_natural(&mut key, rest);
        }
    }
    key.into()
}

/// Whether [`version_key`] takes a tag for a version: `1.27`, `v2`, `1.27-alpine`; not `latest`, nor a commit's hash.
pub fn is_version(tag: &str) -> bool {
    version_key(tag).first() == Some(&2)
}

fn starts_with_digit(text: &str) -> bool {
    text.as_bytes().first().is_some_and(u8::is_ascii_digit)
}

/// Puts the leading digits into `key` so that they compare by value; the answer is what follows them.
fn push_number<'a>(key: &mut Vec<u8>, text: &'a str) -> &'a str {
    let end = text.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
    let digits = text[..end].trim_start_matches('0');
    key.push(0x80 + digits.len().min(0x7f) as u8);
    key.extend_from_slice(digits.as_bytes());
    &text[end..]
}

fn push_natural(key: &mut Vec<u8>, text: &str) {
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if first.is_ascii_digit() {
            // Digits sort where digits do: behind punctuation, before letters.
            key.push(b'0');
            rest = push_number(key, rest);
        } else {
            let end = rest.bytes().position(|b| b.is_ascii_digit()).unwrap_or(rest.len());
            key.extend_from_slice(&rest.as_bytes()[..end]);
            rest = &rest[end..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newest_versions_come_first_and_the_rest_last() {
        let want = [
            "latest",
            "v2",
            "1.27.10",
            "1.27.9",
            "1.27",
            "1.27-perl",
            "1.27-alpine",
            "1.9.0",
            "1.9.0-rc2",
            "1.9.0-rc1",
            "1.9",
            "0.1",
            "10a2b3c4d5",
            "main",
            "sha-9",
            "sha-10",
        ];
        let mut tags = want.to_vec();
        tags.sort();
        tags.sort_by_key(|tag| std::cmp::Reverse(version_key(tag)));
        assert_eq!(tags, want);
    }

    #[test]
    fn names_sort_numbers_by_value() {
        let mut names = vec!["team-10/api", "team-9/api", "team-9/api-2", "lib", "镜像", "team-09/web"];
        names.sort_by_key(|name| natural_key(name));
        assert_eq!(names, ["lib", "team-9/api", "team-9/api-2", "team-09/web", "team-10/api", "镜像"]);
    }
}
