//! The ladder's last rung: PATCHes of a bounded size, each of which can be sent again.

use bytes::{Buf, Bytes, BytesMut};
use futures_util::StreamExt;
use reqwest::Method;
use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE};

use super::error::Failure;
use super::header;
use super::options::RetryNotice;
use super::retry::Retry;
use super::upload::Writer;
use crate::transport::{ByteStream, Error};

/// A chunk's usual size: GHCR takes no more.
const USUAL: u64 = 4 << 20;
/// The smallest worth trying, where a proxy limits bodies (nginx: 1 MiB unless told otherwise).
const SMALLEST: u64 = 256 << 10;
/// The largest minimum that is obeyed: a chunk is held in memory.
const LARGEST: u64 = 64 << 20;

impl Writer {
    /// Sends the rest of the blob, from byte `from` on, chunk by chunk, and closes the session. `accepted`
    /// follows what the registry confirms.
    pub(super) async fn chunks(&mut self, from: u64, mut body: ByteStream) -> Result<(), Failure> {
        let least = self.session.as_ref().and_then(|session| session.min_chunk).unwrap_or(0);
        if least > LARGEST {
            return Err(Error::Unsupported {
                at: self.to.place_of(&self.blob.digest),
                reason: format!(
                    "the registry wants chunks of at least {least} bytes; {LARGEST} are the most"
                ),
            }
            .into());
        }
        let mut size = self.to.host.profile().chunk.unwrap_or(USUAL).clamp(SMALLEST, LARGEST).max(least);
        let mut offset = from;
        let mut buffer = BytesMut::new();
        let mut more = true;
        while more {
            while (buffer.len() as u64) < size {
                match body.next().await {
                    Some(piece) => buffer.extend_from_slice(&piece?),
                    None => {
                        more = false;
                        break;
                    }
                }
            }
            while buffer.len() as u64 >= size || (!more && !buffer.is_empty()) {
                let chunk = buffer.split_to(buffer.len().min(size as usize)).freeze();
                let length = chunk.len() as u64;
                size = self.chunk(offset, chunk, size, least).await?;
                offset += length;
                self.accepted = offset;
            }
        }
        if offset != self.blob.size {
            let expected = format!("{} bytes", self.blob.size);
            let at = self.to.place_of(&self.blob.digest);
            return Err(
                Error::Content { attempted: "send", at, expected, found: format!("{offset} bytes") }.into()
            );
        }
        self.close().await
    }

    /// Sends one chunk until the session holds it, in smaller parts where its size is refused. The answer is
    /// the size to go on with.
    async fn chunk(&mut self, offset: u64, chunk: Bytes, size: u64, least: u64) -> Result<u64, Failure> {
        let end = offset + chunk.len() as u64;
        let (mut rest, mut offset, mut size) = (chunk, offset, size);
        let options = &self.to.host.options;
        let mut retry = Retry::new(options.attempts, options.first_wait);
        while !rest.is_empty() {
            let part = rest.slice(..rest.len().min(size as usize));
            let stands = match self.patch(offset, part).await {
                Ok(stands) => stands,
                Err(failure) if failure.status() == Some(413) && size / 4 >= SMALLEST.max(least) => {
                    size /= 4;
                    self.to.host.learn(|profile| profile.chunk = Some(size));
                    continue;
                }
                Err(failure) => self.recover(&mut retry, failure).await?,
            };
            if stands < offset || stands > end {
                self.accepted = stands.min(self.blob.size);
                let call = self.call(Method::PATCH)?;
                return Err(call.unreachable(format!("the upload stands at byte {stands}, not at {offset}")));
            }
            if stands == offset
                && retry.after(&self.call(Method::PATCH)?.unreachable("no progress")).is_none()
            {
                return Err(self.call(Method::PATCH)?.unreachable("the registry takes no bytes"));
            }
            rest.advance((stands - offset) as usize);
            offset = stands;
            self.accepted = offset;
        }
        Ok(size)
    }

    /// One PATCH; the answer is where the session stands now.
    async fn patch(&mut self, offset: u64, part: Bytes) -> Result<u64, Failure> {
        let end = offset + part.len() as u64;
        let call = self
            .call(Method::PATCH)?
            .header(CONTENT_RANGE, &format!("{offset}-{}", end - 1))
            .header(CONTENT_TYPE, "application/octet-stream")
            .body(part)
            .patience(self.to.patience())
            // Not blindly again: the registry may have taken it before the connection broke.
            .attempts(1);
        let answer = self.to.host.call(&call).await?;
        self.moved(&answer);
        // Not every registry says it, and after a success none can hold nothing.
        let held = header::session_length(answer.headers()).filter(|held| *held > 0);
        answer.drain().await;
        Ok(held.unwrap_or(end))
    }

    /// After a failed PATCH: waits if that may help, and asks where the session stands. The failure is given
    /// back if there is no point in going on.
    async fn recover(&mut self, retry: &mut Retry, failure: Failure) -> Result<u64, Failure> {
        if failure.status() == Some(416) {
            // It stands elsewhere than we thought, because an answer was lost: no reason to wait.
            if retry.after(&self.call(Method::PATCH)?.unreachable("out of step")).is_none() {
                return Err(failure);
            }
        } else {
            let again = retry.after(&failure).filter(|_| self.to.host.options.observer.may_retry());
            let Some((delay, attempt, of)) = again else {
                return Err(failure);
            };
            let (reason, class) = (failure.error.to_string(), failure.error.class());
            self.to.host.options.observer.retry(&RetryNotice { reason, class, attempt, of, delay });
            tokio::time::sleep(delay).await;
        }
        match self.held().await {
            Some(held) => Ok(held),
            // Nobody knows where it stands: the blob begins again.
            None if failure.status() == Some(416) => {
                let reason = format!("the upload does not say where it stands ({})", failure.error);
                Err(self.call(Method::PATCH)?.unreachable(reason))
            }
            None => Err(failure),
        }
    }
}
