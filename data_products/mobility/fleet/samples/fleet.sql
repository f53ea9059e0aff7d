-- A few aircraft for SQLite, in the shape of the workshops' tables.
CREATE TABLE Model (ModelID integer PRIMARY KEY, Manufacturer text, Model text);
CREATE TABLE Aircraft (
    AircraftID integer PRIMARY KEY,
    TailNumber text,
    ModelID integer,
    BuiltOn text,
    Seats integer,
    IsTest integer NOT NULL DEFAULT 0,
    ModifiedAt text
);
INSERT INTO Model VALUES (1, 'Airbus', 'A320'), (2, 'Boeing', '737-800'), (3, 'Embraer', 'E190');
INSERT INTO Aircraft VALUES
    (1, 'N101LF', 1, '2012-03-01', 180, 0, '2025-01-01 08:00:00'),
    (2, 'N102LF', 1, '2014-06-15', 180, 0, '2025-01-01 08:00:00'),
    (3, 'N201LF', 2, '2009-11-30', 189, 0, '2025-01-02 09:30:00.250'),
    (4, 'N301LF', 3, '2018-02-28', 0, 0, '2025-01-02 10:00:00'),
    (5, 'N000LF', 2, '2020-01-01', 189, 1, '2025-01-03 00:00:00'),
    (6, 'N202LF', 2, '2011-04-04', 189, 0, NULL);
