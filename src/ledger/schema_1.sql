-- Version 1. Times are milliseconds since 1970 (UTC), sizes are bytes, digests are algorithm:hex.
-- AUTOINCREMENT: a job's number is never given twice.

CREATE TABLE processes (
    id        TEXT PRIMARY KEY,
    host      TEXT NOT NULL,
    boot      TEXT NOT NULL,
    namespace TEXT NOT NULL,
    pid       BIGINT NOT NULL,
    started   BIGINT NOT NULL,
    instance  BIGINT NOT NULL,
    seen      BIGINT NOT NULL
);

CREATE TABLE jobs (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    spec     TEXT NOT NULL,
    state    TEXT NOT NULL,
    priority BIGINT NOT NULL DEFAULT 0,
    created  BIGINT NOT NULL,
    started  BIGINT,
    finished BIGINT,
    total    BIGINT NOT NULL DEFAULT 0,
    wire     BIGINT NOT NULL DEFAULT 0,
    reused   BIGINT NOT NULL DEFAULT 0,
    failure  TEXT,
    report   TEXT,
    owner    TEXT REFERENCES processes (id),
    epoch    BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX jobs_by_state ON jobs (state);
CREATE INDEX jobs_by_owner ON jobs (owner);

CREATE TABLE attempts (
    job     BIGINT NOT NULL REFERENCES jobs (id),
    attempt BIGINT NOT NULL,
    began   BIGINT NOT NULL,
    ended   BIGINT,
    outcome TEXT,
    failure TEXT,
    PRIMARY KEY (job, attempt)
);

CREATE TABLE logs (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    job     BIGINT NOT NULL REFERENCES jobs (id),
    attempt BIGINT NOT NULL,
    at      BIGINT NOT NULL,
    level   TEXT NOT NULL,
    text    TEXT NOT NULL
);
CREATE INDEX logs_by_job ON logs (job, id);

CREATE TABLE overwrites (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    job        BIGINT NOT NULL REFERENCES jobs (id),
    registry   TEXT NOT NULL,
    repository TEXT NOT NULL,
    tag        TEXT NOT NULL,
    old        TEXT NOT NULL,
    new        TEXT NOT NULL,
    at         BIGINT NOT NULL
);

CREATE TABLE files (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    job    BIGINT NOT NULL REFERENCES jobs (id),
    path   TEXT NOT NULL,
    digest TEXT NOT NULL,
    size   BIGINT NOT NULL,
    at     BIGINT NOT NULL
);

CREATE TABLE blobs (
    registry   TEXT NOT NULL,
    digest     TEXT NOT NULL,
    repository TEXT NOT NULL,
    seen       BIGINT NOT NULL,
    PRIMARY KEY (registry, digest, repository)
) WITHOUT ROWID;

CREATE TABLE profiles (
    registry TEXT PRIMARY KEY,
    profile  TEXT NOT NULL,
    changed  BIGINT NOT NULL
);
