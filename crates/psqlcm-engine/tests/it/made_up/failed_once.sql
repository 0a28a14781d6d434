-- Round: a partition leaves as its parent's check goes
CREATE TABLE s1.pd PARTITION OF s1.p FOR VALUES FROM (10) TO (20);
-- and then
DROP TABLE s1.pd;
CREATE TABLE s1.pd PARTITION OF s1.p DEFAULT;
ALTER TABLE s1.p ADD CONSTRAINT "K 4" CHECK (length(b::text) < 99) NOT VALID;

-- Round: options stand in another order
ALTER TABLE s1.base SET (parallel_workers = 2);
ALTER TABLE s1.base SET (autovacuum_enabled = false);
-- and then
ALTER TABLE s1.base RESET (fillfactor, parallel_workers);

-- Round: a column is lost by its table before a partition without it comes
CREATE POLICY y2 ON s1.p FOR INSERT TO cm_change_reader WITH CHECK (c IN ('a', 'b'));
-- and then
CREATE TABLE s1.pd PARTITION OF s1.p DEFAULT;
ALTER TABLE s1.p RENAME COLUMN c TO d;

-- Round: a new column is stored otherwise, in the partition too
ALTER TABLE s1.p ALTER COLUMN c SET STORAGE EXTERNAL;
-- and then
ALTER TABLE s1.p RENAME COLUMN c TO "E e";

-- Round: the comment on a partitioned index is not its partitions'
COMMENT ON INDEX s1.i1 IS 'it''s
a comment';
-- and then
ALTER TABLE s1.p ALTER COLUMN a TYPE s1.mood[] USING a::text::s1.mood[];

-- Round: a partition leaves and keeps its index as a column goes
CREATE TABLE s1.pd PARTITION OF s1.p FOR VALUES FROM (10) TO (20);
CREATE UNIQUE INDEX "I 4" ON s1.p (id, b);
-- and then
ALTER TABLE s1.p DETACH PARTITION s1.pd;
ALTER TABLE s1.p DROP COLUMN b;

-- Round: a child changes parents and keeps the column that the old one loses
CREATE UNLOGGED TABLE s1."T 5" (id uuid PRIMARY KEY, a jsonb, "E e" date) WITH (parallel_workers = 2);
CREATE TABLE "S 3".t1 (d bigint) INHERITS (s1."T 5");
-- and then
ALTER TABLE s1."T 5" SET SCHEMA "S 3";
CREATE TABLE s1."T 5" (id integer GENERATED ALWAYS AS IDENTITY, a integer, b integer GENERATED ALWAYS AS (a * 2) STORED, c text);

-- Round: a new column has another default in a partition
CREATE TABLE s1.p3 PARTITION OF s1.p FOR VALUES FROM (10) TO (20);
ALTER TABLE s1.p3 ALTER COLUMN c SET DEFAULT '{}';
-- and then
ALTER TABLE s1.p DROP COLUMN c CASCADE;

-- Round: a partition leaves and keeps its index as the other goes
-- and then
ALTER TABLE s1.p DETACH PARTITION s1.p1;
DROP INDEX s1.i1;

-- Round: a table has the same exclusion twice
ALTER TABLE s1.t1 ADD CONSTRAINT "K 4" EXCLUDE USING btree (id WITH =);
ALTER TABLE s1.t1 ADD CONSTRAINT k2 EXCLUDE USING btree (id WITH =);
-- and then
DROP TABLE s1.t1;


-- Round: a table and its schema get other names as the domain of its column is changed
ALTER TABLE s1.base SET SCHEMA s2;
-- and then
ALTER DOMAIN s1.posint SET DEFAULT '1';
ALTER SCHEMA s2 RENAME TO s4;

-- Round: statistics name their columns in the order of the table
;
-- and then
CREATE STATISTICS s1.st2 (ndistinct) ON a, b FROM s1.base;
ALTER TABLE s1.base RENAME COLUMN a TO "E e";

-- Round: a virtual column becomes a plain one
;
-- and then
DROP DOMAIN s1.posint CASCADE;
ALTER TABLE s1.base ADD COLUMN d integer GENERATED ALWAYS AS (length(b::text)) VIRTUAL;

-- Round: a check is not valid any more, but in a partition it is
ALTER TABLE s1.p ADD CONSTRAINT k1 CHECK (a::text <> 'x') NOT VALID;
CREATE TABLE s2.p1 PARTITION OF s1.p FOR VALUES FROM (20) TO (30) PARTITION BY LIST (b);
-- and then
ALTER TABLE s1.p VALIDATE CONSTRAINT k1;

-- Round: a partition keeps the check that its table loses
CREATE TABLE s1.p2 (id integer, a integer, b text, c text);
ALTER TABLE s1.p2 ADD CONSTRAINT k1 CHECK (a > 0);
ALTER TABLE s1.p ATTACH PARTITION s1.p2 FOR VALUES FROM (10) TO (20);
-- and then
ALTER TABLE s1.p ADD CONSTRAINT k1 CHECK (a > 0);
COMMENT ON CONSTRAINT k1 ON s1.p2 IS 'own';

-- Round: a child keeps the column and the check that its parent loses, another loses them
CREATE TABLE s2.t1 () INHERITS (s1.base);
CREATE TABLE s2.t2 () INHERITS (s1.base);
ALTER TABLE s1.base ADD COLUMN z integer CONSTRAINT k1 CHECK (z > 0);
-- and then
ALTER TABLE ONLY s1.base DROP COLUMN z;
ALTER TABLE s2.t2 DROP COLUMN z;
ALTER TABLE s1.t1 ADD COLUMN z integer CONSTRAINT k1 CHECK (z > 0);

-- Round: a column goes with an index as a partition of the table goes
CREATE TABLE s1.pd PARTITION OF s1.p DEFAULT;
CREATE TRIGGER tr2 BEFORE INSERT ON s1.p FOR EACH ROW EXECUTE FUNCTION s1.trig();
-- and then
CREATE TABLE s2.p1 PARTITION OF s1.p FOR VALUES FROM (20) TO (30) PARTITION BY LIST (b);
ALTER TABLE s1.p DISABLE TRIGGER tr2;
DROP TABLE s1.pd;
CREATE INDEX i3 ON s1.p ((id::bigint + 1)) INCLUDE (b) WITH (fillfactor = 42);
ALTER TABLE s1.p RENAME COLUMN b TO "E e";

-- Round: a partition comes with its own partitions
;
-- and then
CREATE TABLE s1.pd PARTITION OF s1.p FOR VALUES FROM (20) TO (30) PARTITION BY LIST (b);
CREATE TABLE s1.p5 PARTITION OF s1.pd DEFAULT;

-- Round: a partition comes that has not the key of its table
ALTER TABLE ONLY s1.p ADD UNIQUE (id, a);
-- and then
ALTER TABLE s1.p1 RENAME TO p3;

-- Round: an extension without its comment
;
-- and then
CREATE EXTENSION IF NOT EXISTS citext SCHEMA s2;
COMMENT ON EXTENSION citext IS NULL;

-- Round: the type of a typed table gets, loses and changes attributes
CREATE TYPE s2.k1 AS (a integer, b text, c text);
CREATE TABLE s1.t3 OF s2.k1 (b DEFAULT 'x', PRIMARY KEY (a));
CREATE TABLE s1.t2 OF s2.k1;
INSERT INTO s1.t3 VALUES (1, 'b', 'c');
-- and then
ALTER TYPE s2.k1 ADD ATTRIBUTE id boolean CASCADE;
ALTER TYPE s2.k1 DROP ATTRIBUTE c CASCADE;
ALTER TYPE s2.k1 ALTER ATTRIBUTE b TYPE varchar(10) CASCADE;
ALTER TABLE s1.t3 ALTER COLUMN id SET DEFAULT true;
ALTER TABLE s1.t2 NOT OF;
ALTER TABLE s1.t2 DROP COLUMN id;

-- Round: a table with a key gets a partition
ALTER TABLE s1.p ADD PRIMARY KEY (id);
-- and then
DROP TABLE s1.p1;

-- Round: a partitioned table gets another name, and its index stays what its partitions' belong to
;
-- and then
ALTER TABLE s1.p RENAME TO t4;

-- Round: an identity column comes and goes
;
-- and then
ALTER TABLE s1.t1 ADD COLUMN d bigint GENERATED BY DEFAULT AS IDENTITY;
ALTER TABLE s1.base RENAME COLUMN id TO "E e";

-- Round: an aggregate depends on an extension
CREATE EXTENSION citext SCHEMA "S 3";
CREATE AGGREGATE s1.f1(date) (SFUNC = array_append, STYPE = date[]);
ALTER FUNCTION s1.f1 DEPENDS ON EXTENSION citext;
-- and then
DROP EXTENSION citext CASCADE;

-- Round: an index that is not built in the partitions stays so as its column gets another type
CREATE INDEX "I 4" ON ONLY s1.p (b);
-- and then
ALTER TABLE s1.p ALTER COLUMN b TYPE char(3);

-- Round: a new column is compressed otherwise than in the partition
ALTER TABLE s1.p ALTER COLUMN b SET COMPRESSION pglz;
-- and then
ALTER TABLE s1.p DROP COLUMN b;

-- Round: lists of varchar in checks, policies, views, indexes, triggers, defaults and functions
CREATE TABLE s1.t3 (id integer, b varchar(10), c varchar(20));
-- and then
ALTER TABLE s1.t3 ADD CHECK (c IN ('a', 'b'));
ALTER TABLE s1.t3 ADD e boolean DEFAULT ('a'::varchar IN ('a', 'it''s'));
ALTER TABLE s1.t3 ADD f boolean GENERATED ALWAYS AS (c NOT IN ('a', 'b')) STORED;
CREATE POLICY y1 ON s1.t3 USING (c IN ('a', 'b'));
CREATE VIEW s1.v3 AS SELECT * FROM s1.t3 WHERE c IN ('a', 'b');
CREATE INDEX ON s1.t3 (id) WHERE c IN ('a', 'b');
CREATE STATISTICS s1.st2 ON (c IN ('a', 'b')), id FROM s1.t3;
CREATE TRIGGER tr1 BEFORE INSERT ON s1.t3 FOR EACH ROW WHEN (NEW.c IN ('a', 'b')) EXECUTE FUNCTION s1.trig();
CREATE DOMAIN s1.d1 AS varchar(3) CHECK (VALUE IN ('a', 'b'));
CREATE FUNCTION s1.f1(t text) RETURNS boolean LANGUAGE sql BEGIN ATOMIC SELECT t::varchar IN ('a', 'b'); END;
CREATE RULE y2 AS ON INSERT TO s1.t3 WHERE NEW.c IN ('a', 'b') DO INSTEAD NOTHING;

-- Round: a partition without the key of its table gets other bounds
ALTER TABLE ONLY s1.p ADD UNIQUE (id, a);
-- and then
ALTER TABLE s1.p DETACH PARTITION s1.p1;
ALTER TABLE s1.p ATTACH PARTITION s1.p1 FOR VALUES FROM (10) TO (20);

-- Round: a range in use has another name, and its multirange the same
CREATE TYPE s1.span AS RANGE (subtype = integer);
CREATE TABLE s1.spans (a s1.span, b s1.span DEFAULT '[1,2)');
-- and then
ALTER TYPE s1.span RENAME TO stretch;

-- Round: a check that is not valid, of a table whose partition has partitions, is made again
ALTER TABLE s1.p ADD CONSTRAINT k1 CHECK (s1.twice(id::integer) > 0) NOT VALID;
CREATE TABLE s1.p3 PARTITION OF s1.p FOR VALUES FROM (20) TO (30) PARTITION BY LIST (b);
-- and then
DROP FUNCTION s1.twice(integer) CASCADE; CREATE FUNCTION s1.twice(n integer) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT n * 2::bigint';

-- Round: a typed table is of another type, with an attribute more
CREATE TABLE s1.t3 OF s1.pair;
-- and then
ALTER TYPE s1.pair ADD ATTRIBUTE id numeric CASCADE;
ALTER TYPE s1.pair RENAME TO k1;

-- Round: a table of the same name is of a type, and had other columns
;
-- and then
ALTER TABLE s1.base RENAME TO t4;
ALTER TYPE s1.pair RENAME TO k1;
CREATE TABLE s1.base OF s1.k1;

-- Round: tables that refer to each other are not logged any more
;
-- and then
ALTER TABLE s1.t1 SET UNLOGGED;
ALTER TABLE s1.base SET UNLOGGED;

-- Round: a child comes as the type of a column of its parent gets another name
;
-- and then
ALTER TYPE s1.mood RENAME TO e2;
CREATE TABLE s1."T 5" (d text[]) INHERITS (s1.t1);

-- Round: a child comes as its parent's defaults come, go and change
ALTER TABLE s1.t1 ALTER b SET DEFAULT 'x';
-- and then
ALTER TABLE s1.t1 ALTER a SET DEFAULT 1, ALTER b DROP DEFAULT, ALTER c SET DEFAULT 'b';
CREATE TABLE s1.t3 (d text[]) INHERITS (s1.t1);

-- Round: a partition comes to a table that has two keys over the same columns
CREATE UNIQUE INDEX i3 ON s1.p (id, a);
ALTER TABLE ONLY s1.p ADD UNIQUE (id, a);
-- and then
CREATE TABLE s1.p3 PARTITION OF s1.p DEFAULT;

-- Round: a partition moves whose keys are over the same columns
CREATE TABLE s1.p2 PARTITION OF s1.p DEFAULT;
ALTER TABLE s1.p ADD PRIMARY KEY (id);
ALTER TABLE s1.p ADD CONSTRAINT k1 UNIQUE (id);
-- and then
ALTER TABLE s1.p2 SET SCHEMA "S 3";

-- Round: a table of the same name is of a type whose attributes stand in another order
ALTER TYPE s1.pair ADD ATTRIBUTE id bigint;
-- and then
ALTER TABLE s1.base RENAME TO t4;
ALTER TYPE s1.pair RENAME TO k1;
CREATE TABLE s1.base OF s1.k1;

-- Round: a view of a column of a partition key that goes with its table is in the way
ALTER TYPE s1.mood SET SCHEMA s2;
DROP SCHEMA s2 CASCADE;
ALTER TABLE s1.p ADD COLUMN d bigint GENERATED BY DEFAULT AS IDENTITY;
CREATE OR REPLACE VIEW s1.w WITH (security_barrier) AS SELECT s1.twice(id::integer) AS id FROM s1.p;
-- and then
ALTER TABLE s1.p RENAME TO t4;

-- Round: a column that its partition has too is generated no more
ALTER TABLE s1.p ADD COLUMN "E e" integer GENERATED ALWAYS AS (length(b::text)) STORED;
-- and then
ALTER TABLE s1.p ALTER COLUMN "E e" DROP EXPRESSION IF EXISTS;

-- Round: a table's owner keeps what it has of a column as what it has of the table changes
ALTER TABLE s1.base OWNER TO "cm_change Odd";
GRANT UPDATE (d) ON s1.base TO "cm_change Odd";
-- and then
GRANT SELECT ON s1.base TO "cm_change Odd" WITH GRANT OPTION;

-- Round: a partition comes to a partition that has two indexes over the same columns, of which one is its parent's
CREATE TABLE s1.p3 PARTITION OF s1.p FOR VALUES FROM (20) TO (30) PARTITION BY LIST (b);
CREATE INDEX "I 4" ON s1.p3 (a);
-- and then
CREATE TABLE s1.p5 PARTITION OF s1.p3 DEFAULT;
