-- The words that a name must not be without quotes, as this server has them.
select word from pg_catalog.pg_get_keywords() where catcode <> 'U'
