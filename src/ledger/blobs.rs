//! Where blobs are: which repositories of a registry were seen to hold a digest. A hint for mounts, never a
//! proof: a registry may have collected a blob since.

use std::collections::HashMap;

use sqlx::{Connection, QueryBuilder, Row, Sqlite};

use super::{Ledger, Result, now};
use crate::oci::{Digest, Registry, Repository};

/// Digests asked for in one statement: databases limit its parameters (SQLite of old to 999).
const CHUNK: usize = 500;

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

    /// For each digest that some repository of the registry was seen to hold, the one it was last seen in.
    pub async fn blob_locations(
        &self,
        registry: &Registry,
        digests: &[Digest],
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
            // The newest comes last, and stays.
            statement.push(") ORDER BY seen, repository");
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
