-- What hostile names and texts are put into: every kind of object. A section is a template, told apart by `-- ##`; a number
-- after it is the first version that has it, `once` says that a database can have it once.
-- «a» is a name, the same throughout a section; «'a» the same as a string, «"a» a string that holds it quoted and with its schema;
-- «short a» one that leaves room: PostgreSQL makes the name of a multirange of it, and cuts characters apart;
-- «text» another text each time; «label» a text of a name's length; «opt a» a name without `=`; «op» an operator; «s» is the
-- schema, «db» the database; «role a», «role b», «role c» are roles.

-- ## schema
COMMENT ON SCHEMA «s» IS «text»;
ALTER SCHEMA «s» OWNER TO «role a»;
GRANT USAGE ON SCHEMA «s» TO «role b» WITH GRANT OPTION;
GRANT CREATE ON SCHEMA «s» TO «role c», PUBLIC;

-- ## database once
COMMENT ON DATABASE «db» IS «text»;
ALTER DATABASE «db» OWNER TO «role a»;
GRANT TEMPORARY ON DATABASE «db» TO «role b»;
ALTER DATABASE «db» SET search_path TO «s», public, «x», "$user";
ALTER DATABASE «db» SET "cm.odd" TO «'y»;
ALTER ROLE «role b» IN DATABASE «db» SET search_path TO «z», «s»;
ALTER ROLE «role c» IN DATABASE «db» SET "cm.odd" TO «text»;

-- ## what is PostgreSQL's, and extensions once
GRANT EXECUTE ON FUNCTION pg_catalog.pg_ls_waldir() TO «role a»;
REVOKE EXECUTE ON FUNCTION pg_catalog.pg_sleep(float8) FROM PUBLIC;
CREATE EXTENSION citext SCHEMA «s»;
CREATE TABLE «t» («a» «s».citext CONSTRAINT «c» UNIQUE, «b» «s».citext[]);
COMMENT ON EXTENSION citext IS «text»;
REVOKE USAGE ON TYPE «s».citext FROM PUBLIC;
GRANT USAGE ON TYPE «s».citext TO «role b»;

-- ## tables
CREATE TABLE «t» («a» int CONSTRAINT «pk» PRIMARY KEY, «b» text DEFAULT «text» CONSTRAINT «c» CHECK («b» <> «text»),
    «d» int GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME «i»), «e» int CONSTRAINT «f» REFERENCES «t» («a») ON DELETE SET NULL,
    «g» text CONSTRAINT «u» UNIQUE, «h» text GENERATED ALWAYS AS («g» || «text») STORED, «t» int4range,
    CONSTRAINT «x» EXCLUDE USING gist («t» WITH &&));
ALTER TABLE «t» OWNER TO «role a»;
ALTER TABLE «t» ALTER COLUMN «b» SET STATISTICS 7, ALTER COLUMN «b» SET STORAGE EXTERNAL, ALTER COLUMN «b» SET (n_distinct = -0.5);
COMMENT ON TABLE «t» IS «text»;
COMMENT ON COLUMN «t».«a» IS «text»;
COMMENT ON CONSTRAINT «c» ON «t» IS «text»;
GRANT SELECT, INSERT ON «t» TO «role b» WITH GRANT OPTION;
GRANT SELECT («a»), UPDATE («b») ON «t» TO «role c», PUBLIC;
CREATE TABLE «t2» («a» int, «a2» serial);
ALTER TABLE «t2» ADD CONSTRAINT «f2» FOREIGN KEY («a») REFERENCES «t» NOT VALID;

-- ## indexes and statistics
CREATE TABLE «t» («a» int, «b» text, «c» text NOT NULL);
CREATE INDEX «i» ON «t» («b» COLLATE "C" DESC NULLS LAST) WHERE «b» <> «text»;
CREATE UNIQUE INDEX «j» ON «t» («c») INCLUDE («a», «b»);
CREATE INDEX «k» ON «t» (lower(«b» || «text»), («a» + 1));
ALTER INDEX «k» ALTER COLUMN 2 SET STATISTICS 9;
ALTER TABLE «t» REPLICA IDENTITY USING INDEX «j»;
ALTER TABLE «t» CLUSTER ON «j»;
ALTER INDEX «i» DEPENDS ON EXTENSION plpgsql;
CREATE STATISTICS «st» (ndistinct) ON «a», «b» FROM «t»;
COMMENT ON INDEX «i» IS «text»;
COMMENT ON STATISTICS «st» IS «text»;
ALTER STATISTICS «st» OWNER TO «role b»;

-- ## statistics of expressions 14
CREATE TABLE «t» («a» int, «b» text);
CREATE STATISTICS «st» ON («b» || «text»), «a» FROM «t»;

-- ## triggers, rules, policies
CREATE TABLE «t» («a» int, «b» text);
CREATE TABLE «log» («b» text);
CREATE FUNCTION «f»() RETURNS trigger LANGUAGE plpgsql AS «text»;
CREATE TRIGGER «g» BEFORE UPDATE OF «b» ON «t» FOR EACH ROW WHEN (OLD.«b» <> «text») EXECUTE FUNCTION «f»(«text», «'t», 'a\b');
CREATE TRIGGER «h» AFTER UPDATE ON «t» REFERENCING OLD TABLE AS «o» NEW TABLE AS «n» FOR EACH STATEMENT EXECUTE FUNCTION «f»();
CREATE CONSTRAINT TRIGGER «i» AFTER INSERT ON «t» DEFERRABLE FOR EACH ROW EXECUTE FUNCTION «f»(«'x»);
ALTER TABLE «t» DISABLE TRIGGER «g», ENABLE ALWAYS TRIGGER «h»;
ALTER TRIGGER «g» ON «t» DEPENDS ON EXTENSION plpgsql;
CREATE RULE «r» AS ON INSERT TO «t» WHERE NEW.«b» <> «text» DO ALSO INSERT INTO «log» VALUES (NEW.«b» || «text»);
CREATE RULE «q» AS ON DELETE TO «t» DO INSTEAD (NOTIFY «ch»; INSERT INTO «log» VALUES (OLD.«b»));
ALTER TABLE «t» DISABLE RULE «q»;
ALTER TABLE «t» ENABLE ROW LEVEL SECURITY;
CREATE POLICY «p» ON «t» AS RESTRICTIVE FOR UPDATE TO «role b» USING («b» = «text») WITH CHECK («a» > 0);
COMMENT ON TRIGGER «g» ON «t» IS «text»;
COMMENT ON RULE «r» ON «t» IS «text»;
COMMENT ON POLICY «p» ON «t» IS «text»;

-- ## views
CREATE TABLE «t» («a» int PRIMARY KEY, «b» text);
CREATE VIEW «v» WITH (security_barrier) AS SELECT x.«a» AS «c», x.«b» || «text» AS «d», «text» AS «e» FROM «t» AS x;
CREATE VIEW «w» («f», «g») AS SELECT «c», max(«d») OVER «win» FROM «v» AS «al» WINDOW «win» AS (PARTITION BY «e»);
CREATE VIEW «joined» AS SELECT «u».«a», «k».* FROM «t» AS «u» CROSS JOIN LATERAL (VALUES («u».«b», «text»)) AS «k» («l», «m»);
CREATE RECURSIVE VIEW «rec» («n») AS VALUES (1) UNION ALL SELECT «n» + 1 FROM «rec» WHERE «n» < 10;
CREATE VIEW «cte» AS WITH «one» AS MATERIALIZED (SELECT 1 AS «two») SELECT «two», (SELECT max(«two») FROM «one» AS «al») AS «three» FROM «one»;
CREATE OR REPLACE VIEW «cyc» AS SELECT NULL::text AS «o»;
CREATE FUNCTION «fn»(«cyc») RETURNS text LANGUAGE sql AS 'SELECT $1::text';
CREATE OR REPLACE VIEW «cyc» AS SELECT «fn»(NULL) AS «o»;
CREATE MATERIALIZED VIEW «mv» AS SELECT «text» AS «p», «a» FROM «t»;
CREATE MATERIALIZED VIEW «mv2» AS SELECT * FROM «mv» WITH NO DATA;
CREATE UNIQUE INDEX «mvi» ON «mv» («a»);
ALTER VIEW «v» ALTER COLUMN «d» SET DEFAULT «text»;
ALTER VIEW «v» OWNER TO «role b»;
COMMENT ON VIEW «v» IS «text»;
COMMENT ON COLUMN «v».«d» IS «text»;
COMMENT ON MATERIALIZED VIEW «mv» IS «text»;
GRANT SELECT ON «v» TO «role c»;
GRANT SELECT ON «mv» TO «role a»;

-- ## sequences and defaults
CREATE SEQUENCE «q» AS smallint START 3;
CREATE TABLE «t» («a» int DEFAULT nextval(«"q»), «b» text DEFAULT «text», «c» int);
ALTER SEQUENCE «q» OWNED BY «t».«c»;
CREATE SEQUENCE «free»;
ALTER SEQUENCE «free» OWNER TO «role a»;
GRANT USAGE ON SEQUENCE «free» TO «role b», PUBLIC;
COMMENT ON SEQUENCE «free» IS «text»;

-- ## functions
CREATE FUNCTION «f»(«a» int DEFAULT 1, INOUT «b» text DEFAULT «text», VARIADIC «c» text[] DEFAULT ARRAY[«text»]) LANGUAGE plpgsql
    SET search_path TO «s», «x», pg_temp SET cm.odd TO «text» AS «text»;
CREATE FUNCTION «g»(«a» int) RETURNS TABLE («b» int, «c» text) LANGUAGE plpgsql COST 7 AS «text»;
CREATE FUNCTION «g»(«a» text) RETURNS text LANGUAGE sql AS «text»;
CREATE PROCEDURE «p»(INOUT «a» int, «b» text DEFAULT «text») LANGUAGE plpgsql AS «text»;
CREATE FUNCTION «sf»(«a» text, «b» int) RETURNS text LANGUAGE sql AS «text»;
CREATE AGGREGATE «agg»(«a» int) (SFUNC = «sf», STYPE = text, INITCOND = «text»);
CREATE AGGREGATE «agg2»(ORDER BY «a» anyelement) (SFUNC = ordered_set_transition, STYPE = internal, FINALFUNC = mode_final, FINALFUNC_EXTRA);
COMMENT ON FUNCTION «g»(int) IS «text»;
COMMENT ON PROCEDURE «p» IS «text»;
COMMENT ON AGGREGATE «agg»(int) IS «text»;
ALTER FUNCTION «g»(text) OWNER TO «role a»;
ALTER FUNCTION «g»(text) DEPENDS ON EXTENSION plpgsql;
REVOKE ALL ON FUNCTION «g»(int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION «g»(int) TO «role b» WITH GRANT OPTION;
GRANT EXECUTE ON PROCEDURE «p» TO «role c»;

-- ## bodies that are parsed 14
CREATE TABLE «t» («a» int, «b» text);
CREATE FUNCTION «f»(«x» int) RETURNS text LANGUAGE sql BEGIN ATOMIC
    INSERT INTO «t» («b») VALUES («text»); SELECT «al».«b» || «text» AS «c» FROM «t» AS «al» WHERE «al».«a» = «x»; END;
CREATE FUNCTION «g»() RETURNS text LANGUAGE sql RETURN «text»;
CREATE PROCEDURE «p»() LANGUAGE sql BEGIN ATOMIC END;

-- ## types
CREATE TYPE «e» AS ENUM («label», «label», «label»);
CREATE TYPE «comp» AS («a» int, «b» text COLLATE "C", «c» «e»[]);
CREATE DOMAIN «d» AS text DEFAULT «text» CONSTRAINT «chk» CHECK (VALUE <> «text») CONSTRAINT «chk2» CHECK (length(VALUE) > 0);
CREATE FUNCTION «diff»(float8, float8) RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT $1 - $2';
CREATE TYPE «short r» AS RANGE (SUBTYPE = float8, SUBTYPE_DIFF = «diff»);
CREATE TYPE «shell»;
CREATE TYPE «base»;
CREATE FUNCTION «in»(cstring) RETURNS «base» LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION «out»(«base») RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE TYPE «base» (INPUT = «in», OUTPUT = «out», DEFAULT = «text», CATEGORY = 'S');
CREATE TABLE «t» («u» «e»[], «v» «comp», «w» «d», «x» «short r», «y» «base»);
CREATE TABLE «of» OF «comp» («a» WITH OPTIONS DEFAULT 1, CONSTRAINT «k» PRIMARY KEY («a»));
COMMENT ON TYPE «e» IS «text»;
COMMENT ON COLUMN «comp».«a» IS «text»;
COMMENT ON DOMAIN «d» IS «text»;
COMMENT ON CONSTRAINT «chk» ON DOMAIN «d» IS «text»;
COMMENT ON TYPE «shell» IS «text»;
ALTER TYPE «comp» OWNER TO «role a»;
ALTER TYPE «shell» OWNER TO «role b»;
REVOKE USAGE ON TYPE «short r» FROM PUBLIC;
GRANT USAGE ON TYPE «d» TO «role b»;

-- ## multiranges 14
CREATE TYPE «r» AS RANGE (SUBTYPE = float8, MULTIRANGE_TYPE_NAME = «m»);
CREATE TABLE «t» («a» «m», «b» «r»);

-- ## collations and conversions
CREATE COLLATION «c» (LOCALE = 'C');
CREATE CONVERSION «v» FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE TABLE «t» («a» text COLLATE «c», «b» text);
CREATE INDEX «i» ON «t» («b» COLLATE «c»);
COMMENT ON COLLATION «c» IS «text»;
COMMENT ON CONVERSION «v» IS «text»;
ALTER COLLATION «c» OWNER TO «role a»;
ALTER CONVERSION «v» OWNER TO «role b»;

-- ## operators, casts
CREATE TYPE «e» AS ENUM («label»);
CREATE FUNCTION «f»(«e», «e») RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE FUNCTION «cmp»(«e», «e») RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 0';
CREATE OPERATOR «op» (FUNCTION = «f», LEFTARG = «e», RIGHTARG = «e»);
CREATE OPERATOR FAMILY «fam» USING btree;
ALTER OPERATOR FAMILY «fam» USING btree ADD OPERATOR 1 < (int4, int2), FUNCTION 1 btint42cmp(int4, int2);
CREATE OPERATOR CLASS «cls» FOR TYPE int USING btree FAMILY «fam» AS
    OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(int, int);
CREATE TABLE «t» («a» int, «b» «e»);
CREATE INDEX «i» ON «t» («a» «cls»);
CREATE TYPE «row» AS («a» int);
CREATE FUNCTION «to»(«row») RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT NULL::text';
CREATE CAST («row» AS text) WITH FUNCTION «to»(«row») AS ASSIGNMENT;
CREATE CAST («e» AS «row») WITH INOUT;
COMMENT ON OPERATOR FAMILY «fam» USING btree IS «text»;
COMMENT ON OPERATOR CLASS «cls» USING btree IS «text»;
COMMENT ON CAST («e» AS «row») IS «text»;
ALTER OPERATOR FAMILY «fam» USING btree OWNER TO «role a»;
ALTER OPERATOR CLASS «cls» USING btree OWNER TO «role b»;

-- ## text search
CREATE TEXT SEARCH PARSER «p» (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype);
CREATE TEXT SEARCH TEMPLATE «t» (INIT = dsimple_init, LEXIZE = dsimple_lexize);
CREATE TEXT SEARCH DICTIONARY «d» (TEMPLATE = «t», Accept = false);
CREATE TEXT SEARCH CONFIGURATION «c» (PARSER = «p»);
ALTER TEXT SEARCH CONFIGURATION «c» ADD MAPPING FOR asciiword, word WITH «d», simple;
CREATE TABLE «tab» («b» text);
CREATE INDEX «i» ON «tab» USING gin (to_tsvector(«"c», «b»));
COMMENT ON TEXT SEARCH PARSER «p» IS «text»;
COMMENT ON TEXT SEARCH TEMPLATE «t» IS «text»;
COMMENT ON TEXT SEARCH DICTIONARY «d» IS «text»;
COMMENT ON TEXT SEARCH CONFIGURATION «c» IS «text»;
ALTER TEXT SEARCH DICTIONARY «d» OWNER TO «role a»;
ALTER TEXT SEARCH CONFIGURATION «c» OWNER TO «role b»;

-- ## foreign data
CREATE FOREIGN DATA WRAPPER «w» OPTIONS («opt a» «text», «opt b» «text»);
CREATE SERVER «sv» TYPE «text» VERSION «text» FOREIGN DATA WRAPPER «w» OPTIONS («opt c» «text»);
CREATE USER MAPPING FOR «role a» SERVER «sv» OPTIONS («opt d» «text»);
CREATE USER MAPPING FOR PUBLIC SERVER «sv» OPTIONS ("user" «text»);
CREATE FOREIGN TABLE «ft» («a» int OPTIONS («opt e» «'a») NOT NULL, «b» text COLLATE "C" DEFAULT «text», CONSTRAINT «c» CHECK («b» <> «text»))
    SERVER «sv» OPTIONS («opt f» «text»);
COMMENT ON FOREIGN DATA WRAPPER «w» IS «text»;
COMMENT ON SERVER «sv» IS «text»;
COMMENT ON FOREIGN TABLE «ft» IS «text»;
ALTER SERVER «sv» OWNER TO «role b»;
GRANT USAGE ON FOREIGN DATA WRAPPER «w» TO «role c»;
GRANT USAGE ON FOREIGN SERVER «sv» TO «role c» WITH GRANT OPTION;
GRANT SELECT («a») ON «ft» TO «role a»;

-- ## publications
CREATE TABLE «t» («a» int PRIMARY KEY, «b» text);
CREATE PUBLICATION «p» FOR TABLE «t»;
CREATE PUBLICATION «empty» WITH (publish = '');
COMMENT ON PUBLICATION «p» IS «text»;
ALTER PUBLICATION «empty» OWNER TO «role a»;

-- ## publications of schemas and rows 15
CREATE TABLE «t» («a» int PRIMARY KEY, «b» text);
CREATE PUBLICATION «p» FOR TABLE «t» («a», «b») WHERE («b» <> «text»);
CREATE PUBLICATION «q» FOR TABLES IN SCHEMA «s»;

-- ## subscriptions, large objects once
CREATE SUBSCRIPTION «sub» CONNECTION 'dbname=nowhere' PUBLICATION «p», «q» WITH (connect = false, slot_name = NONE);
COMMENT ON SUBSCRIPTION «sub» IS «text»;
SELECT lo_create(4711);
ALTER LARGE OBJECT 4711 OWNER TO «role a»;
GRANT SELECT ON LARGE OBJECT 4711 TO «role b» WITH GRANT OPTION;
COMMENT ON LARGE OBJECT 4711 IS «text»;

-- ## languages, transforms, access methods, event triggers
CREATE TRUSTED LANGUAGE «l» HANDLER plpgsql_call_handler INLINE plpgsql_inline_handler;
CREATE TYPE «c» AS («a» int);
CREATE FUNCTION «from»(internal) RETURNS internal LANGUAGE internal STRICT IMMUTABLE AS 'dsimple_init';
CREATE TRANSFORM FOR «c» LANGUAGE «l» (FROM SQL WITH FUNCTION «from»(internal));
CREATE FUNCTION «f»(«x» «c») RETURNS int LANGUAGE «l» TRANSFORM FOR TYPE «c» AS «text»;
CREATE ACCESS METHOD «am» TYPE TABLE HANDLER heap_tableam_handler;
CREATE TABLE «t» («a» int) USING «am»;
CREATE FUNCTION «ev»() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER «et» ON sql_drop WHEN TAG IN ('DROP SERVER') EXECUTE FUNCTION «ev»();
COMMENT ON LANGUAGE «l» IS «text»;
COMMENT ON TRANSFORM FOR «c» LANGUAGE «l» IS «text»;
COMMENT ON ACCESS METHOD «am» IS «text»;
COMMENT ON EVENT TRIGGER «et» IS «text»;
GRANT USAGE ON LANGUAGE «l» TO «role a»;

-- ## partitions and children
CREATE TABLE «p» («a» text, «b» int) PARTITION BY LIST («a»);
CREATE TABLE «p1» PARTITION OF «p» FOR VALUES IN («label», «'p»);
CREATE TABLE «p2» PARTITION OF «p» DEFAULT PARTITION BY RANGE («b», lower(«a» || «label»));
CREATE TABLE «p3» PARTITION OF «p2» FOR VALUES FROM (1, «label») TO (2, «'p»);
CREATE INDEX «i» ON «p» («b»);
CREATE TABLE «par» («a» int, «b» text DEFAULT «text», CONSTRAINT «k» CHECK («b» <> «text»));
CREATE TABLE «chi» («c» int) INHERITS («par»);
ALTER TABLE «chi» ALTER COLUMN «b» SET DEFAULT «text»;

-- ## constraints that have names of their own 18
CREATE TABLE «t» («a» int CONSTRAINT «n» NOT NULL, «b» int GENERATED ALWAYS AS («a» + 1) VIRTUAL, «c» text CONSTRAINT «e» CHECK («c» <> «text») NOT ENFORCED);
COMMENT ON CONSTRAINT «n» ON «t» IS «text»;

-- ## default privileges
ALTER DEFAULT PRIVILEGES FOR ROLE «role a» IN SCHEMA «s» GRANT SELECT ON TABLES TO «role b» WITH GRANT OPTION;
ALTER DEFAULT PRIVILEGES FOR ROLE «role b» IN SCHEMA «s» GRANT EXECUTE ON FUNCTIONS TO «role c»;
ALTER DEFAULT PRIVILEGES FOR ROLE «role c» REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
