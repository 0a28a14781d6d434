-- Ten differences, of ten kinds, in as many schemas.
ALTER TABLE tenant_0001.table_1 ADD COLUMN extra integer;
ALTER TABLE tenant_0002.table_2 ALTER COLUMN amount TYPE numeric(14, 2);
ALTER TABLE tenant_0003.table_3 ADD CONSTRAINT positive CHECK (id > 0);
CREATE TABLE tenant_0004.fresh (id bigint PRIMARY KEY, name text);
CREATE INDEX ON tenant_0005.table_5 (changed_at);
COMMENT ON TABLE tenant_0006.table_6 IS 'another one';
CREATE VIEW tenant_0007.short AS SELECT id, name FROM tenant_0007.table_7;
CREATE FUNCTION tenant_0008.one() RETURNS integer LANGUAGE sql AS 'SELECT 1';
GRANT SELECT ON tenant_0009.table_9 TO PUBLIC;
ALTER TYPE tenant_0010.state ADD VALUE 'late';
