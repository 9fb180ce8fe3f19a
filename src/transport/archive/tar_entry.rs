//! The blocks of a tar that are not content: headers and padding. Every header is the same whenever and whoever
//! writes it (mode 0644, uid 0, time 0), so the same image gives the same file.

use tar::{EntryType, Header};

/// Tar's unit in bytes.
pub(super) const BLOCK: u64 = 512;

/// Two zero blocks end an archive.
pub(super) const END: u64 = 2 * BLOCK;

/// The longest name that a header holds in bytes; longer ones get an entry of their own in front.
const NAME_LIMIT: usize = 100;

/// `size` rounded up to whole blocks.
pub(super) fn padded(size: u64) -> u64 {
    size.next_multiple_of(BLOCK)
}

/// The blocks in front of a file's content.
pub(super) fn file_header(path: &str, size: u64) -> Vec<u8> {
    let mut blocks = Vec::with_capacity(BLOCK as usize);
    if path.len() > NAME_LIMIT {
        // GNU's way, which every reader knows. Only a sha512 digest makes a name this long.
        let length = path.len() as u64 + 1;
        blocks.extend_from_slice(header("././@LongLink", EntryType::GNULongName, 0o644, length).as_bytes());
        blocks.extend_from_slice(path.as_bytes());
        blocks.resize((BLOCK + padded(length)) as usize, 0);
    }
    blocks.extend_from_slice(header(path, EntryType::Regular, 0o644, size).as_bytes());
    blocks
}

/// A directory's block; `path` ends with a slash.
pub(super) fn directory_header(path: &str) -> Vec<u8> {
    header(path, EntryType::Directory, 0o755, 0).as_bytes().to_vec()
}

fn header(path: &str, kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    let name = &path.as_bytes()[..path.len().min(NAME_LIMIT)];
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    // Over 8 GiB this becomes GNU's base-256 form.
    header.set_size(size);
    header.set_cksum();
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_back_with_sizes_and_names_of_any_length() {
        let long = format!("blobs/sha512/{}", "a".repeat(128));
        for (path, size) in [("blobs/sha256/abc", 5), ("big", 9 << 30), ("huge", 3 << 40), (long.as_str(), 0)]
        {
            let blocks = file_header(path, size);
            assert_eq!(blocks.len() as u64 % BLOCK, 0);
            let mut archive = tar::Archive::new(blocks.as_slice());
            let entry = archive.entries().unwrap().next().unwrap().unwrap();
            assert_eq!((entry.path().unwrap().to_str().unwrap(), entry.size()), (path, size));
            assert_eq!(entry.raw_file_position(), blocks.len() as u64);
        }
        let entry = directory_header("blobs/");
        let entry = Header::from_byte_slice(&entry);
        assert!(entry.entry_type().is_dir() && entry.path_bytes().ends_with(b"/"));
    }
}
