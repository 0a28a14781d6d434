-- Since 15 there are privileges on parameters.
select null, null, null, null where false
