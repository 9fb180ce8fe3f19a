//! Where blobs are: which repositories of a registry were seen to hold a digest, or were about to get it. A hint for
//! mounts, never a proof: a registry may have collected a blob since, and an upload may have been cut off.

use std::collections::HashMap;

use sqlx::{Connection, QueryBuilder, Row, Sqlite};

use super::{Ledger, Result, now};
use crate::oci::{Digest, Registry, Repository};

/// Digests asked for in one statement: databases limit its parameters (SQLite of old to 999).
pub(super) const CHUNK: usize = 500;

/// The `seen` of a blob that was about to be uploaded.
const BEGUN: i64 = 0;

impl Ledger {
    /// Records that these repositories of a registry hold these blobs, as of now.
    pub async fn remember_blobs(&self, registry: &Registry, blobs: &[(Digest, Repository)]) -> Result<()> {
        if blobs.is_empty() {
            return Ok(());
        }
        let error = self.sql("remember blobs");
        let mut writer = self.writer().await?;
        let mut change = writer.begin_with("BEGIN IMMEDIATE").await.map_err(error)?;
        let statement = "INSERT INTO blobs (registry, digest, repository, seen) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (registry, digest, repository) DO UPDATE SET seen = excluded.seen";
        let now = now();
        for (digest, repository) in blobs {
            let row = sqlx::query(statement)
                .bind(registry.as_str())
                .bind(digest.as_str())
                .bind(repository.as_str());
            row.bind(now).execute(&mut *change).await.map_err(error)?;
        }
        change.commit().await.map_err(error)
    }

    /// Records, before a blob is uploaded, where it will be. A process that is killed between the registry's last word
    /// and its own record of it would else send the blob again, to another repository.
    pub async fn begin_blob(
        &self,
        registry: &Registry,
        digest: &Digest,
        repository: &Repository,
    ) -> Result<()> {
        let error = self.sql("record an upload");
        let mut writer = self.writer().await?;
        let mut change = writer.begin_with("BEGIN IMMEDIATE").await.map_err(error)?;
        // Whoever began before did not get through, or nobody would begin now.
        let statement = "DELETE FROM blobs WHERE registry = $1 AND digest = $2 AND seen = $3";
        let row = sqlx::query(statement).bind(registry.as_str()).bind(digest.as_str()).bind(BEGUN);
        row.execute(&mut *change).await.map_err(error)?;
        let statement = "INSERT INTO blobs (registry, digest, repository, seen) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (registry, digest, repository) DO NOTHING";
        let row =
            sqlx::query(statement).bind(registry.as_str()).bind(digest.as_str()).bind(repository.as_str());
        row.bind(BEGUN).execute(&mut *change).await.map_err(error)?;
        change.commit().await.map_err(error)
    }

    /// For each digest that some repository of the registry was seen to hold, the one it was last seen in. With `begun`
    /// also, for others, one that it was about to be uploaded to.
    pub async fn blob_locations(
        &self,
        registry: &Registry,
        digests: &[Digest],
        begun: bool,
    ) -> Result<HashMap<Digest, Repository>> {
        let error = self.sql("look blobs up");
        let mut found = HashMap::new();
        let mut reader = self.reader().await?;
        for chunk in digests.chunks(CHUNK) {
            let mut statement =
                QueryBuilder::<Sqlite>::new("SELECT digest, repository FROM blobs WHERE registry = ");
            statement.push_bind(registry.as_str()).push(" AND digest IN (");
            let mut list = statement.separated(", ");
            for digest in chunk {
                list.push_bind(digest.as_str());
            }
            statement.push(") AND seen > ").push_bind(if begun { BEGUN - 1 } else { BEGUN });
            // The newest comes last, and stays.
            statement.push(" ORDER BY seen, repository");
            for row in statement.build().fetch_all(&mut *reader).await.map_err(error)? {
                let digest: String = row.try_get("digest").map_err(error)?;
                let repository: String = row.try_get("repository").map_err(error)?;
                // What does not parse is no hint worth having.
                if let (Ok(digest), Ok(repository)) = (digest.parse(), repository.parse()) {
                    found.insert(digest, repository);
                }
            }
        }
        Ok(found)
    }

    /// Records that a repository does not hold a blob, after a mount from it was refused.
    pub async fn forget_blob(
        &self,
        registry: &Registry,
        digest: &Digest,
        repository: &Repository,
    ) -> Result<()> {
        let error = self.sql("forget a blob");
        let mut writer = self.writer().await?;
        let mut change = writer.begin_with("BEGIN IMMEDIATE").await.map_err(error)?;
        let statement = "DELETE FROM blobs WHERE registry = $1 AND digest = $2 AND repository = $3";
        let row =
            sqlx::query(statement).bind(registry.as_str()).bind(digest.as_str()).bind(repository.as_str());
        row.execute(&mut *change).await.map_err(error)?;
        change.commit().await.map_err(error)
    }
}
