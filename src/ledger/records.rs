//! What jobs left behind: tags that pointed elsewhere before, files that were written; and what is known of a
//! registry's ways.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, Row};

use super::{Ledger, Result, bytes, moment, now, stored};
use crate::job::JobId;
use crate::oci::{Digest, Registry, Repository, Tag};

/// A tag that a job set to something else: undo sets it back to `old`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Overwrite {
    /// The job that did it.
    pub job: JobId,
    /// Where.
    pub registry: Registry,
    /// In which repository.
    pub repository: Repository,
    /// The tag.
    pub tag: Tag,
    /// What it pointed at before.
    pub old: Digest,
    /// What it points at since.
    pub new: Digest,
    /// When, to the millisecond.
    pub at: Timestamp,
}

/// A file that a job wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExportedFile {
    /// The job that did it.
    pub job: JobId,
    /// The file.
    pub path: PathBuf,
    /// The manifest in it.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// When, to the millisecond.
    pub at: Timestamp,
}

impl Ledger {
    /// Records that a job set a tag that pointed elsewhere. The record's own time counts.
    pub async fn record_overwrite(&self, overwrite: &Overwrite) -> Result<()> {
        let error = self.sql("record an overwritten tag");
        let mut writer = self.writer().await?;
        let mut change = writer.begin_with("BEGIN IMMEDIATE").await.map_err(error)?;
        self.standing(&mut change, overwrite.job).await?;
        let statement = "INSERT INTO overwrites (job, registry, repository, tag, old, new, at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let row = sqlx::query(statement)
            .bind(overwrite.job.0)
            .bind(overwrite.registry.as_str())
            .bind(overwrite.repository.as_str())
            .bind(overwrite.tag.as_str())
            .bind(overwrite.old.as_str())
            .bind(overwrite.new.as_str())
            .bind(overwrite.at.as_millisecond());
        row.execute(&mut *change).await.map_err(error)?;
        change.commit().await.map_err(error)
    }

    /// The last `limit` overwritten tags, newest first; of one job if one is named.
    pub async fn overwrites(&self, job: Option<JobId>, limit: u32) -> Result<Vec<Overwrite>> {
        let error = self.sql("list overwritten tags");
        let statement = "SELECT id, job, registry, repository, tag, old, new, at FROM overwrites \
             WHERE $1 IS NULL OR job = $1 ORDER BY id DESC LIMIT $2";
        let mut reader = self.reader().await?;
        let query = sqlx::query(statement).bind(job.map(|job| job.0)).bind(i64::from(limit));
        let rows = query.fetch_all(&mut *reader).await.map_err(error)?;
        let read = |row: &SqliteRow| {
            Ok(Overwrite {
                job: JobId(row.try_get("job").map_err(error)?),
                registry: self.parsed(row, "registry")?,
                repository: self.parsed(row, "repository")?,
                tag: self.parsed(row, "tag")?,
                old: self.parsed(row, "old")?,
                new: self.parsed(row, "new")?,
                at: row.try_get("at").map(moment).map_err(error)?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Records a file that a job wrote: its path, the manifest in it, its size in bytes.
    pub async fn record_file(&self, job: JobId, path: &Path, digest: &Digest, size: u64) -> Result<()> {
        let text =
            path.to_str().ok_or_else(|| self.content(path.display().to_string(), "the path is not UTF-8"))?;
        let error = self.sql("record a file");
        let mut writer = self.writer().await?;
        let mut change = writer.begin_with("BEGIN IMMEDIATE").await.map_err(error)?;
        self.standing(&mut change, job).await?;
        let statement = "INSERT INTO files (job, path, digest, size, at) VALUES ($1, $2, $3, $4, $5)";
        let row = sqlx::query(statement)
            .bind(job.0)
            .bind(text)
            .bind(digest.as_str())
            .bind(stored(size))
            .bind(now());
        row.execute(&mut *change).await.map_err(error)?;
        change.commit().await.map_err(error)
    }

    /// The last `limit` files that were written, newest first, whether they still exist or not; of one job if one is
    /// named.
    pub async fn exported_files(&self, job: Option<JobId>, limit: u32) -> Result<Vec<ExportedFile>> {
        let error = self.sql("list written files");
        let statement = "SELECT id, job, path, digest, size, at FROM files \
             WHERE $1 IS NULL OR job = $1 ORDER BY id DESC LIMIT $2";
        let mut reader = self.reader().await?;
        let query = sqlx::query(statement).bind(job.map(|job| job.0)).bind(i64::from(limit));
        let rows = query.fetch_all(&mut *reader).await.map_err(error)?;
        let read = |row: &SqliteRow| {
            Ok(ExportedFile {
                job: JobId(row.try_get("job").map_err(error)?),
                path: row.try_get::<String, _>("path").map(PathBuf::from).map_err(error)?,
                digest: self.parsed(row, "digest")?,
                size: row.try_get("size").map(bytes).map_err(error)?,
                at: row.try_get("at").map(moment).map_err(error)?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// What is known of a registry's ways; `None` if nothing is.
    pub async fn profile(&self, registry: &Registry) -> Result<Option<Value>> {
        let error = self.sql("read a registry's profile");
        let mut reader = self.reader().await?;
        let query =
            sqlx::query_scalar("SELECT profile FROM profiles WHERE registry = $1").bind(registry.as_str());
        let text: Option<String> = query.fetch_optional(&mut *reader).await.map_err(error)?;
        let read = |text: String| serde_json::from_str(&text);
        text.map(read).transpose().map_err(|e| self.content(format!("the profile of {registry}"), e))
    }

    /// Records what is known of a registry's ways, in place of what was.
    pub async fn set_profile(&self, registry: &Registry, profile: &Value) -> Result<()> {
        let error = self.sql("record a registry's profile");
        let mut writer = self.writer().await?;
        let mut change = writer.begin_with("BEGIN IMMEDIATE").await.map_err(error)?;
        let statement = "INSERT INTO profiles (registry, profile, changed) VALUES ($1, $2, $3) \
             ON CONFLICT (registry) DO UPDATE SET profile = excluded.profile, changed = excluded.changed";
        let row = sqlx::query(statement).bind(registry.as_str()).bind(profile.to_string()).bind(now());
        row.execute(&mut *change).await.map_err(error)?;
        change.commit().await.map_err(error)
    }

    fn parsed<T: FromStr>(&self, row: &SqliteRow, column: &str) -> Result<T>
    where
        T::Err: std::fmt::Display,
    {
        let text: String = row.try_get(column).map_err(self.sql("read a record"))?;
        text.parse().map_err(|e| self.content(format!("a record's {column}"), e))
    }
}
