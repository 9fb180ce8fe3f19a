//! `--workers` and `--bandwidth`: how much of the link a transfer may take. Every command that moves blobs has them.

use super::args::{Args, Command};
use super::error::Faults;
use super::question_args::{JobsArgs, JobsCommand};
use crate::config::Config;
use crate::job::Rate;
use crate::oci::ErrorClass;

/// How much a transfer may take.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct TransferLimits {
    /// Blobs that move at the same time, 1 to 256, instead of the configuration's workers.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub workers: Option<u16>,
    /// Bytes a second at most, as in 800KB, 20MB, 1.5MiB, 200Mbit (bits), instead of the configuration's bandwidth.
    #[arg(long, value_name = "RATE")]
    pub bandwidth: Option<String>,
}

/// The limits that a command line sets for its run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LimitOverrides {
    workers: Option<usize>,
    bandwidth: Option<Rate>,
}

impl LimitOverrides {
    /// What this command line says, with its faults.
    pub(super) fn of(args: &Args, faults: &mut Faults) -> LimitOverrides {
        let typed = match &args.command {
            Some(Command::Copy(args)) => &args.limits,
            Some(Command::Export(args)) => &args.limits,
            Some(Command::Import(args)) => &args.limits,
            Some(Command::Sync(args)) => &args.limits,
            Some(Command::Jobs(JobsArgs { command: Some(JobsCommand::Resume { limits, .. }), .. })) => limits,
            _ => return LimitOverrides::default(),
        };
        let bandwidth = typed.bandwidth.as_ref();
        let bandwidth = bandwidth.map(|text| text.parse().map_err(|reason| format!("--bandwidth: {reason}")));
        LimitOverrides {
            workers: typed.workers.map(usize::from),
            bandwidth: bandwidth.and_then(|rate: Result<Rate, String>| faults.take(ErrorClass::Config, rate)),
        }
    }

    /// Blobs at the same time, in all and at one host. Who asks for more workers wants them at the one host there
    /// is, unless the configuration limits that.
    pub fn workers(&self, config: &Config) -> (usize, usize) {
        let per_host = match self.workers {
            Some(n) if !config.set_at.contains_key("workers_per_host") => n,
            _ => config.workers_per_host,
        };
        (self.workers.unwrap_or(config.workers), per_host)
    }

    /// Bytes a second in all.
    pub fn bandwidth(&self, config: &Config) -> Option<Rate> {
        self.bandwidth.or(config.bandwidth)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn limits(line: &str) -> Result<LimitOverrides, String> {
        let args = Args::try_parse_from(line.split_whitespace()).map_err(|e| e.to_string())?;
        let overrides = args.overrides(&Config::default()).map_err(|e| e.to_string())?;
        Ok(overrides.limits)
    }

    #[test]
    fn a_command_line_is_above_the_configuration() {
        let mut config = Config { bandwidth: "1MB".parse().ok(), ..Config::default() };
        let typed = limits("wharf copy a b --workers 32 --bandwidth 20MB").unwrap();
        assert_eq!((typed.workers(&config), typed.bandwidth(&config)), ((32, 32), "20MB".parse().ok()));
        config.set_at.insert("workers_per_host".to_owned(), 3);
        assert_eq!(typed.workers(&config), (32, 16));
        let untyped = limits("wharf export a").unwrap();
        assert_eq!((untyped.workers(&config), untyped.bandwidth(&config)), ((16, 16), config.bandwidth));
    }

    #[test]
    fn what_is_no_limit_is_refused() {
        let told = limits("wharf export a --bandwidth fast").unwrap_err();
        assert!(told.contains("--bandwidth: \"fast\" is no rate"), "{told}");
        assert!(limits("wharf copy a b --workers 0").unwrap_err().contains("1..=256"));
    }
}
