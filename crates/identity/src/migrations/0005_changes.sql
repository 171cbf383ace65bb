-- Tells every process that who may do what has changed, so that what they remember of it can be remembered for longer
-- than a second. A process of SQLite's knows its own changes.
{postgres} CREATE FUNCTION rhiza_access_changed() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN PERFORM pg_notify('rhiza_access', TG_TABLE_NAME); RETURN NULL; END $body$;
{postgres} CREATE TRIGGER access_changed AFTER UPDATE OR DELETE ON organizations FOR EACH STATEMENT EXECUTE FUNCTION rhiza_access_changed();
{postgres} CREATE TRIGGER access_changed AFTER INSERT OR UPDATE OR DELETE ON projects FOR EACH STATEMENT EXECUTE FUNCTION rhiza_access_changed();
{postgres} CREATE TRIGGER access_changed AFTER UPDATE OF disabled_at, email ON users FOR EACH STATEMENT EXECUTE FUNCTION rhiza_access_changed();
{postgres} CREATE TRIGGER access_changed AFTER INSERT OR UPDATE OR DELETE ON memberships FOR EACH STATEMENT EXECUTE FUNCTION rhiza_access_changed();
{postgres} CREATE TRIGGER access_changed AFTER UPDATE OR DELETE ON roles FOR EACH STATEMENT EXECUTE FUNCTION rhiza_access_changed();
{postgres} CREATE TRIGGER access_changed AFTER INSERT OR UPDATE OR DELETE ON team_members FOR EACH STATEMENT EXECUTE FUNCTION rhiza_access_changed();
{postgres} CREATE TRIGGER access_changed AFTER INSERT OR UPDATE OR DELETE ON project_roles FOR EACH STATEMENT EXECUTE FUNCTION rhiza_access_changed();
{postgres} CREATE TRIGGER access_changed AFTER UPDATE ON service_accounts FOR EACH STATEMENT EXECUTE FUNCTION rhiza_access_changed();
-- A sign-in or a new key changes nothing that anybody could remember; nor does being used.
{postgres} CREATE TRIGGER access_changed AFTER DELETE OR UPDATE OF org_id, user_id, revoked_at, expires_at, second_factor_at, confirmed_at ON sessions FOR EACH STATEMENT EXECUTE FUNCTION rhiza_access_changed();
{postgres} CREATE TRIGGER access_changed AFTER DELETE OR UPDATE OF org_id, project_id, scopes, role, created_by, expires_at, revoked_at, allowed_networks, service_account_id ON api_keys FOR EACH STATEMENT EXECUTE FUNCTION rhiza_access_changed();
{postgres} CREATE TRIGGER access_changed AFTER DELETE OR UPDATE OF scopes, project_id, expires_at, revoked_at ON token_families FOR EACH STATEMENT EXECUTE FUNCTION rhiza_access_changed();
{postgres} CREATE TRIGGER access_changed AFTER INSERT OR UPDATE OR DELETE ON signing_keys FOR EACH STATEMENT EXECUTE FUNCTION rhiza_access_changed();
