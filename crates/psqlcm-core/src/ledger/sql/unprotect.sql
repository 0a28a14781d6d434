DROP TRIGGER IF EXISTS :"guard" ON :"schema".:"table";
DROP FUNCTION IF EXISTS :"schema".:"guard"();
