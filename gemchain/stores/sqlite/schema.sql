-- gemchain's state in SQLite. Times are microseconds since 1970 in UTC; `version` is for compare-and-set.
--
-- A prompt is spread over three tables by how often each is written and read: `prompts` says what was
-- asked and never changes, `requests` holds the body, which only the input file needs, and `progress`
-- says where the prompt stands. All three share `seq`, so a move rewrites one small row and no index
-- of ids.

-- Text that stands in very many rows: ids of batches, addresses of output files.
CREATE TABLE names (
    seq  INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);

-- How many records of each owner are in each state, kept by the commits that move them: `prompt.DONE`, ...
CREATE TABLE counters (
    owner TEXT NOT NULL,
    name  TEXT NOT NULL,
    value NUMERIC NOT NULL,
    PRIMARY KEY (owner, name)
) WITHOUT ROWID;

-- Runs of the command line, and programs: the owners of chains.
CREATE TABLE runs (
    id         TEXT PRIMARY KEY,
    kind       TEXT NOT NULL,               -- run, or program
    function   TEXT NOT NULL,               -- FILE:FUNCTION; empty for a program
    input      TEXT,
    output     TEXT,
    command    TEXT,                        -- what to type to continue it
    folder     TEXT,                        -- where
    created_at INTEGER NOT NULL,
    begun_at   INTEGER NOT NULL             -- when it was last begun or continued
) WITHOUT ROWID;

CREATE TABLE queues (
    seq       INTEGER PRIMARY KEY,
    lane      TEXT NOT NULL,
    provider  TEXT NOT NULL,
    model     TEXT NOT NULL,
    owner     TEXT NOT NULL DEFAULT '',
    waiting   INTEGER NOT NULL DEFAULT 0,   -- prompts that are QUEUED, resting ones included
    size      INTEGER NOT NULL DEFAULT 0,   -- bytes of their requests
    newest_at INTEGER,                      -- when one was last added
    UNIQUE (lane, provider, model, owner)
);

CREATE TABLE chains (
    seq          INTEGER PRIMARY KEY,
    id           TEXT NOT NULL UNIQUE,
    version      INTEGER NOT NULL,
    state        TEXT NOT NULL,
    open         INTEGER NOT NULL,          -- prompts that are QUEUED, CLAIMED, ANSWERED, WAITING or PARKED
    token        TEXT NOT NULL,             -- of the commit that created it
    tokens       TEXT NOT NULL,             -- of the commits that moved it
    created_at   INTEGER NOT NULL,
    ended_at     INTEGER,
    deadline_at  INTEGER,
    code_version INTEGER,
    budget       REAL,
    key          TEXT,
    function     TEXT NOT NULL,
    labels       TEXT,
    failure      TEXT,
    result       TEXT,
    args         TEXT NOT NULL,
    owner        TEXT NOT NULL DEFAULT ''
);
CREATE INDEX chains_of_owner ON chains (owner, state);

CREATE TABLE prompts (
    seq          INTEGER PRIMARY KEY,
    id           TEXT NOT NULL UNIQUE,
    chain        INTEGER NOT NULL REFERENCES chains,
    chain_id     TEXT NOT NULL,             -- spares every reader the chain's row
    queue        INTEGER NOT NULL REFERENCES queues,
    parent_id    TEXT,
    path         TEXT NOT NULL,
    depth        INTEGER NOT NULL,
    kind         TEXT NOT NULL,
    size         INTEGER NOT NULL,
    callback     TEXT,
    params       TEXT NOT NULL,
    on_error     TEXT,
    retry_if     TEXT,
    closure      TEXT,
    rules        TEXT,
    schema       TEXT,
    accept       TEXT NOT NULL,             -- reasons joined by commas
    max_attempts INTEGER NOT NULL,
    priority     INTEGER NOT NULL,
    deadline_at  INTEGER,
    labels       TEXT,
    key          TEXT,
    forked       INTEGER NOT NULL,
    durable      INTEGER NOT NULL,
    join_id      TEXT,
    branch       INTEGER,
    request_hash TEXT,
    created_at   INTEGER NOT NULL
);
CREATE INDEX prompts_of_chain ON prompts (chain);
CREATE INDEX prompts_of_join ON prompts (join_id) WHERE join_id IS NOT NULL;

CREATE TABLE requests (
    seq  INTEGER PRIMARY KEY REFERENCES prompts,
    body TEXT NOT NULL
);

-- Whatever a new prompt does not differ in has a default, and what is indexed stands in columns of its own
-- that are NULL most of the time: the usual moves touch few values and hardly an index.
CREATE TABLE progress (
    seq               INTEGER PRIMARY KEY REFERENCES prompts,
    version           INTEGER NOT NULL,     -- seq * 2^20 + number of changes: leads back to the row by itself
    state             TEXT NOT NULL,
    attempt           INTEGER NOT NULL DEFAULT 1,
    batch             INTEGER REFERENCES names,
    not_before_at     INTEGER,
    answer_file       INTEGER REFERENCES names,
    answer_generation INTEGER,
    answer_offset     INTEGER,
    answer_length     INTEGER,
    callback_attempts INTEGER NOT NULL DEFAULT 0,
    prompt_tokens     INTEGER NOT NULL DEFAULT 0,
    answer_tokens     INTEGER NOT NULL DEFAULT 0,
    cost              REAL NOT NULL DEFAULT 0,
    full_cost         REAL NOT NULL DEFAULT 0,
    claimed_at        INTEGER,
    answered_at       INTEGER,
    ended_at          INTEGER,
    unsettled         INTEGER NOT NULL DEFAULT 0,
    queue             INTEGER,              -- only while QUEUED
    rank              INTEGER,              -- only while QUEUED: minus priority
    waits_at          INTEGER,              -- only while QUEUED: since when it waits, or until when it rests
    deadline_at       INTEGER,              -- only while QUEUED or WAITING
    due_at            INTEGER,              -- only while ANSWERED: when its callback may run again
    open_join         TEXT,                 -- only while the join has to wait for it
    awaits            TEXT,                 -- only while WAITING: the chain whose end it waits for
    stopped           TEXT,                 -- the state, while that is PARKED, FAILED or CANCELLED
    tokens            TEXT NOT NULL DEFAULT '',  -- of the commits that moved it
    failure           TEXT,
    result            TEXT
);
CREATE INDEX progress_waiting ON progress (queue, rank, waits_at) WHERE queue IS NOT NULL;
CREATE INDEX progress_of_batch ON progress (batch) WHERE batch IS NOT NULL;
CREATE INDEX progress_answered ON progress (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX progress_stopped ON progress (stopped) WHERE stopped IS NOT NULL;
CREATE INDEX progress_overdue ON progress (deadline_at) WHERE deadline_at IS NOT NULL;
CREATE INDEX progress_open_join ON progress (open_join) WHERE open_join IS NOT NULL;
CREATE INDEX progress_awaits ON progress (awaits) WHERE awaits IS NOT NULL;
CREATE INDEX progress_unsettled ON progress (unsettled) WHERE unsettled = 1;

CREATE TABLE batches (
    seq             INTEGER PRIMARY KEY,
    id              TEXT NOT NULL UNIQUE,
    version         INTEGER NOT NULL,
    lane            TEXT NOT NULL,
    provider        TEXT NOT NULL,
    model           TEXT NOT NULL,
    state           TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    fence           INTEGER NOT NULL,
    leased_until_at INTEGER,
    requests        INTEGER NOT NULL,
    size            INTEGER NOT NULL,
    input_uri       TEXT,
    job             TEXT,
    create_at       INTEGER,
    sent_at         INTEGER,
    poll_at         INTEGER,
    arrived_at      INTEGER,
    closed_at       INTEGER,
    output          TEXT NOT NULL,
    parts           INTEGER NOT NULL,
    counts          TEXT NOT NULL,
    usage           TEXT NOT NULL,
    failure         TEXT,
    owner           TEXT NOT NULL DEFAULT '',
    holder          TEXT,
    source          TEXT,                       -- the lane of its queue, where its own is another
    next_lane       TEXT                        -- where it goes over to when its cancelled job is over
);
CREATE INDEX batches_open ON batches (seq) WHERE state IN ('PLANNED', 'WRITTEN', 'SENT', 'ARRIVED');

CREATE TABLE parts (
    seq             INTEGER PRIMARY KEY,
    id              TEXT NOT NULL UNIQUE,
    version         INTEGER NOT NULL,
    batch_id        TEXT NOT NULL,
    "index"         INTEGER NOT NULL,
    file            TEXT NOT NULL,
    start           INTEGER NOT NULL,
    "end"           INTEGER NOT NULL,
    state           TEXT NOT NULL,
    fence           INTEGER NOT NULL,
    leased_until_at INTEGER,
    counts          TEXT NOT NULL,
    usage           TEXT NOT NULL,
    holder          TEXT
);
CREATE INDEX parts_of_batch ON parts (batch_id, "index");
CREATE INDEX parts_open ON parts (batch_id, "index") WHERE state = 'WAITING';
