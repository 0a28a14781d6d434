DROP TABLE :"schema".:"table";
DROP FUNCTION IF EXISTS :"schema".:"guard"();
