-- The master keys under which something of this installation is sealed, each with a value that only it can open. A
-- server whose keys do not open all of them would find its secrets unreadable one by one; it refuses to start instead.
CREATE TABLE sealing_keys (
  key_id {bytes} NOT NULL PRIMARY KEY,
  proof {bytes} NOT NULL,
  created_at {timestamptz} NOT NULL
);
