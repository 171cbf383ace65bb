-- Letters. The organisation is the one in whose transaction the letter was written; letters of Rhiza itself
-- (registration, say) belong to none. What a letter says is sealed, and removed once it has been sent.
CREATE TABLE mails (
  mail_id {uuid} NOT NULL PRIMARY KEY,
  org_id {uuid},
  -- Who gets it, as written and folded to lower case.
  recipient {text} NOT NULL,
  recipient_key {text} NOT NULL,
  template {text} NOT NULL,
  -- queued, sent, shown (there is no mail server; kept for the developer) or failed.
  state {text} NOT NULL,
  sealed {bytes},
  error {text},
  created_at {timestamptz} NOT NULL,
  settled_at {timestamptz}
);
CREATE INDEX mails_by_org ON mails (org_id, mail_id);
CREATE INDEX mails_by_recipient ON mails (recipient_key, mail_id);
CREATE INDEX mails_by_time ON mails (created_at);
