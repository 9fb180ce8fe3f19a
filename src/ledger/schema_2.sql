-- Version 2: what other processes see of a job while it runs, and what they ask of the one that runs it.

ALTER TABLE jobs ADD COLUMN blobs BIGINT NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN settled BIGINT NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN flowing BIGINT NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN aside TEXT;
-- Each write of a row gives it the next number of the whole table: who looks again reads what is above the last one.
ALTER TABLE jobs ADD COLUMN changed BIGINT NOT NULL DEFAULT 0;
UPDATE jobs SET changed = id;
CREATE INDEX jobs_by_change ON jobs (changed);

-- Since when nobody sits in front of the process: its terminal hung up, or was left.
ALTER TABLE processes ADD COLUMN alone BIGINT;

-- `answered` is set by the process that was asked; `refusal` says why it did not do it. Who asked takes the row away.
CREATE TABLE requests (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    owner    TEXT NOT NULL,
    job      BIGINT NOT NULL,
    wish     TEXT NOT NULL,
    at       BIGINT NOT NULL,
    answered BIGINT,
    refusal  TEXT
);
CREATE INDEX requests_by_owner ON requests (owner, id);

-- A job that is forgotten takes these with it.
CREATE INDEX overwrites_by_job ON overwrites (job);
CREATE INDEX files_by_job ON files (job);
