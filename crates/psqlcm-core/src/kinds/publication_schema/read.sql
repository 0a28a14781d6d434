-- Only since 15 can a publication hold the tables of a schema.
select null, null, null where false
