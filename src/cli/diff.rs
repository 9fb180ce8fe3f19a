//! `wharf diff A B`

use super::error::Faults;
use super::output::{self, size};
use super::upkeep_args::DiffArgs;
use super::{Context, Error, Outcome, OutputFormat, copy, typed};
use crate::engine::{Change, ImageDiff, LayerLine, PlatformDiff, PlatformLine};
use crate::oci::{Digest, ErrorClass, Platforms, printable};

/// Shows what two images differ in. They differ: [`Outcome::Failed`], as `diff` has it.
pub async fn run(args: &DiffArgs, context: &Context) -> Result<Outcome, Error> {
    let mut faults = Faults::default();
    let [a, b] = [&args.a, &args.b].map(|text| faults.take(ErrorClass::Reference, typed::source(text)));
    let platforms = copy::platforms(&args.platform, &mut faults);
    faults.finish("`wharf diff --help` shows how names are written")?;
    let (Some(a), Some(b)) = (a, b) else { return Err(Error::usage("two images are needed")) };
    let diff = context.engine.diff(&a, &b, &Platforms::from_list(platforms)).await?;
    match context.output {
        OutputFormat::Json => output::json(&diff)?,
        OutputFormat::Text => output::text(&text(&diff))?,
    };
    Ok(if diff.same { Outcome::Done } else { Outcome::Failed })
}

fn text(diff: &ImageDiff) -> String {
    if diff.same {
        return format!("the same  {}  {}\n", diff.descriptor_a.digest, size(diff.size_a));
    }
    let mut out = String::new();
    for (sign, name, descriptor, bytes) in
        [('-', &diff.a, &diff.descriptor_a, diff.size_a), ('+', &diff.b, &diff.descriptor_b, diff.size_b)]
    {
        out += &format!("{sign} {}  {}  {}\n", printable(name, 500), descriptor.digest, size(bytes));
    }
    if diff.descriptor_a.media_type != diff.descriptor_b.media_type {
        let (a, b) = (&diff.descriptor_a.media_type, &diff.descriptor_b.media_type);
        out += &format!("  media type  {} → {}\n", printable(a, 200), printable(b, 200));
    }
    diff.annotations.iter().for_each(|change| out += &changed("annotation ", change));
    let alone = |sign: char, lines: &[PlatformLine]| -> String {
        let line = |p: &PlatformLine| {
            format!("\n{sign} {}  {}  {}\n", printable(&p.platform, 200), short(&p.digest), size(p.size))
        };
        lines.iter().map(line).collect()
    };
    out += &alone('-', &diff.only_a);
    out += &alone('+', &diff.only_b);
    diff.platforms.iter().for_each(|platform| out += &platform_text(platform));
    out
}

fn platform_text(platform: &PlatformDiff) -> String {
    let name = printable(&platform.platform, 200);
    let (a, b) = (short(&platform.digest_a), short(&platform.digest_b));
    if platform.same {
        return format!("\n= {name}  {a}  {}\n", size(platform.size_a));
    }
    let sizes = format!("{} → {}", size(platform.size_a), size(platform.size_b));
    let mut out = format!("\n≠ {name}  {a} → {b}  {sizes}\n");
    let layers = &platform.layers;
    let total = |lines: &[LayerLine]| size(lines.iter().map(|line| line.size).sum());
    if !layers.common.is_empty() {
        out += &format!("  = {} layers  {}\n", layers.common.len(), total(&layers.common));
    }
    for pair in &layers.recompressed {
        let (a, b) = (&pair.a, &pair.b);
        out += &format!(
            "  ~ layer {} → {}  {} → {}, the same content\n",
            short(&a.digest),
            short(&b.digest),
            size(a.size),
            size(b.size)
        );
    }
    for (sign, lines) in [('-', &layers.only_a), ('+', &layers.only_b)] {
        for line in lines {
            out += &format!("  {sign} layer {}  {}\n", short(&line.digest), size(line.size));
        }
    }
    platform.config.iter().for_each(|change| out += &changed("", change));
    platform.annotations.iter().for_each(|change| out += &changed("annotation ", change));
    out
}

/// A line for each side that says something.
fn changed(what: &str, change: &Change) -> String {
    let line = |sign: char, value: &Option<String>| match value {
        Some(value) => {
            format!("  {sign} {what}{}: {}\n", printable(&change.key, 200), printable(value, 1000))
        }
        None => String::new(),
    };
    line('-', &change.a) + &line('+', &change.b)
}

fn short(digest: &Digest) -> String {
    format!("{}:{}", digest.algorithm(), digest.short(12))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{LayerDiff, Recompressed};
    use crate::oci::{Descriptor, media_type};

    #[test]
    fn a_difference_reads_like_a_diff_and_shows_no_escapes() {
        let line = |name: &str, size| LayerLine { digest: Digest::of(name.as_bytes()), size };
        let change = |key: &str, a: Option<&str>, b: Option<&str>| Change {
            key: key.to_owned(),
            a: a.map(str::to_owned),
            b: b.map(str::to_owned),
        };
        let descriptor = |name: &str| Descriptor::new(media_type::OCI_INDEX, Digest::of(name.as_bytes()), 5);
        let mut diff = ImageDiff {
            a: "h.io/a:1".to_owned(),
            b: "h.io/a:2".to_owned(),
            same: false,
            descriptor_a: descriptor("a"),
            descriptor_b: descriptor("b"),
            size_a: 71_000_000,
            size_b: 72_000_000,
            annotations: vec![change("k", None, Some("v"))],
            only_a: Vec::new(),
            only_b: vec![PlatformLine {
                platform: "linux/arm64".to_owned(),
                digest: Digest::of(b"arm"),
                size: 5,
            }],
            platforms: vec![PlatformDiff {
                platform: "linux/amd64".to_owned(),
                same: false,
                digest_a: Digest::of(b"x"),
                digest_b: Digest::of(b"y"),
                size_a: 1_000,
                size_b: 2_000,
                layers: LayerDiff {
                    common: vec![line("c", 500), line("d", 500)],
                    only_a: vec![line("e", 7)],
                    only_b: Vec::new(),
                    recompressed: vec![Recompressed { a: line("f", 8), b: line("g", 9) }],
                },
                config: vec![change("user", Some("root\u{1b}[31m"), Some("app"))],
                annotations: Vec::new(),
            }],
        };
        let d = |name: &str| short(&Digest::of(name.as_bytes()));
        let want = format!(
            "- h.io/a:1  {}  71.0 MB\n+ h.io/a:2  {}  72.0 MB\n  + annotation k: v\n\n+ linux/arm64  {}  5 B\n\n\
             ≠ linux/amd64  {} → {}  1.00 kB → 2.00 kB\n  = 2 layers  1.00 kB\n  \
             ~ layer {} → {}  8 B → 9 B, the same content\n  - layer {}  7 B\n  - user: root[31m\n  + user: app\n",
            Digest::of(b"a"),
            Digest::of(b"b"),
            d("arm"),
            d("x"),
            d("y"),
            d("f"),
            d("g"),
            d("e"),
        );
        assert_eq!(text(&diff), want);
        diff.same = true;
        assert_eq!(text(&diff), format!("the same  {}  71.0 MB\n", Digest::of(b"a")));
    }
}
