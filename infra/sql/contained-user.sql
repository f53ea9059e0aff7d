-- A contained user for an identity, with no more than it needs; as often as you like. The pipeline of the code runs it by
-- contained_users.py; by hand, as a member of the administrators' group:
--
--   sqlcmd -G -b -I -S SERVER -d DATABASE -i infra/sql/contained-user.sql -v Name="id-landfall-func-…" ClientId="…" Kind="app"
--
-- Kind is app (reads and writes rows) or deploy (migrates tables as well). The user is made by the identity's client id,
-- which needs no look-up in the directory and so no right there. A rebuilt identity keeps its name and has another client
-- id: its user is made anew.
SET NOCOUNT ON;
SET XACT_ABORT ON;

DECLARE @sid varbinary(16) = CAST(CAST('$(ClientId)' AS uniqueidentifier) AS varbinary(16));

IF '$(Kind)' NOT IN ('app', 'deploy') THROW 50000, 'Kind is app or deploy', 1;

IF EXISTS (SELECT 1 FROM sys.database_principals WHERE name = N'$(Name)' AND sid <> @sid) DROP USER [$(Name)];

IF NOT EXISTS (SELECT 1 FROM sys.database_principals WHERE name = N'$(Name)')
BEGIN
    DECLARE @create nvarchar(500) = N'CREATE USER [$(Name)] WITH SID = ' + CONVERT(nvarchar(34), @sid, 1) + N', TYPE = E';
    EXEC (@create);
END;

IF IS_ROLEMEMBER(N'db_datareader', N'$(Name)') = 0 ALTER ROLE db_datareader ADD MEMBER [$(Name)];
IF IS_ROLEMEMBER(N'db_datawriter', N'$(Name)') = 0 ALTER ROLE db_datawriter ADD MEMBER [$(Name)];
IF '$(Kind)' = 'deploy' AND IS_ROLEMEMBER(N'db_ddladmin', N'$(Name)') = 0 ALTER ROLE db_ddladmin ADD MEMBER [$(Name)];
IF '$(Kind)' = 'app' AND IS_ROLEMEMBER(N'db_ddladmin', N'$(Name)') = 1 ALTER ROLE db_ddladmin DROP MEMBER [$(Name)];
