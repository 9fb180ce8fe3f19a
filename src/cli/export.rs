//! `wharf export REF… -o DIR|FILE|-`

use std::fmt;
use std::path::{Path, PathBuf};

use super::args::ExportArgs;
use super::copy::{platforms, refuse_read_only};
use super::error::Faults;
use super::{Context, Error, Outcome, dry_run, export_batch, interrupt, transfer, typed};
use crate::config::Config;
use crate::job::{Extras, JobSpec, Target};
use crate::oci::{ErrorClass, Location, Platforms, printable};

/// Where an export goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Into {
    Directory(PathBuf),
    File(PathBuf),
    /// Standard output.
    Stream,
}

impl fmt::Display for Into {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Into::Directory(path) | Into::File(path) => write!(f, "{}", path.display()),
            Into::Stream => write!(f, "standard output"),
        }
    }
}

/// Writes each image, and each platform of it, as a tar, or all of them as one.
pub async fn run(args: &ExportArgs, context: &Context) -> Result<Outcome, Error> {
    if let Some(from) = &args.from {
        return export_batch::run(args, from, context).await;
    }
    let (into, specs) = specs(args, &context.config)?;
    if args.dry_run {
        return interrupt::ends(dry_run::run(&specs, context)).await;
    }
    let made = match &into {
        Into::Directory(directory) => make_directory(directory)?,
        Into::File(_) | Into::Stream => None,
    };
    let outcome = transfer::run(specs, context).await;
    if let Some(made) = made {
        // Nothing came of it: an empty directory is nothing to leave behind. It stays if anything is in it.
        let _ = std::fs::remove_dir(made);
    }
    outcome
}

/// The jobs that the command line asks for, one a platform, or all that is wrong with it.
pub(super) fn specs(args: &ExportArgs, config: &Config) -> Result<(Into, Vec<JobSpec>), Error> {
    let mut faults = Faults::default();
    let mut sources: Vec<Location> = Vec::new();
    for text in &args.images {
        if let Some(location) = faults.take(ErrorClass::Reference, typed::source(text))
            && !sources.contains(&location)
        {
            sources.push(location);
        }
    }
    let wanted = Platforms::from_list(platforms(&args.platform, &mut faults));
    let several = matches!(&wanted, Platforms::Only(list) if list.len() > 1);
    let into = place(args, config, &mut faults);
    match &into {
        Some(Into::Directory(_)) | None => {}
        Some(_) if several => {
            faults.add(ErrorClass::Config, "one file holds one platform; give a directory for several")
        }
        Some(place) if args.images.len() > 1 && !args.single => faults.add(
            ErrorClass::Config,
            format!("{place} is for one image; give a directory, or --single to put all of them into it"),
        ),
        Some(_) => {}
    }
    let target = match &into {
        Some(Into::Directory(path) | Into::File(path)) => Some(Target::ExportInto(path.clone())),
        Some(Into::Stream) | None => None,
    };
    target.iter().for_each(|target| refuse_read_only(target, config, &mut faults));
    faults.finish("`wharf export --help` shows how names are written")?;
    let Some(into) = into else { return Err(Error::usage("no place to export to")) };
    refuse_taken(&into, args.overwrite)?;
    let specs: Vec<JobSpec> = match (&into, &sources[..]) {
        (_, []) => return Err(Error::usage("no image was named")),
        (Into::Directory(directory), _) => {
            let jobs = sources.iter().flat_map(|source| JobSpec::exports(source, directory, &wanted));
            jobs.map(|job| JobSpec {
                overwrite: args.overwrite,
                platform_in_name: job.platform_in_name || args.platform_in_name,
                ..job
            })
            .collect()
        }
        (Into::File(_) | Into::Stream, [first, more @ ..]) => {
            let (more, platforms) = (more.to_vec(), wanted.clone());
            let job = JobSpec::copy(first.clone(), file(&into, first, &more));
            vec![JobSpec { more, platforms, overwrite: args.overwrite, ..job }]
        }
    };
    let extras = Extras { foreign_layers: args.foreign_layers, ..Extras::default() };
    let specs = specs.into_iter().map(|spec| JobSpec { extras, ..spec }).collect();
    Ok((into, specs))
}

/// Nothing that is there is replaced unasked.
pub(super) fn refuse_taken(into: &Into, overwrite: bool) -> Result<(), Error> {
    match into {
        Into::File(path) if !overwrite && path.symlink_metadata().is_ok() => {
            let hint = "--overwrite replaces it".to_owned();
            Err(Error::Exists { what: path.display().to_string(), hint })
        }
        _ => Ok(()),
    }
}

/// The archive that one image goes into, or several.
pub(super) fn file(into: &Into, image: &Location, more: &[Location]) -> Location {
    let path = match into {
        Into::Directory(path) | Into::File(path) => path.clone(),
        Into::Stream => "-".into(),
    };
    // The name that `docker load` gives it; several images have their own.
    let reference = image.as_registry().filter(|_| more.is_empty()).cloned();
    Location::DockerArchive { path, reference }
}

/// Where the command line says that it goes. All images of `--single` need a file.
pub(super) fn place(args: &ExportArgs, config: &Config, faults: &mut Faults) -> Option<Into> {
    let place = match &args.into {
        Some(path) => faults.take(ErrorClass::Config, into(path)),
        None => Some(Into::Directory(config.downloads.clone())),
    };
    if let (true, Some(Into::Directory(path))) = (args.single, &place) {
        let path = path.display();
        faults.add(ErrorClass::Config, format!("--single needs a file, NAME.tar; {path} is a directory"));
    }
    place
}

/// What `-o` means: `-` is standard output; an existing directory, a trailing slash or a name without an extension is a
/// directory; `NAME.tar`, compressed or not, is a file.
pub(super) fn into(path: &Path) -> Result<Into, String> {
    const FILES: [&str; 6] = [".tar", ".tar.gz", ".tgz", ".gz", ".zst", ".tzst"];
    let Some(text) = path.to_str() else {
        // A job's record is text, and so is a checksum file's line.
        let shown = printable(&path.to_string_lossy(), 200);
        return Err(format!("{shown}: its name is no UTF-8, which wharf cannot keep in a job's record"));
    };
    let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let is_file = FILES.iter().any(|end| name.ends_with(end));
    if text.is_empty() {
        return Err("-o needs a directory or a file, NAME.tar".to_owned());
    }
    if text == "-" {
        return Ok(Into::Stream);
    }
    if path.is_dir() {
        return Ok(Into::Directory(path.to_owned()));
    }
    if path.exists() && !is_file {
        return Err(format!("{text} exists and is no directory"));
    }
    if text.ends_with(std::path::is_separator) {
        return Ok(Into::Directory(path.to_owned()));
    }
    match path.extension() {
        _ if is_file => Ok(Into::File(path.to_owned())),
        None => Ok(Into::Directory(path.to_owned())),
        Some(_) => Err(format!(
            "{text} is neither a directory nor NAME.tar (.tar.gz, .tar.zst); {text}/ would be a directory"
        )),
    }
}

/// Makes the directory; the answer is the path if it was not there before.
pub(super) fn make_directory(directory: &Path) -> Result<Option<PathBuf>, Error> {
    let is_new = !directory.exists();
    let attempted = || format!("create directory {}", directory.display());
    std::fs::create_dir_all(directory).map_err(|source| Error::Io { attempted: attempted(), source })?;
    Ok(is_new.then(|| directory.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::args::{Args, Command};
    use super::*;

    fn parse(line: &str) -> Result<(Into, Vec<JobSpec>), Error> {
        let args = Args::try_parse_from(format!("wharf export {line}").split_whitespace()).unwrap();
        let Some(Command::Export(args)) = args.command else { unreachable!() };
        specs(&args, &Config { downloads: "/dl".into(), ..Config::default() })
    }

    #[test]
    fn where_it_goes_follows_the_rule() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        std::fs::create_dir(at("dir.tar")).unwrap();
        std::fs::write(at("file"), "").unwrap();
        for (name, want) in [
            ("", Ok(Into::Directory(at("")))),
            ("new", Ok(Into::Directory(at("new")))),
            ("new.d/", Ok(Into::Directory(at("new.d/")))),
            ("dir.tar", Ok(Into::Directory(at("dir.tar")))),
            ("a.tar", Ok(Into::File(at("a.tar")))),
            ("a.TAR", Ok(Into::File(at("a.TAR")))),
            ("a.tar.gz", Ok(Into::File(at("a.tar.gz")))),
            ("a.TGZ", Ok(Into::File(at("a.TGZ")))),
            ("a.tar.zst", Ok(Into::File(at("a.tar.zst")))),
            ("a.zip", Err(())),
            ("file", Err(())),
        ] {
            assert_eq!(into(&at(name)).map_err(|_| ()), want, "{name}");
        }
        assert_eq!(into(Path::new("-")), Ok(Into::Stream));
    }

    #[test]
    fn a_job_is_one_image_and_one_platform() {
        let (into, specs) = parse("nginx redis:7 nginx --platform arm64 --platform amd64,arm64").unwrap();
        assert_eq!(into, Into::Directory("/dl".into()));
        let shown: Vec<_> = specs.iter().map(ToString::to_string).collect();
        assert_eq!(shown.len(), 4, "{shown:?}");
        assert_eq!(shown[0], "docker.io/library/nginx → /dl/");
        assert_eq!(specs[1].platforms, Platforms::Only(vec!["amd64".parse().unwrap()]));
        assert_eq!(parse("nginx").unwrap().1[0].platforms, Platforms::All, "the engine chooses");
    }

    #[test]
    fn a_file_is_for_one_image() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("a.tar");
        let to = file.display();
        let (_, specs) = parse(&format!("nginx:1 -o {to}")).unwrap();
        assert_eq!(
            specs[0].to_string(),
            format!("docker.io/library/nginx:1 → docker-archive:{to}:docker.io/library/nginx:1")
        );
        for line in [
            format!("a b -o {to}"),
            format!("a --platform amd64,arm64 -o {to}"),
            format!("A//B -o {to}.gz"),
            "a b -o -".to_owned(),
            "a b --single".to_owned(),
            "a b --single -o new.d/".to_owned(),
        ] {
            assert_eq!(parse(&line).unwrap_err().exit_code(), 2, "{line}");
        }
        std::fs::write(&file, "").unwrap();
        let exists = parse(&format!("nginx -o {to}")).unwrap_err();
        assert_eq!((exists.exit_code(), exists.class()), (1, ErrorClass::Conflict));
        assert!(parse(&format!("nginx -o {to} --overwrite")).unwrap().1[0].overwrite);
    }

    #[test]
    fn a_single_file_is_one_job_of_all_images() {
        let (_, specs) = parse("nginx:1 redis nginx:1 store:a --single -o new.tgz --platform arm64").unwrap();
        let [spec] = &specs[..] else { panic!("{specs:?}") };
        assert_eq!(spec.to_string(), "docker.io/library/nginx:1 and 2 more → docker-archive:new.tgz");
        assert_eq!(spec.platforms, Platforms::Only(vec!["arm64".parse().unwrap()]));
        let (into, specs) = parse("nginx:1 --single -o -").unwrap();
        assert_eq!(into, Into::Stream);
        assert!(specs[0].takes_standard_output() && specs[0].more.is_empty());
        assert!(specs[0].to_string().ends_with("docker-archive:-:docker.io/library/nginx:1"));
    }
}
